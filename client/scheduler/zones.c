/* zones.c: the zones that were asked for, by name, and what to say when one cannot be had. */
#include "scheduler/zones.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "scheduler/zone_file.h"
#include "scheduler/zone_names.h"

#define DIRECTORY_SIZE 512
#define ERROR_SIZE     (2 * DIRECTORY_SIZE)
#define HINT_SIZE      256
#define DEFAULT_TZDIR  "/usr/share/zoneinfo"

/* To find what was meant takes milliseconds, and anybody may put a million entries with names that
 * are none: until zones_reload() so many are looked into, and so many remembered. */
#define HINTS_MAX   20
#define MISSING_MAX 4096

struct loaded {
    struct zone *zone;
    bool from_file;
    struct zone_stamp
        stamp; /* of its file when it was read last, also when that was a broken one */
};

/* A name that was looked for in vain. */
struct missing {
    int error;
    size_t name_len;
    char text[]; /* the name, and behind it what zones_error() says */
};

struct zones {
    struct strmap loaded;  /* name -> struct loaded; the keys are the zones' names */
    struct strmap missing; /* name -> struct missing, until zones_reload() */
    unsigned hints;        /* given since then */
    struct zone_names names;
    struct buf bytes; /* of the file that is being read */
    char directory[DIRECTORY_SIZE];
    char error[ERROR_SIZE];
};

int zones_new(struct zones **ret, const char *directory)
{
    const char *from_environment = getenv("TZDIR");
    if (!directory)
        directory = from_environment && *from_environment ? from_environment : DEFAULT_TZDIR;
    if (strlen(directory) >= DIRECTORY_SIZE)
        return MUSTER_ETOOBIG;
    struct zones *zs = calloc(1, sizeof *zs);
    if (!zs)
        return MUSTER_ENOMEM;
    strmap_init(&zs->loaded);
    strmap_init(&zs->missing);
    buf_init(&zs->bytes, ZONE_FILE_MAX);
    memcpy(zs->directory, directory, strlen(directory) + 1);
    *ret = zs;
    return 0;
}

static void forget_missing(struct zones *zs)
{
    size_t cursor = 0;
    struct missing *m;
    while ((m = strmap_next(&zs->missing, &cursor)))
        free(m);
    strmap_fini(&zs->missing);
    strmap_init(&zs->missing);
    zs->hints = 0;
}

void zones_free(struct zones *zs)
{
    if (!zs)
        return;
    forget_missing(zs);
    size_t cursor = 0;
    struct loaded *l;
    while ((l = strmap_next(&zs->loaded, &cursor))) {
        zone_free(l->zone);
        free(l);
    }
    strmap_fini(&zs->loaded);
    zone_names_fini(&zs->names);
    buf_fini(&zs->bytes);
    free(zs);
}

const char *zones_error(const struct zones *zs)
{
    return zs->error;
}

const char *zones_nearest(struct zones *zs, struct slice name)
{
    const char *current =
        zone_name_valid(name) ? zone_names_current(&zs->names, zs->directory, name) : NULL;
    zone_names_read(&zs->names, zs->directory);
    return current ? current : zone_names_nearest(&zs->names, name);
}

/* ---- what went wrong ---- */

__attribute__((format(printf, 3, 4))) static int failed(struct zones *zs, int error,
                                                        const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(zs->error, sizeof zs->error, format, args);
    va_end(args);
    return error;
}

/* The name as it may be shown: not too long, and nothing that a terminal would obey. */
static const char *shown(struct slice name, char out[ZONE_NAME_SIZE])
{
    size_t len = name.len < ZONE_NAME_SIZE - 1 ? name.len : ZONE_NAME_SIZE - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = name.data[i] >= ' ' && name.data[i] <= '~' ? (char)name.data[i] : '?';
    out[len] = '\0';
    return out;
}

/* What to write instead of a name that there is not, for behind it: "" when nothing comes near, or
 * after so many of them that they would take too long. */
static void hint(struct zones *zs, struct slice name, char *ret, size_t size)
{
    const char *place = zone_name_place(name), *nearest = NULL;
    ret[0] = '\0';
    if (zs->hints < HINTS_MAX) {
        zs->hints++;
        nearest = zone_names_nearest(&zs->names, name);
    }
    if (nearest)
        (void)snprintf(ret, size, "; the nearest is \"%s\"", nearest);
    else if (zone_name_is_offset(name))
        (void)snprintf(ret, size,
                       "; an offset is no zone, as it knows no summer time: name a place, such as "
                       "\"Europe/Berlin\" (there is Etc/GMT-2 for two hours EAST of UTC: its sign "
                       "is the other way round)");
    else if (place)
        (void)snprintf(ret, size,
                       "; abbreviations are not unique and leave out summer time: name a place, "
                       "such as \"%s\"",
                       place);
}

static int not_found(struct zones *zs, struct slice name, const char *text)
{
    char instead[HINT_SIZE];
    zone_names_read(&zs->names, zs->directory);
    if (zs->names.count == 0)
        return failed(zs, MUSTER_ENOTFOUND,
                      "there is no time zone \"%s\", as there are no zones in %s; install the "
                      "package tzdata, or let TZDIR name its folder",
                      text, zs->directory);
    const char *current =
        zs->hints < HINTS_MAX ? zone_names_current(&zs->names, zs->directory, name) : NULL;
    if (current) {
        zs->hints++;
        return failed(
            zs, MUSTER_ENOTFOUND,
            "there is no time zone \"%s\" in %s; it is an old name of \"%s\": write that, "
            "or install the package tzdata-legacy",
            text, zs->directory, current);
    }
    hint(zs, name, instead, sizeof instead);
    return failed(zs, MUSTER_ENOTFOUND, "there is no time zone \"%s\" in %s%s", text, zs->directory,
                  instead);
}

static int invalid_name(struct zones *zs, struct slice name, const char *text)
{
    char instead[HINT_SIZE];
    zone_names_read(&zs->names, zs->directory);
    hint(zs, name, instead, sizeof instead);
    return failed(zs, MUSTER_EINVAL,
                  "\"%s\" is no name of a time zone: those are words of letters, digits, _ + - "
                  "with / between them%s",
                  text, instead);
}

static int not_read(struct zones *zs, int error, const char *path)
{
    if (error == MUSTER_ETOOBIG)
        return failed(zs, error, "the time zone file %s is larger than %d KiB: it is none", path,
                      ZONE_FILE_MAX / 1024);
    return failed(zs, error, "the time zone file %s cannot be read: %s", path,
                  error == MUSTER_EIO ? strerror(errno) : err_text(error));
}

/* ---- finding ---- */

static bool is_utc(struct slice name)
{
    return slice_is(name, "UTC") || slice_is(name, "Etc/UTC");
}

static void path_of(const struct zones *zs, const char *name, char *ret, size_t size)
{
    snprintf(ret, size, "%s/%s", zs->directory, name);
}

/* The file's bytes are in zs->bytes until the next one is read. */
static int read_zone(struct zones *zs, struct slice name, const char *text, struct loaded *l)
{
    char path[DIRECTORY_SIZE + ZONE_NAME_SIZE], why[ZONE_WHY_SIZE];
    path_of(zs, text, path, sizeof path);
    buf_reset(&zs->bytes);
    int error = zone_file_read(path, &zs->bytes, &l->stamp);
    if (error == MUSTER_ENOTFOUND)
        return not_found(zs, name, text);
    if (error)
        return not_read(zs, error, path);
    l->from_file = true;
    error = zone_new(&l->zone, text, buf_slice(&zs->bytes), why);
    return error ? failed(zs, error, "the time zone file %s is of no use: %s", path, why) : 0;
}

static int load(struct zones *zs, struct slice name, const char *text, struct loaded *l)
{
    if (is_utc(name))
        return zone_new_utc(&l->zone, text) ? failed(zs, MUSTER_ENOMEM, "out of memory") : 0;
    if (!zone_name_valid(name))
        return invalid_name(zs, name, text);
    if (slice_is(name, "localtime") || slice_is(name, "posixrules"))
        return failed(zs, MUSTER_EINVAL,
                      "the time zone \"%s\" is another one on each machine: name the zone itself, "
                      "such as \"Europe/Berlin\"",
                      text);
    return read_zone(zs, name, text, l);
}

/* Without memory it is looked for once more. */
static void remember_missing(struct zones *zs, struct slice name, int error)
{
    size_t len = strlen(zs->error) + 1;
    bool stays = error == MUSTER_ENOTFOUND || error == MUSTER_EINVAL;
    if (!stays || name.len >= ZONE_NAME_SIZE || zs->missing.count >= MISSING_MAX)
        return;
    struct missing *m = malloc(sizeof *m + name.len + len);
    if (!m)
        return;
    m->error = error;
    m->name_len = name.len;
    if (name.len)
        memcpy(m->text, name.data, name.len);
    memcpy(m->text + name.len, zs->error, len);
    if (strmap_put(&zs->missing, slice_of((const uint8_t *)m->text, name.len), m))
        free(m);
}

int zones_find(struct zones *zs, struct slice name, const struct zone **ret)
{
    zs->error[0] = '\0';
    const struct missing *missing = strmap_get(&zs->missing, name);
    if (missing)
        return failed(zs, missing->error, "%s", missing->text + missing->name_len);
    struct loaded *l = strmap_get(&zs->loaded, name);
    if (l) {
        *ret = l->zone;
        return 0;
    }
    l = calloc(1, sizeof *l);
    if (!l)
        return failed(zs, MUSTER_ENOMEM, "out of memory");
    char text[ZONE_NAME_SIZE];
    int error = load(zs, name, shown(name, text), l);
    if (!error && strmap_put(&zs->loaded, slice_str(zone_name(l->zone)), l)) {
        zone_free(l->zone);
        error = failed(zs, MUSTER_ENOMEM, "out of memory");
    }
    if (error) {
        remember_missing(zs, name, error);
        free(l);
        return error;
    }
    *ret = l->zone;
    return 0;
}

/* ---- reading again ---- */

/* True if its rules changed. A broken file is told once: until it changes again. */
static bool reload(struct zones *zs, struct loaded *l)
{
    char path[DIRECTORY_SIZE + ZONE_NAME_SIZE], why[ZONE_WHY_SIZE];
    bool changed = false;
    path_of(zs, zone_name(l->zone), path, sizeof path);
    if (!l->from_file || !zone_file_changed(path, &l->stamp))
        return false;
    buf_reset(&zs->bytes);
    int error = zone_file_read(path, &zs->bytes, &l->stamp);
    if (error) {
        not_read(zs, error, path);
        return false;
    }
    error = zone_replace(l->zone, buf_slice(&zs->bytes), &changed, why);
    if (error)
        failed(zs, error, "the time zone file %s is of no use, its old rules stay: %s", path, why);
    return changed;
}

bool zones_reload(struct zones *zs)
{
    bool changed = false;
    size_t cursor = 0;
    struct loaded *l;
    zs->error[0] = '\0';
    zone_names_fini(&zs->names);
    forget_missing(zs);
    while ((l = strmap_next(&zs->loaded, &cursor)))
        changed |= reload(zs, l);
    return changed;
}
