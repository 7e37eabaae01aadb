/* test_zones.c: the set of zones: names, folders, what is said when a zone cannot be had, and files
 * that change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "scheduler/zones.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char folder[64]; /* a new one for each test */

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/muster-zones-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void path_in_folder(const char *name, char ret[256])
{
    snprintf(ret, 256, "%s/%s", folder, name);
}

static void make_subfolder(const char *name)
{
    char path[256];
    path_in_folder(name, path);
    assert_int_equal(mkdir(path, 0700), 0);
}

static void write_file(const char *name, const void *data, size_t len)
{
    char path[256];
    path_in_folder(name, path);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* Puts a zone that is `hours` east of UTC there, by another name and a rename, as packages do. */
static void write_zone(const char *name, int hours)
{
    uint8_t file[128] = "TZif2", rule[16];
    size_t len = 51, rule_len;
    char from[256], to[256];
    file[39] = file[43] = 1; /* one type, one byte of names, which is empty */
    memcpy(file + len, file, len);
    len *= 2;
    rule_len = (size_t)snprintf((char *)rule, sizeof rule, "\nXYZ-%d\n", hours);
    memcpy(file + len, rule, rule_len);
    write_file("new", file, len + rule_len);
    path_in_folder("new", from);
    path_in_folder(name, to);
    assert_int_equal(rename(from, to), 0);
}

static struct zones *zones_in(const char *directory)
{
    struct zones *zones;
    assert_int_equal(zones_new(&zones, directory), 0);
    return zones;
}

static const struct zone *found(struct zones *zones, const char *name)
{
    const struct zone *z;
    if (zones_find(zones, slice_str(name), &z))
        fail_msg("%s", zones_error(zones));
    assert_string_equal(zone_name(z), name);
    assert_string_equal(zones_error(zones), "");
    return z;
}

static void assert_error(struct zones *zones, const char *name, int error, const char *said)
{
    const struct zone *z;
    int got = zones_find(zones, slice_str(name), &z);
    if (got != error || !strstr(zones_error(zones), said))
        fail_msg("%s: %d, \"%s\" instead of %d, \"%s\"", name, got, zones_error(zones), error,
                 said);
}

static int hours_of(const struct zone *z)
{
    struct zone_period p;
    zone_period_at(z, 0, &p);
    return p.offset / 3600;
}

static void a_zone_is_read_once(void **state)
{
    (void)state;
    struct zones *zones = zones_in(NULL);
    const struct zone *tokyo = found(zones, "Asia/Tokyo");
    assert_ptr_equal(found(zones, "Asia/Tokyo"), tokyo);
    assert_ptr_not_equal(found(zones, "Asia/Seoul"), tokyo);
    assert_int_equal(hours_of(tokyo), 9);
    zones_free(zones);
}

static void the_folder_of_the_environment(void **state)
{
    (void)state;
    write_zone("Mine", 7);
    const char *before = getenv("TZDIR");
    char *kept = before ? strdup(before) : NULL;
    assert_int_equal(setenv("TZDIR", folder, 1), 0);
    struct zones *zones = zones_in(NULL);
    assert_int_equal(kept ? setenv("TZDIR", kept, 1) : unsetenv("TZDIR"), 0);
    free(kept);
    assert_int_equal(hours_of(found(zones, "Mine")), 7);
    zones_free(zones);
}

static void utc_needs_no_file(void **state)
{
    (void)state;
    static const char *const places[] = {"/nowhere/at/all", "/dev/null", folder};
    for (size_t i = 0; i < COUNT(places); i++) {
        struct zones *zones = zones_in(places[i]);
        assert_int_equal(hours_of(found(zones, "UTC")), 0);
        assert_int_equal(hours_of(found(zones, "Etc/UTC")), 0);
        assert_error(zones, "Asia/Tokyo", MUSTER_ENOTFOUND, "install the package tzdata");
        assert_null(zones_nearest(zones, slice_str("Asia/Tokio")));
        assert_false(zones_reload(zones));
        zones_free(zones);
    }
}

static void a_folder_with_too_long_a_path(void **state)
{
    (void)state;
    char path[5000];
    struct zones *zones;
    memset(path, 'x', sizeof path);
    path[sizeof path - 1] = '\0';
    assert_int_equal(zones_new(&zones, path), MUSTER_ETOOBIG);
}

/* No name leads out of the folder; what is wrong is told without what a terminal would obey. */
static void names_that_are_none(void **state)
{
    (void)state;
    static const char *const names[] = {"",
                                        "/etc/passwd",
                                        "../zoneinfo/UTC",
                                        "Europe/../UTC",
                                        "Europe//Berlin",
                                        "Europe/",
                                        ".hidden",
                                        "./UTC",
                                        "Europe/Ber lin",
                                        "Europe\\Berlin",
                                        "Eur\nope",
                                        "\x1b[2J",
                                        "caf\xc3\xa9",
                                        "A23456789012345678901234567890123456789012345678901234567"
                                        "890123456"};
    struct zones *zones = zones_in(NULL);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_error(zones, names[i], MUSTER_EINVAL, "is no name of a time zone");
    const struct zone *z;
    assert_int_equal(zones_find(zones, slice_of("UTC\0x", 5), &z), MUSTER_EINVAL);
    assert_error(zones, "\x1b[2J\n", MUSTER_EINVAL, "\"?[2J?\" is no name");
    assert_error(zones, "America/New York", MUSTER_EINVAL, "nearest is \"America/New_York\"");
    assert_error(zones, "localtime", MUSTER_EINVAL, "another one on each machine");
    zones_free(zones);
}

static void the_name_that_was_meant(void **state)
{
    (void)state;
    static const struct {
        const char *written, *meant;
    } cases[] = {{"Asia/Tokio", "Asia/Tokyo"},
                 {"asia/tokyo", "Asia/Tokyo"},
                 {"Tokyo", "Asia/Tokyo"},
                 {"Berlin", "Europe/Berlin"},
                 {"Europe/Berln", "Europe/Berlin"},
                 {"America/NewYork", "America/New_York"},
                 {"Amercia/New_York", "America/New_York"},
                 {"buenos_aires", "America/Argentina/Buenos_Aires"},
                 {"Nowhere/Atall", NULL},
                 {"", NULL}};
    struct zones *zones = zones_in(NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = zones_nearest(zones, slice_str(cases[i].written));
        if (!cases[i].meant)
            assert_null(nearest);
        else if (!nearest || !strstr(nearest, strrchr(cases[i].meant, '/')))
            fail_msg("%s: %s", cases[i].written, nearest ? nearest : "nothing");
    }
    assert_error(zones, "Asia/Tokio", MUSTER_ENOTFOUND, "the nearest is \"Asia/Tokyo\"");
    assert_error(zones, "Europe", MUSTER_ENOTFOUND, "there is no time zone \"Europe\" in ");
    zones_free(zones);
}

/* Debian 13 and Ubuntu have old names in a package of their own, but tzdata.zi knows them. */
static void old_names(void **state)
{
    (void)state;
    static const char zi[] = "# version\nL America/Denver US/Mountains\nL Nowhere US/Mountain\n"
                             "L America/Los_Angeles US/Pacific\nL ../../etc/passwd Evil\n";
    make_subfolder("America");
    write_zone("America/Los_Angeles", 8);
    write_file("tzdata.zi", zi, sizeof zi - 1);
    struct zones *zones = zones_in(folder);
    assert_error(zones, "US/Pacific", MUSTER_ENOTFOUND, "old name of \"America/Los_Angeles\"");
    assert_string_equal(zones_nearest(zones, slice_str("US/Pacific")), "America/Los_Angeles");
    assert_error(zones, "Evil", MUSTER_ENOTFOUND, "there is no time zone \"Evil\"");
    assert_null(strstr(zones_error(zones), "passwd"));
    assert_error(zones, "tzdata.zi", MUSTER_EDAMAGED, "it is no time zone file");
    zones_free(zones);
}

static void files_that_are_none(void **state)
{
    (void)state;
    char path[256];
    static uint8_t large[ZONE_FILE_MAX + 1] = "TZif2";
    write_zone("Good", 1);
    write_file("Large", large, sizeof large);
    write_file("Largest", large, sizeof large - 1);
    write_file("Empty", "", 0);
    write_file("Text", "Hello", 5);
    path_in_folder("Pipe", path);
    assert_int_equal(mkfifo(path, 0600), 0);
    path_in_folder("Circle", path);
    assert_int_equal(symlink("Circle", path), 0);
    make_subfolder("Folder");
    struct zones *zones = zones_in(folder);
    assert_error(zones, "Large", MUSTER_ETOOBIG, "is larger than 1024 KiB");
    assert_error(zones, "Largest", MUSTER_EDAMAGED, "it is no time zone file");
    assert_error(zones, "Empty", MUSTER_EDAMAGED, "it is no time zone file");
    assert_error(zones, "Text", MUSTER_EDAMAGED, "it is no time zone file");
    assert_error(zones, "Pipe", MUSTER_EIO, "cannot be read");
    assert_error(zones, "Circle", MUSTER_EIO, "cannot be read");
    assert_error(zones, "Folder", MUSTER_ENOTFOUND, "there is no time zone \"Folder\"");
    assert_error(zones, "Good/Folder", MUSTER_ENOTFOUND, "there is no time zone");
    found(zones, "Good");
    zones_free(zones);
}

static void zones_with_leap_seconds(void **state)
{
    (void)state;
    uint8_t file[128] = "TZif2";
    file[39] = file[43] = 1;
    memcpy(file + 51, file, 51);
    file[51 + 31] = 1; /* one leap second, which has 12 bytes */
    memcpy(file + 51 + 51 + 12, "\n\n", 2);
    make_subfolder("right");
    write_file("right/UTC", file, 51 + 51 + 12 + 2);
    write_zone("UTC", 0);
    struct zones *zones = zones_in(folder);
    assert_error(zones, "right/UTC", MUSTER_EINVAL, "without \"right/\"");
    zones_free(zones);
}

static void changed_files_are_read_again(void **state)
{
    (void)state;
    write_zone("A", 1);
    write_zone("B", 2);
    struct zones *zones = zones_in(folder);
    const struct zone *a = found(zones, "A"), *b = found(zones, "B"), *utc = found(zones, "UTC");
    assert_int_equal(hours_of(a), 1);
    assert_false(zones_reload(zones));

    write_zone("A", 5);
    assert_int_equal(hours_of(a), 1);
    assert_true(zones_reload(zones));
    assert_string_equal(zones_error(zones), "");
    assert_int_equal(hours_of(a), 5);
    assert_int_equal(hours_of(b), 2);
    assert_int_equal(hours_of(utc), 0);
    assert_ptr_equal(found(zones, "A"), a);

    write_zone("A", 5); /* another file with the same rules */
    assert_false(zones_reload(zones));
    zones_free(zones);
}

static void a_file_that_broke_or_went_changes_nothing(void **state)
{
    (void)state;
    char path[256];
    write_zone("A", 1);
    struct zones *zones = zones_in(folder);
    const struct zone *a = found(zones, "A");
    write_file("A", "Hello", 5);
    assert_false(zones_reload(zones));
    assert_non_null(strstr(zones_error(zones), "its old rules stay: it is no time zone file"));
    assert_int_equal(hours_of(a), 1);
    assert_false(zones_reload(zones));
    assert_string_equal(zones_error(zones), "");

    path_in_folder("A", path);
    assert_int_equal(unlink(path), 0);
    assert_false(zones_reload(zones));
    assert_non_null(strstr(zones_error(zones), path));
    assert_int_equal(hours_of(a), 1);

    write_zone("A", 3);
    assert_true(zones_reload(zones));
    assert_int_equal(hours_of(a), 3);
    zones_free(zones);
}

/* What is near to an abbreviation or an offset has other hours. */
static void what_is_no_slip_of_typing(void **state)
{
    (void)state;
    static const struct {
        const char *written, *said; /* behind the folder; "": nothing */
    } cases[] = {
        {"PST", "; abbreviations are not unique and leave out summer time: name a place, such as "
                "\"America/Los_Angeles\""},
        {"jst", "name a place, such as \"Asia/Tokyo\""},
        {"IST", "name a place, such as \"Asia/Kolkata\""},
        {"BST", "name a place, such as \"Europe/London\""},
        {"CEST", "name a place, such as \"Europe/Berlin\""},
        {"MESZ", "name a place, such as \"Europe/Berlin\""},
        {"XYZ", "name a place, such as \"America/Los_Angeles\""},
        {"GMT+2", "Etc/GMT-2 for two hours EAST of UTC"},
        {"UTC+2", "; an offset is no zone"},
        {"UTC-05", "; an offset is no zone"},
        {"Etc/UTC+2", "; an offset is no zone"},
        {"+02:00", "; an offset is no zone"},
        {"utc", "; the nearest is \"UTC\""},
        {"etc/gmt-2", "; the nearest is \"Etc/GMT-2\""},
        {"Rome", "; the nearest is \"Europe/Rome\""},
    };
    struct zones *zones = zones_in(NULL);
    const struct zone *z;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(zones_find(zones, slice_str(cases[i].written), &z));
        if (!strstr(zones_error(zones), cases[i].said) ||
            (strstr(cases[i].said, "place") && strstr(zones_error(zones), "nearest")))
            fail_msg("%s: %s", cases[i].written, zones_error(zones));
    }
    zones_free(zones);
}

/* However many names there are that are none, few of them cost more than a look for the file. */
static void many_names_that_are_none(void **state)
{
    (void)state;
    char name[32];
    const struct zone *z;
    int hints = 0;
    struct zones *zones = zones_in(NULL);
    assert_error(zones, "Asia/Tokio", MUSTER_ENOTFOUND, "the nearest is \"Asia/Tokyo\"");
    for (int i = 0; i < 20000; i++) {
        (void)snprintf(name, sizeof name, "Europe/Berlin%d", i % 10000);
        assert_int_equal(zones_find(zones, slice_str(name), &z), MUSTER_ENOTFOUND);
        hints += i < 10000 && strstr(zones_error(zones), "nearest");
    }
    assert_int_equal(hints, 19);
    assert_error(zones, "Europe/Paris1", MUSTER_ENOTFOUND, "\"Europe/Paris1\" in ");
    assert_null(strstr(zones_error(zones), "nearest"));
    assert_error(zones, "Asia/Tokio", MUSTER_ENOTFOUND, "the nearest is \"Asia/Tokyo\"");
    assert_false(zones_reload(zones));
    assert_error(zones, "Europe/Paris1", MUSTER_ENOTFOUND, "the nearest is \"Europe/Paris\"");
    zones_free(zones);
}

/* A name that was not there is looked for again after a reload. */
static void zones_that_come_later(void **state)
{
    (void)state;
    write_zone("A", 1);
    struct zones *zones = zones_in(folder);
    assert_error(zones, "Atlantis", MUSTER_ENOTFOUND, "there is no time zone");
    write_zone("Atlantis", 4);
    assert_error(zones, "Atlantis", MUSTER_ENOTFOUND, "there is no time zone");
    assert_null(zones_nearest(zones, slice_str("Atlantiss")));
    assert_false(zones_reload(zones));
    assert_int_equal(hours_of(found(zones, "Atlantis")), 4);
    assert_string_equal(zones_nearest(zones, slice_str("Atlantiss")), "Atlantis");
    zones_free(zones);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_zone_is_read_once),
        WITH_FOLDER(the_folder_of_the_environment),
        WITH_FOLDER(utc_needs_no_file),
        cmocka_unit_test(a_folder_with_too_long_a_path),
        cmocka_unit_test(names_that_are_none),
        cmocka_unit_test(the_name_that_was_meant),
        cmocka_unit_test(what_is_no_slip_of_typing),
        cmocka_unit_test(many_names_that_are_none),
        WITH_FOLDER(old_names),
        WITH_FOLDER(files_that_are_none),
        WITH_FOLDER(zones_with_leap_seconds),
        WITH_FOLDER(changed_files_are_read_again),
        WITH_FOLDER(a_file_that_broke_or_went_changes_nothing),
        WITH_FOLDER(zones_that_come_later),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
