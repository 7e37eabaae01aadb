/* test_zone.c: one zone from the bytes of its file: what periods it has, and what of broken files
 * is said. (Against other readers of the same files: tests/integration/test_zones.py.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "scheduler/zones.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define YEAR_2200    7258118400

static struct zones *zones; /* of this machine */

static int open_zones(void **state)
{
    (void)state;
    return zones_new(&zones, NULL);
}

static int close_zones(void **state)
{
    (void)state;
    zones_free(zones);
    return 0;
}

static const struct zone *zone(const char *name)
{
    const struct zone *z;
    if (zones_find(zones, slice_str(name), &z))
        fail_msg("%s", zones_error(zones));
    assert_string_equal(zone_name(z), name);
    return z;
}

/* ---- what zones of this machine say ---- */

static void known_times(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        int64_t utc;
        int32_t offset;
        const char *abbreviation;
    } cases[] = {
        {"UTC", 0, 0, "UTC"},
        {"Etc/UTC", INT64_MAX, 0, "UTC"},
        {"Etc/GMT+5", INT64_MIN, -18000, "-05"},
        {"Etc/GMT+5", YEAR_2200, -18000, "-05"},
        {"Europe/Berlin", 1774745999, 3600, "CET"}, /* 2026-03-29T00:59:59Z */
        {"Europe/Berlin", 1774746000, 7200, "CEST"},
        {"Europe/Berlin", 5682960000, 3600, "CET"}, /* 2150-02-01: by the rule */
        {"Europe/Berlin", 5695920000, 7200, "CEST"},
        {"Africa/Casablanca", 1768435200, 3600, "+01"}, /* 2026-01-15 */
        {"Africa/Casablanca", 1772323200, 0, "+00"},    /* Ramadan */
        {"Europe/Dublin", 1768435200, 0, "GMT"},
        {"Europe/Dublin", 1782864000, 3600, "IST"}, /* 2026-07-01 */
        {"Pacific/Apia", 1325239199, -36000, "-10"},
        {"Pacific/Apia", 1325239200, 50400, "+14"}, /* December 30, 2011 was not */
        {"Australia/Lord_Howe", 1768435200, 39600, "+11"},
        {"Australia/Lord_Howe", 1782864000, 37800, "+1030"},
        {"Antarctica/Troll", 1768435200, 0, "+00"},
        {"Antarctica/Troll", 1782864000, 7200, "+02"},
        {"America/Scoresbysund", 1768435200, -7200, "-02"},
        {"America/Scoresbysund", 1782864000, -3600, "-01"},
        {"Asia/Kathmandu", 1782864000, 20700, "+0545"},
        {"America/New_York", YEAR_2200 - 1, -18000, "EST"},
        {"America/New_York", 7242912000, -14400, "EDT"}, /* 2199-07-09 */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct zone_period p;
        zone_period_at(zone(cases[i].zone), cases[i].utc, &p);
        assert_true(p.from <= cases[i].utc && cases[i].utc <= p.until);
        if (p.offset != cases[i].offset || strcmp(p.abbreviation, cases[i].abbreviation) != 0)
            fail_msg("%s at %lld: %d %s", cases[i].zone, (long long)cases[i].utc, p.offset,
                     p.abbreviation);
    }
}

/* The order of the questions does not matter: the last answer is kept in between. */
static void any_order_gives_the_same(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Berlin", "Africa/Casablanca", "Pacific/Apia",
                                        "Australia/Lord_Howe", "Asia/Tokyo"};
    struct rng rng = {4};
    for (size_t i = 0; i < COUNT(names); i++) {
        static struct zone_period periods[1000];
        const struct zone *z = zone(names[i]);
        size_t count = 0;
        for (int64_t utc = 0; utc < YEAR_2200; utc = periods[count++].until) {
            assert_true(count < COUNT(periods));
            zone_period_at(z, utc, &periods[count]);
        }
        for (int round = 0; round < 1000; round++) {
            const struct zone_period *known = &periods[rng_below(&rng, count)];
            struct zone_period first, last;
            zone_period_at(z, known->from, &first);
            zone_period_at(z, known->until == INT64_MAX ? INT64_MAX : known->until - 1, &last);
            assert_memory_equal(&first, known, offsetof(struct zone_period, abbreviation));
            assert_memory_equal(&last, known, offsetof(struct zone_period, abbreviation));
            assert_string_equal(first.abbreviation, known->abbreviation);
        }
    }
}

/* All of time is covered without holes, also where nobody will ever look. */
static void ends_of_time(void **state)
{
    (void)state;
    const struct zone *z = zone("Europe/Berlin");
    struct zone_period p, before;
    zone_period_at(z, INT64_MIN, &p);
    assert_true(p.from == INT64_MIN && p.until < 0);
    zone_period_at(z, INT64_MAX, &p);
    assert_true(p.until == INT64_MAX && p.from > YEAR_2200);
    zone_period_at(z, p.from - 1, &before);
    assert_true(before.until == p.from && before.dst != p.dst);
}

/* ---- files made by hand ---- */

struct file {
    uint8_t bytes[1024];
    size_t len;
};

static void put(struct file *f, const void *data, size_t len)
{
    assert_true(len <= sizeof f->bytes - f->len);
    memcpy(f->bytes + f->len, data, len);
    f->len += len;
}

static void put_number(struct file *f, int64_t value, size_t bytes)
{
    for (size_t i = bytes; i > 0; i--) {
        uint8_t byte = (uint8_t)((uint64_t)value >> (i - 1) * 8);
        put(f, &byte, 1);
    }
}

static void put_header(struct file *f, char version, const uint32_t counts[6])
{
    static const uint8_t unused[15];
    put(f, "TZif", 4);
    put(f, &version, 1);
    put(f, unused, sizeof unused);
    for (size_t i = 0; i < 6; i++)
        put_number(f, counts[i], 4);
}

/* Two types, STD +1 h and DST +2 h; at 1000 DST begins, at 2000 STD. */
static void put_block(struct file *f, char version, size_t time_bytes)
{
    put_header(f, version, (const uint32_t[]){0, 0, 0, 2, 2, 8});
    put_number(f, 1000, time_bytes);
    put_number(f, 2000, time_bytes);
    put(f, "\1\0", 2);
    put_number(f, 3600, 4);
    put(f, "\0\0", 2);
    put_number(f, 7200, 4);
    put(f, "\1\4", 2);
    put(f, "STD\0DST", 8);
}

/* What comes first is for old readers: this one has nothing in it. */
static void put_empty_block(struct file *f, char version)
{
    put_header(f, version, (const uint32_t[]){0, 0, 0, 0, 1, 1});
    put_number(f, 0, 6 + 1);
}

static struct file file_with(const char *footer)
{
    struct file f = {.len = 0};
    put_empty_block(&f, '3');
    put_block(&f, '3', 8);
    put(&f, "\n", 1);
    put(&f, footer, strlen(footer));
    put(&f, "\n", 1);
    return f;
}

static int try(const struct file *f, char why[ZONE_WHY_SIZE], struct zone **ret)
{
    uint8_t *exact = malloc(f->len ? f->len : 1); /* a byte too far is one for the sanitizer */
    assert_non_null(exact);
    memcpy(exact, f->bytes, f->len);
    why[0] = '\0';
    int error = zone_new(ret, "Hand/Made", slice_of(exact, f->len), why);
    free(exact);
    return error;
}

static struct zone *made(const struct file *f)
{
    char why[ZONE_WHY_SIZE];
    struct zone *z;
    if (try(f, why, &z))
        fail_msg("%s", why);
    return z;
}

static void assert_period(const struct zone *z, int64_t utc, int64_t from, int64_t until,
                          int32_t offset, const char *abbreviation)
{
    struct zone_period p;
    zone_period_at(z, utc, &p);
    assert_true(p.from == from);
    assert_true(p.until == until);
    assert_int_equal(p.offset, offset);
    assert_string_equal(p.abbreviation, abbreviation);
}

static void version_1_has_32_bits_and_no_rule(void **state)
{
    (void)state;
    struct file f = {.len = 0};
    put_block(&f, '\0', 4);
    struct zone *z = made(&f);
    assert_period(z, 999, INT64_MIN, 1000, 3600, "STD");
    assert_period(z, 1000, 1000, 2000, 7200, "DST");
    assert_period(z, 2000, 2000, INT64_MAX, 3600, "STD");
    zone_free(z);
}

static void without_rule_the_last_type_goes_on(void **state)
{
    (void)state;
    struct file f = file_with("");
    struct zone *z = made(&f);
    assert_period(z, 1999, 1000, 2000, 7200, "DST");
    assert_period(z, YEAR_2200, 2000, INT64_MAX, 3600, "STD");
    zone_free(z);
}

/* A rule's first period begins with the last transition, not before. */
static void rules_take_over(void **state)
{
    (void)state;
    const int64_t day = 86400;
    static const struct {
        const char *rule;
        int64_t utc, from, until; /* all in 1970 or 1971 */
        int32_t offset;
        const char *abbreviation;
    } cases[] = {
        {"STD-1", 5000, 2000, INT64_MAX, 3600, "STD"},
        {"STD-1DST,J60,J61", 5000, 2000, 59 * day + 3600, 3600, "STD"},
        {"STD-1DST,J60,J61", 59 * day + 7200, 59 * day + 3600, 60 * day, 7200, "DST"},
        {"STD-1DST,59/0,60/0", 59 * day, 59 * day - 3600, 60 * day - 7200, 7200, "DST"},
        /* Version 3: seven days and more around the day that is named. */
        {"STD-1DST,J60/-167,J61/167", 60 * day, 52 * day, 66 * day + 82800 - 7200, 7200, "DST"},
        {"<+01>-1<-1030>10:30:30,M1.1.0/0,M12.5.6/24", 300 * day, 3 * day - 3600, 360 * day + 37830,
         -37830, "-1030"},
        /* DST all year: each year's period ends when the next one begins. */
        {"STD-1DST,0/0,J365/25", 400 * day, 365 * day - 3600, 730 * day - 3600, 7200, "DST"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file f = file_with(cases[i].rule);
        struct zone *z = made(&f);
        struct zone_period p;
        zone_period_at(z, cases[i].utc, &p);
        if (p.from != cases[i].from || p.until != cases[i].until || p.offset != cases[i].offset ||
            strcmp(p.abbreviation, cases[i].abbreviation) != 0)
            fail_msg("%s: %lld %lld %d %s", cases[i].rule, (long long)p.from, (long long)p.until,
                     p.offset, p.abbreviation);
        zone_free(z);
    }
}

static void february_29_of_rules(void **state)
{
    (void)state;
    static const int64_t y2028 = 1830297600, day = 86400; /* a leap year */
    struct file f = file_with("UTC0DST0,J60/0,300/0");
    struct zone *z = made(&f);
    struct zone_period p;
    zone_period_at(z, y2028 + 100 * day, &p); /* March 1 is day 60 from 0; day 300 is day 300 */
    assert_true(p.from == y2028 + 60 * day);
    assert_true(p.until == y2028 + 300 * day);
    zone_free(z);
}

static void bad_rules(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "X",
        "STD",
        "ST-1",
        "STD-1DST",
        "STD-1DST,J60",
        "STD-25",
        "STD-1x",
        "<STD-1",
        "STD>-1",
        "STD-1DST,J0,J61",
        "STD-1:60",
        "STD-1:",
        "STD--1",
        "STD-1DST,J366,J1",
        "STD-1DST,366,1",
        ":Etc/UTC",
        "STD-1DST,M0.1.0,J61",
        "STD-1DST,M13.1.0,J61",
        "STD-1DST,M1.6.0,J61",
        "STD-1DST,M1.1.7,J61",
        "STD-1DST,M1.1,J61",
        "STD-1DST,J60/168,J61",
        "STD-1DST,J60,J61,",
        "STD-1DST,J60,J61 ",
        "ABCDEFGHIJKLMNOP-1",
        "STD99999999999999999999",
        "STD-1DST,J60/2:99,J61",
        "STD-1DST,,",
        "<>-1",
        "<A B>-1",
        " STD-1",
        "STD-1DST,Jx,J61",
    };
    for (size_t i = 0; i < COUNT(rules); i++) {
        char why[ZONE_WHY_SIZE];
        struct zone *z;
        struct file f = file_with(rules[i]);
        if (try(&f, why, &z) != MUSTER_EDAMAGED)
            fail_msg("\"%s\" is taken for a rule", rules[i]);
        assert_non_null(strstr(why, "rule at its end"));
    }
}

static void broken_files(void **state)
{
    (void)state;
    /* Offsets: the first header 0 to 43, its block to 50; the second header from 51 on, its counts
     * from 71, transitions from 95, their types from 111, types from 113, names from 125. */
    static const struct {
        size_t at;
        uint8_t byte;
        const char *why;
    } cases[] = {
        {0, 'x', "no time zone file"},
        {54, 'x', "no time zone file"},
        {42, 1, "ends too early"},
        {83, 255, "ends too early"},
        {82, 1, "leap seconds"},
        {74, 1, "counts in its header"},
        {78, 1, "counts in its header"},
        {90, 0, "no types"},
        {94, 0, "no types"},
        {95, 0x7f, "not in order"},
        {110, 0xe8, NULL},
        {111, 2, "type that is not there"},
        {117, 2, "is impossible"},
        {113, 0x80, "is impossible"},
        {118, 8, "has no end"},
        {132, 'x', "has no end"},
        {125, ' ', "abbreviation"},
        {133, 'x', "rule at its end"},
        {159, 'x', "rule at its end"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char why[ZONE_WHY_SIZE];
        struct zone *z;
        struct file f = file_with("STD-1DST,M3.5.0,M10.5.0/3");
        f.bytes[cases[i].at] = cases[i].byte;
        int error = try(&f, why, &z);
        if (!cases[i].why) { /* 2024 for 2000: still in order */
            assert_int_equal(error, 0);
            zone_free(z);
        } else if (error == 0 || !strstr(why, cases[i].why)) {
            fail_msg("byte %zu: %d, \"%s\"", cases[i].at, error, why);
        }
    }
}

static void cut_off_anywhere(void **state)
{
    (void)state;
    struct file f = file_with("STD-1DST,M3.5.0,M10.5.0/3");
    for (size_t len = 0; len < f.len; len++) {
        char why[ZONE_WHY_SIZE];
        struct zone *z;
        struct file cut = f;
        cut.len = len;
        assert_int_equal(try(&cut, why, &z), MUSTER_EDAMAGED);
        assert_true(why[0]);
    }
}

static void a_replaced_zone_keeps_its_place(void **state)
{
    (void)state;
    char why[ZONE_WHY_SIZE];
    bool changed = true;
    struct file f = file_with("STD-1"), other = file_with("STD-1DST,J60,J61"), broken = other;
    struct zone *z = made(&f);
    assert_period(z, 90 * 86400, 2000, INT64_MAX, 3600, "STD");
    assert_int_equal(zone_replace(z, slice_of(f.bytes, f.len), &changed, why), 0);
    assert_false(changed);
    broken.len--;
    assert_int_equal(zone_replace(z, slice_of(broken.bytes, broken.len), &changed, why),
                     MUSTER_EDAMAGED);
    assert_period(z, 90 * 86400, 2000, INT64_MAX, 3600, "STD");
    assert_int_equal(zone_replace(z, slice_of(other.bytes, other.len), &changed, why), 0);
    assert_true(changed);
    assert_period(z, 30 * 86400, 2000, 59 * 86400 + 3600, 3600, "STD");
    zone_free(z);
}

/* ---- files that somebody spoiled ---- */

/* What is accepted has periods that follow each other; what is not has a reason. */
static void check_spoiled(struct slice bytes, struct rng *rng)
{
    char why[ZONE_WHY_SIZE] = "";
    struct zone *z;
    if (zone_new(&z, "Spoiled", bytes, why)) {
        assert_true(why[0]);
        return;
    }
    int64_t times[] = {0, (int64_t)rng_u64(rng), (int64_t)rng_below(rng, YEAR_2200), INT64_MIN,
                       INT64_MAX};
    for (size_t i = 0; i < COUNT(times); i++) {
        struct zone_period p;
        zone_period_at(z, times[i], &p);
        assert_true(p.from < p.until && p.from <= times[i] && times[i] <= p.until);
        assert_true(p.offset > ZONE_OFFSET_MIN && p.offset < ZONE_OFFSET_MAX);
        if (p.until < INT64_MAX)
            zone_period_at(z, p.until, &p);
        assert_true(strlen(p.abbreviation) < sizeof p.abbreviation);
    }
    zone_free(z);
}

static void spoil(uint8_t *bytes, size_t len, struct rng *rng)
{
    static const uint8_t often[] = {0, 1, 0x7f, 0x80, 0xff, '\n', ',', '/', '-', '9'};
    for (uint64_t count = 1 + rng_below(rng, 4); count > 0; count--) {
        /* Headers and the rule are a small part of a file: they are hit as often as the rest. */
        uint64_t where = rng_below(rng, 3);
        size_t at = (size_t)rng_below(rng, len);
        if (where == 0)
            at = (size_t)rng_below(rng, len < 44 ? len : 44);
        else if (where == 1)
            at = len - 1 - (size_t)rng_below(rng, len < 40 ? len : 40);
        bytes[at] =
            rng_below(rng, 2) ? often[rng_below(rng, sizeof often)] : (uint8_t)rng_below(rng, 256);
    }
}

static void thousands_of_spoiled_files(void **state)
{
    (void)state;
    static const char *const names[] = {"Europe/Berlin",       "Africa/Casablanca", "Asia/Tokyo",
                                        "Australia/Lord_Howe", "Etc/GMT+5",         "America/Nuuk"};
    static uint8_t original[16384];
    struct rng rng = {20261122};
    for (size_t i = 0; i < COUNT(names); i++) {
        char path[128];
        const char *folder = getenv("TZDIR");
        snprintf(path, sizeof path, "%s/%s", folder ? folder : "/usr/share/zoneinfo", names[i]);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        size_t size = fread(original, 1, sizeof original, file);
        fclose(file);
        assert_true(size > 44);
        for (int round = 0; round < 10000; round++) {
            size_t len = rng_below(&rng, 4) ? size : (size_t)rng_below(&rng, size) + 1;
            uint8_t *exact = malloc(len);
            assert_non_null(exact);
            memcpy(exact, original, len);
            spoil(exact, len, &rng);
            check_spoiled(slice_of(exact, len), &rng);
            free(exact);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(any_order_gives_the_same),
        cmocka_unit_test(ends_of_time),
        cmocka_unit_test(version_1_has_32_bits_and_no_rule),
        cmocka_unit_test(without_rule_the_last_type_goes_on),
        cmocka_unit_test(rules_take_over),
        cmocka_unit_test(february_29_of_rules),
        cmocka_unit_test(bad_rules),
        cmocka_unit_test(broken_files),
        cmocka_unit_test(cut_off_anywhere),
        cmocka_unit_test(a_replaced_zone_keeps_its_place),
        cmocka_unit_test(thousands_of_spoiled_files),
    };
    return cmocka_run_group_tests(tests, open_zones, close_zones);
}
