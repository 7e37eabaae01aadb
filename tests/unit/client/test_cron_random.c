/* test_cron_random.c: random expressions against a second, slow implementation: it keeps what was
 * drawn beside its text, walks a calendar of its own day by day, and tries every second of a day.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/rng.h"
#include "scheduler/cron.h"

#define EXPRESSIONS 4000
#define CHAIN       6 /* times that are followed from each start */
#define ITEMS_MAX   3
#define LAST_DAY    (41 * 366) /* 29 February on a certain weekday may take 40 years */
#define DAY         86400

/* ---- what is drawn ---- */

enum item_kind { RANGE, LAST, LAST_WORKING, NEAREST, NTH, LAST_WEEKDAY };

struct item {
    enum item_kind kind;
    int a, b, step; /* RANGE: a to b; LAST: b days before; NEAREST: a; NTH: the b-th a */
};

struct field {
    struct item items[ITEMS_MAX];
    int count;
    bool open; /* "*" or "?" */
};

struct drawn {
    struct field fields[CRON_FIELDS];
    char text[512];
};

static const int lowest[CRON_FIELDS] = {0, 0, 0, 1, 1, 0};
static const int highest[CRON_FIELDS] = {59, 59, 23, 31, 12, 7};

static int draw(struct rng *rng, int min, int max)
{
    return min + (int)rng_below(rng, (uint64_t)(max - min + 1));
}

static void append(struct drawn *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void append(struct drawn *d, const char *format, ...)
{
    size_t used = strlen(d->text);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(d->text + used, sizeof d->text - used, format, args);
    va_end(args);
}

static void append_value(struct drawn *d, struct rng *rng, int field, int value)
{
    static const char *const weekdays[] = {"Sun", "mon", "TUE", "wed", "thu", "Fri", "sat"};
    static const char *const months[] = {"jan", "FEB", "mar", "apr", "May", "jun",
                                         "jul", "aug", "sep", "oct", "nov", "dec"};
    bool word = rng_below(rng, 3) == 0;
    if (word && field == CRON_MONTH)
        append(d, "%s", months[value - 1]);
    else if (word && field == CRON_WEEKDAY && value < 7)
        append(d, "%s", weekdays[value]);
    else
        append(d, "%d", value);
}

static struct item draw_range(struct drawn *d, struct rng *rng, int field)
{
    int low = lowest[field], high = highest[field];
    struct item item = {.kind = RANGE, .a = draw(rng, low, high), .step = 1};
    item.b = item.a;
    switch (rng_below(rng, 5)) {
    case 0:
        item.a = low;
        item.b = high;
        append(d, "*");
        break;
    case 1:
        item.b = draw(rng, item.a, high);
        append_value(d, rng, field, item.a);
        append(d, "-");
        append_value(d, rng, field, item.b);
        break;
    case 2:
        item.b = high;
        item.step = draw(rng, 1, high - low);
        append_value(d, rng, field, item.a);
        append(d, "/%d", item.step);
        return item;
    default:
        append_value(d, rng, field, item.a);
        return item;
    }
    if (rng_below(rng, 2)) {
        item.step = draw(rng, 1, high - low);
        append(d, "/%d", item.step);
    }
    return item;
}

static struct item draw_day(struct drawn *d, struct rng *rng)
{
    struct item item = {.a = draw(rng, 1, 31)};
    switch (rng_below(rng, 4)) {
    case 0:
        append(d, "L");
        item.kind = LAST;
        break;
    case 1:
        item.kind = LAST;
        item.b = draw(rng, 0, 30);
        append(d, "L-%d", item.b);
        break;
    case 2:
        append(d, "LW");
        item.kind = LAST_WORKING;
        break;
    default:
        append(d, "%dW", item.a);
        item.kind = NEAREST;
        break;
    }
    return item;
}

static struct item draw_weekday(struct drawn *d, struct rng *rng)
{
    struct item item = {.kind = NTH, .a = draw(rng, 0, 7), .b = draw(rng, 1, 5)};
    append_value(d, rng, CRON_WEEKDAY, item.a);
    if (rng_below(rng, 2)) {
        item.kind = LAST_WEEKDAY;
        append(d, "L");
    } else {
        append(d, "#%d", item.b);
    }
    return item;
}

static void draw_field(struct drawn *d, struct rng *rng, int field)
{
    struct field *f = &d->fields[field];
    bool special = rng_below(rng, 3) == 0;
    *f = (struct field){.open = rng_below(rng, field > CRON_HOUR ? 2 : 4) == 0};
    if (f->open) {
        append(d, field == CRON_DAY && special ? "? " : "* ");
        return;
    }
    f->count = rng_below(rng, 2) ? 1 : draw(rng, 1, ITEMS_MAX);
    for (int i = 0; i < f->count; i++) {
        size_t begin = strlen(d->text);
        if (field == CRON_DAY && special)
            f->items[i] = draw_day(d, rng);
        else if (field == CRON_WEEKDAY && special)
            f->items[i] = draw_weekday(d, rng);
        else
            f->items[i] = draw_range(d, rng, field);
        f->open |= f->count == 1 && strcmp(d->text + begin, "*") == 0;
        append(d, i + 1 < f->count ? "," : " ");
    }
}

static void draw_expression(struct drawn *d, struct rng *rng)
{
    bool seconds = rng_below(rng, 4) == 0;
    *d = (struct drawn){0};
    d->fields[CRON_SECOND].count = 1; /* second 0 */
    d->fields[CRON_SECOND].items[0].step = 1;
    for (int field = seconds ? CRON_SECOND : CRON_MINUTE; field < CRON_FIELDS; field++)
        draw_field(d, rng, field);
}

/* ---- the slow implementation ---- */

struct date {
    int64_t number; /* days since 1970-01-01 */
    int year, month, day, weekday, month_days;
};

static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month != 2 || year % 4 != 0)
        return days[month - 1];
    return year % 100 == 0 && year % 400 != 0 ? 28 : 29;
}

static void step(struct date *d)
{
    d->number++;
    d->weekday = (d->weekday + 1) % 7;
    if (++d->day <= d->month_days)
        return;
    d->day = 1;
    if (++d->month > 12) {
        d->month = 1;
        d->year++;
    }
    d->month_days = days_of(d->year, d->month);
}

static bool working(int weekday)
{
    return weekday >= 1 && weekday <= 5;
}

/* Looks at the days by rising distance, the one before first. */
static int nearest(const struct date *d, int day)
{
    int weekday = (d->weekday + 35 + day - d->day) % 7;
    for (int distance = 0; day <= d->month_days; distance++) {
        if (day - distance >= 1 && working((weekday + 7 - distance) % 7))
            return day - distance;
        if (day + distance <= d->month_days && working((weekday + distance) % 7))
            return day + distance;
    }
    return 0;
}

static bool item_has(const struct item *item, const struct date *d, int value, bool weekday)
{
    int seventh = weekday && item->a == 7 ? 0 : item->a;
    switch (item->kind) {
    case RANGE:
        for (int v = item->a; v <= item->b; v += item->step)
            if (v == value || (weekday && v == 7 && value == 0))
                return true;
        return false;
    case LAST:
        return d->day == d->month_days - item->b;
    case LAST_WORKING:
        for (int day = d->month_days, w = (d->weekday + 35 + day - d->day) % 7;; day--, w--)
            if (working((w + 7) % 7))
                return d->day == day;
    case NEAREST:
        return d->day == nearest(d, item->a);
    case NTH:
        return d->weekday == seventh && (d->day + 6) / 7 == item->b;
    case LAST_WEEKDAY:
        return d->weekday == seventh && d->day + 7 > d->month_days;
    }
    return false;
}

static bool field_has(const struct field *f, const struct date *d, int value, bool weekday)
{
    for (int i = 0; i < f->count; i++)
        if (item_has(&f->items[i], d, value, weekday))
            return true;
    return f->open;
}

static bool has_day(const struct drawn *e, const struct date *d)
{
    const struct field *days = &e->fields[CRON_DAY], *weekdays = &e->fields[CRON_WEEKDAY];
    if (!field_has(&e->fields[CRON_MONTH], d, d->month, false))
        return false;
    bool day = field_has(days, d, d->day, false);
    bool weekday = field_has(weekdays, d, d->weekday, true);
    return days->open || weekdays->open ? day && weekday : day || weekday;
}

static bool has_time(const struct drawn *e, const struct date *d, int time)
{
    return field_has(&e->fields[CRON_SECOND], d, time % 60, false) &&
           field_has(&e->fields[CRON_MINUTE], d, time / 60 % 60, false) &&
           field_has(&e->fields[CRON_HOUR], d, time / 3600, false);
}

/* The first time from `time` of the date on. */
static bool slow_next(const struct drawn *e, struct date d, int time, int64_t *ret)
{
    bool minutes = e->fields[CRON_SECOND].items[0].b == 0 && !e->fields[CRON_SECOND].open &&
                   e->fields[CRON_SECOND].count == 1;
    for (int day = 0; day < LAST_DAY; day++, step(&d), time = 0) {
        if (!has_day(e, &d))
            continue;
        for (; time < DAY; time++) {
            if (minutes && time % 60) /* second 0 alone */
                continue;
            if (has_time(e, &d, time)) {
                *ret = d.number * DAY + time;
                return true;
            }
        }
    }
    return false;
}

/* ---- both ---- */

static struct date random_date(struct rng *rng)
{
    struct date d = {.year = 1970, .month = 1, .day = 1, .weekday = 4, .month_days = 31};
    for (uint64_t days = rng_below(rng, 131 * 365); days > 0; days--)
        step(&d);
    return d;
}

/* From each time to the next one and back. */
static void check_chain(const struct drawn *e, const struct cron *cron, struct rng *rng)
{
    struct date d = random_date(rng);
    int time = draw(rng, 0, DAY - 1);
    int64_t at = d.number * DAY + time - 1;
    for (int i = 0; i < CHAIN; i++) {
        int64_t wanted, got, back;
        if (!slow_next(e, d, time, &wanted))
            fail_msg("%s: nothing found in 40 years", e->text);
        if (!cron_next(cron, at, &got) || got != wanted)
            fail_msg("%s after %lld: %lld instead of %lld", e->text, (long long)at, (long long)got,
                     (long long)wanted);
        assert_true(cron_matches(cron, got));
        assert_true(cron_previous(cron, got + 1, &back) && back == got);
        assert_true(cron_previous(cron, got, &back) && back <= at);
        assert_int_equal(cron_matches(cron, at), back == at);
        assert_true(cron_next(cron, back, &back) && back == got);
        while (d.number < (got + 1) / DAY)
            step(&d);
        time = (int)(got + 1 - d.number * DAY);
        at = got;
    }
}

static void test_against_slow(void **state)
{
    (void)state;
    struct rng rng = {.state = 20260329};
    int refused = 0;
    for (int i = 0; i < EXPRESSIONS; i++) {
        struct drawn e;
        struct cron cron;
        struct cron_error error;
        draw_expression(&e, &rng);
        if (cron_parse(slice_str(e.text), &cron, &error) == 0) {
            check_chain(&e, &cron, &rng);
            continue;
        }
        struct date d = random_date(&rng);
        int64_t found;
        refused++;
        if (!strstr(error.text, "would never fire") || slow_next(&e, d, 0, &found))
            fail_msg("%s: %s", e.text, error.text);
    }
    assert_in_range(refused, 1, EXPRESSIONS / 10);
}

/* Whatever stands there is refused with a sentence or fires. */
static void test_noise(void **state)
{
    (void)state;
    static const char letters[] = "0123456789**//--,,??LlWw##  \t@sunmonjanA\xff";
    struct rng rng = {.state = 7};
    int taken = 0;
    for (int i = 0; i < 100000; i++) {
        char text[] = "1 2-3/4 L,5W * 0#2,sunL";
        size_t len = sizeof text - 1;
        for (uint64_t changes = 1 + rng_below(&rng, 4); changes > 0; changes--)
            text[rng_below(&rng, len)] = letters[rng_below(&rng, sizeof letters - 1)];
        struct cron cron;
        struct cron_error error;
        int64_t at;
        if (cron_parse(slice_of(text, len), &cron, &error)) {
            assert_in_range(strlen(error.text), 10, CRON_ERROR_SIZE - 1);
            assert_in_range(error.position, 0, len + 1);
            continue;
        }
        taken++;
        assert_true(cron_next(&cron, 0, &at) && at > 0);
        assert_true(cron_matches(&cron, at));
    }
    assert_in_range(taken, 1000, 99000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_slow),
                                       cmocka_unit_test(test_noise)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
