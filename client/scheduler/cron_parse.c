/* cron_parse.c: the text of a cron expression. Every error names the field, the position and the
 * rule. */
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#include "base/civil.h"
#include "scheduler/cron.h"

#define QUOTED_MAX  24 /* characters of an expression that an error repeats */
#define NUMBER_MAX  9999
#define WEEK        7
#define WEEKS       5 /* a month has at most five of a weekday */
#define FIELDS_MIN  5
#define CYCLE_START INT64_C(946684800) /* 2000-01-01; every 400 years are alike */

struct parser {
    const char *text;
    size_t at, end; /* `end` is that of the present item, or of all */
    enum cron_field field;
    struct cron *cron;
    struct cron_error *error;
};

static const struct {
    const char *name, *expression;
} macros[] = {
    {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
    {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
    {"@hourly", "0 * * * *"},
};

/* ---- errors ---- */

static int fail(struct parser *p, size_t at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `at` counts from 0. */
static int fail(struct parser *p, size_t at, const char *format, ...)
{
    struct cron_error *e = p->error;
    e->field = p->field;
    e->position = at + 1;
    int used =
        snprintf(e->text, sizeof e->text, "%s%s, position %zu: ", cron_field_rule(p->field)->name,
                 p->field < CRON_FIELDS ? " field" : "", e->position);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(e->text + used, sizeof e->text - (size_t)used, format, args);
    va_end(args);
    return MUSTER_EINVAL;
}

/* A part of the expression for an error: short, and without what is no printable ASCII. */
struct quoted {
    char text[QUOTED_MAX + 4];
};

static struct quoted quote(const struct parser *p, size_t begin, size_t end)
{
    struct quoted q;
    size_t len = end - begin < QUOTED_MAX ? end - begin : QUOTED_MAX;
    for (size_t i = 0; i < len; i++) {
        char c = p->text[begin + i];
        q.text[i] = c >= ' ' && c <= '~' ? c : '?';
    }
    memcpy(q.text + len, end - begin > len ? "..." : "", end - begin > len ? 4 : 1);
    return q;
}

/* ---- words ---- */

static bool at_char(const struct parser *p, char c)
{
    return p->at < p->end && p->text[p->at] == c;
}

/* A letter, in any case. */
static bool at_letter(const struct parser *p, char lower)
{
    return p->at < p->end && (p->text[p->at] | 0x20) == lower;
}

static bool take(struct parser *p, char c)
{
    bool found = at_char(p, c);
    p->at += found;
    return found;
}

static bool take_letter(struct parser *p, char lower)
{
    bool found = at_letter(p, lower);
    p->at += found;
    return found;
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool at_digit(const struct parser *p)
{
    return p->at < p->end && p->text[p->at] >= '0' && p->text[p->at] <= '9';
}

/* A number from min to max; `what` names it in the error. */
static int take_number(struct parser *p, int min, int max, const char *what, int *ret)
{
    size_t begin = p->at;
    int value = 0;
    if (!at_digit(p))
        return fail(p, begin, "a number from %d to %d is missing%s%s", min, max, *what ? " " : "",
                    what);
    for (; at_digit(p); p->at++)
        value = value < NUMBER_MAX ? value * 10 + (p->text[p->at] - '0') : value;
    if (value < min || value > max)
        return fail(p, begin, "\"%s\" is not within %d to %d%s%s", quote(p, begin, p->at).text, min,
                    max, *what ? " " : "", what);
    *ret = value;
    return 0;
}

/* A number of the field, or a name that stands for one. */
static int take_value(struct parser *p, int *ret)
{
    const struct cron_field_rule *rule = cron_field_rule(p->field);
    size_t begin = p->at, end = begin;
    while (end < p->end && is_letter(p->text[end]))
        end++;
    if (end == begin)
        return take_number(p, rule->min, rule->max, "", ret);
    /* "friL" is a name with a letter behind it */
    size_t len = end - begin < 3 ? end - begin : 3;
    int value = cron_field_word(p->field, slice_of(p->text + begin, len));
    if (value < 0 && *rule->words)
        return fail(p, begin, "\"%s\" is no name; names are %.3s to %s", quote(p, begin, end).text,
                    rule->words, rule->words + strlen(rule->words) - 3);
    if (value < 0)
        return fail(p, begin, "\"%s\" is no number from %d to %d", quote(p, begin, end).text,
                    rule->min, rule->max);
    bool last = p->field == CRON_WEEKDAY && end - begin == 4 && (p->text[end - 1] | 0x20) == 'l';
    if (end - begin > 3 && !last)
        return fail(p, begin, "\"%s\" is no name, as names have three letters: write %.3s",
                    quote(p, begin, end).text, p->text + begin);
    p->at += len;
    *ret = value;
    return 0;
}

/* ---- items: what stands between commas ---- */

static void add(struct parser *p, int value)
{
    struct cron *c = p->cron;
    switch (p->field) {
    case CRON_SECOND:
        c->seconds |= UINT64_C(1) << value;
        break;
    case CRON_MINUTE:
        c->minutes |= UINT64_C(1) << value;
        break;
    case CRON_HOUR:
        c->hours |= 1u << value;
        break;
    case CRON_DAY:
        c->days |= 1u << value;
        break;
    case CRON_MONTH:
        c->months |= 1u << value;
        break;
    case CRON_WEEKDAY:
        c->weekdays |= (uint8_t)(1u << value % WEEK);
        break;
    case CRON_FIELDS:
        break;
    }
}

static int add_range(struct parser *p, int first, int last)
{
    const struct cron_field_rule *rule = cron_field_rule(p->field);
    int step = 1;
    if (take(p, '/')) {
        int error = take_number(p, 1, rule->max - rule->min + (p->field != CRON_WEEKDAY),
                                "for a step", &step);
        if (error)
            return error;
    }
    for (int value = first; value <= last; value += step)
        add(p, value);
    return 0;
}

static int fail_backwards(struct parser *p, size_t begin, int first, int last)
{
    const struct cron_field_rule *rule = cron_field_rule(p->field);
    int top = p->field == CRON_WEEKDAY ? WEEK - 1 : rule->max;
    if (first > top) /* Sunday as 7 */
        return fail(p, begin, "\"%s\" runs backwards; write 0-%d", quote(p, begin, p->at).text,
                    last);
    return fail(p, begin, "\"%s\" runs backwards; write %d-%d,%d-%d", quote(p, begin, p->at).text,
                first, top, rule->min, last);
}

/* "L", "LW" and "L-3" of a month's days. */
static int take_last_day(struct parser *p)
{
    p->at++;
    if (take_letter(p, 'w')) {
        p->cron->last_working_day = true;
        return 0;
    }
    int back = 0;
    int error = take(p, '-') ? take_number(p, 0, 30, "days before the last one", &back) : 0;
    if (!error)
        p->cron->before_last |= 1u << back;
    return error;
}

/* What may follow a single day: "15W", "1#2", "5L". *ret_taken: that it did. */
static int take_suffix(struct parser *p, int value, bool *ret_taken)
{
    int nth, error = 0;
    *ret_taken = true;
    if (p->field == CRON_DAY && take_letter(p, 'w')) {
        p->cron->nearest |= 1u << value;
    } else if (p->field == CRON_WEEKDAY && take_letter(p, 'l')) {
        p->cron->last_weekdays |= (uint8_t)(1u << value % WEEK);
    } else if (p->field == CRON_WEEKDAY && take(p, '#')) {
        error = take_number(p, 1, WEEKS, "after #", &nth);
        if (!error)
            p->cron->nth_weekdays |= UINT64_C(1) << (WEEK * (nth - 1) + value % WEEK);
    } else {
        *ret_taken = false;
    }
    return error;
}

static int take_range(struct parser *p)
{
    const struct cron_field_rule *rule = cron_field_rule(p->field);
    size_t begin = p->at;
    int first, last;
    bool taken;
    int error = take_value(p, &first);
    if (!error)
        error = take_suffix(p, first, &taken);
    if (error || taken)
        return error;
    last = at_char(p, '/') ? rule->max : first;
    if (take(p, '-')) {
        bool word = p->at < p->end && is_letter(p->text[p->at]);
        error = take_value(p, &last);
        if (error)
            return error;
        if (word && last == 0 && first > 0) /* "sat-sun" */
            last = WEEK;
        if (last < first)
            return fail_backwards(p, begin, first, last);
    }
    return add_range(p, first, last);
}

static int take_item(struct parser *p, size_t end)
{
    const struct cron_field_rule *rule = cron_field_rule(p->field);
    size_t begin = p->at;
    int error;
    p->end = end;
    if (begin == end)
        return fail(p, begin, "a value is missing");
    if (at_char(p, '?'))
        return fail(p, begin, "\"?\" stands alone, for the day of month or the day of week");
    if (p->field == CRON_WEEKDAY && at_letter(p, 'l'))
        return fail(p, begin, "\"L\" follows a day here: 5L is the last Friday of the month");
    if (p->field == CRON_DAY && at_letter(p, 'l'))
        error = take_last_day(p);
    else if (take(p, '*'))
        error = add_range(p, rule->min, rule->max);
    else
        error = take_range(p);
    if (!error && p->at < end)
        error = fail(p, p->at, "\"%s\" cannot follow \"%s\"", quote(p, p->at, end).text,
                     quote(p, begin, p->at).text);
    return error;
}

/* ---- fields ---- */

/* One that is "*" or "?" restricts nothing. */
static void set_restricted(struct parser *p, bool restricted)
{
    if (p->field == CRON_DAY)
        p->cron->days_restricted = restricted;
    if (p->field == CRON_WEEKDAY)
        p->cron->weekdays_restricted = restricted;
}

static int take_field(struct parser *p, size_t begin, size_t end)
{
    const struct cron_field_rule *rule = cron_field_rule(p->field);
    bool days = p->field == CRON_DAY || p->field == CRON_WEEKDAY;
    char only = end - begin == 1 ? p->text[begin] : '\0';
    p->at = begin;
    p->end = end;
    if (p->field == CRON_MINUTE || p->field == CRON_HOUR)
        p->cron->wildcard |= p->text[begin] == '*';
    set_restricted(p, !(only == '*' || only == '?'));
    if (only == '*' || (only == '?' && days)) {
        p->at++;
        return add_range(p, rule->min, rule->max);
    }
    for (;;) {
        const char *comma = memchr(p->text + p->at, ',', end - p->at);
        int error = take_item(p, comma ? (size_t)(comma - p->text) : end);
        if (error || !comma)
            return error;
        p->at++;
    }
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The bounds of up to CRON_FIELDS fields; returns how many there are. */
static size_t split(const char *text, size_t len, size_t begins[CRON_FIELDS],
                    size_t ends[CRON_FIELDS])
{
    size_t count = 0;
    for (size_t at = 0; at < len;) {
        size_t begin = at;
        while (at < len && !is_blank(text[at]))
            at++;
        if (at > begin && count < CRON_FIELDS) {
            begins[count] = begin;
            ends[count] = at;
        }
        count += at > begin;
        while (at < len && is_blank(text[at]))
            at++;
    }
    return count;
}

static int fail_count(struct parser *p, size_t count)
{
    struct cron_error *e = p->error;
    e->field = CRON_FIELDS;
    e->position = 0;
    (void)snprintf(e->text, sizeof e->text,
                   "the expression has %zu field%s; it needs 5 (minute, hour, day of month, month, "
                   "day of week), or 6 with the second first",
                   count, count == 1 ? "" : "s");
    return MUSTER_EINVAL;
}

static bool is_year(const char *word, size_t len)
{
    for (size_t i = 0; i < 4; i++)
        if (i >= len || word[i] < '0' || word[i] > '9')
            return false;
    return len == 4 || word[4] == '-' || word[4] == ',' || word[4] == '/';
}

/* "Asia/Tokyo", "UTC"; no names of days and months, nor L and W. */
static bool is_zone(const char *word, size_t len)
{
    const char *slash = memchr(word, '/', len);
    if (len == 3 && (strncasecmp(word, "UTC", len) == 0 || strncasecmp(word, "GMT", len) == 0))
        return true;
    return slash && is_letter(*word) && slash + 1 < word + len && is_letter(slash[1]);
}

/* A zone (fugit, sidekiq-cron) or a year (Quartz) behind the fields. 0: neither. */
static int check_last(struct parser *p, struct slice text, size_t count)
{
    size_t begin = text.len, end = text.len;
    while (begin > 0 && !is_blank(p->text[begin - 1]))
        begin--;
    if (count > FIELDS_MIN && is_zone(p->text + begin, end - begin))
        return fail(p, begin, "a time zone has its own place: timezone \"%s\"",
                    quote(p, begin, end).text);
    if (count > FIELDS_MIN && is_year(p->text + begin, end - begin))
        return fail(p, begin, "there is no field for years: \"start\" and \"end\" bound the times");
    return 0;
}

static int take_fields(struct parser *p, struct slice text)
{
    size_t begins[CRON_FIELDS], ends[CRON_FIELDS];
    p->text = (const char *)text.data;
    size_t count = split(p->text, text.len, begins, ends);
    int last = check_last(p, text, count);
    if (last)
        return last;
    if (count < FIELDS_MIN || count > CRON_FIELDS)
        return fail_count(p, count);
    p->cron->seconds = count == FIELDS_MIN;
    for (size_t i = 0; i < count; i++) {
        p->field = (enum cron_field)(CRON_FIELDS - count + i);
        int error = take_field(p, begins[i], ends[i]);
        if (error)
            return error;
    }
    int64_t ignored;
    if (cron_next(p->cron, CYCLE_START - 1, &ignored))
        return 0;
    size_t day = count - FIELDS_MIN + (CRON_DAY - CRON_MINUTE);
    p->field = CRON_DAY;
    return fail(p, begins[day], "\"%s\" never comes in month \"%s\", so it would never fire",
                quote(p, begins[day], ends[day]).text,
                quote(p, begins[day + 1], ends[day + 1]).text);
}

/* ---- macros ---- */

static bool word_is(struct slice text, const char *word)
{
    size_t len = strlen(word);
    return text.len == len && strncasecmp((const char *)text.data, word, len) == 0;
}

static int take_macro(struct parser *p, const char *text, size_t begin, size_t end)
{
    struct slice word = slice_of(text + begin, end - begin);
    for (size_t i = 0; i < sizeof macros / sizeof macros[0]; i++)
        if (word_is(word, macros[i].name))
            return take_fields(p, slice_str(macros[i].expression));
    p->text = text;
    if (word_is(word, "@reboot"))
        return fail(p, begin,
                    "@reboot names no time: schedules live in the broker, which no machine's start "
                    "concerns; submit a job from a unit of your init system instead");
    if (word.len >= 6 && strncasecmp(text + begin, "@every", 6) == 0)
        return fail(p, begin, "an interval is not cron: use \"every\" instead");
    return fail(p, begin,
                "there is no \"%s\"; there are @yearly, @annually, @monthly, @weekly, @daily, "
                "@midnight and @hourly",
                quote(p, begin, end).text);
}

int cron_parse(struct slice text, struct cron *ret, struct cron_error *ret_error)
{
    struct parser p = {.cron = ret, .error = ret_error, .field = CRON_FIELDS};
    const char *bytes = (const char *)text.data;
    size_t begin = 0, end = text.len;
    *ret = (struct cron){0};
    *ret_error = (struct cron_error){.field = CRON_FIELDS};
    while (begin < end && is_blank(bytes[end - 1]))
        end--;
    while (begin < end && is_blank(bytes[begin]))
        begin++;
    if (begin == end)
        return fail_count(&p, 0);
    if (bytes[begin] == '@')
        return take_macro(&p, bytes, begin, end);
    const char *equals = memchr(bytes, '=', end);
    p.text = bytes;
    if (equals)
        return fail(&p, (size_t)(equals - bytes), "a time zone has its own place, \"timezone\"");
    return take_fields(&p, slice_of(text.data, end));
}
