/* zone_names.c: the folder's tree, without the copies in posix/ and right/ and without what is no
 * zone (tables, leap seconds): zones, and nothing else, begin with upper case. */
#include "scheduler/zone_names.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/nearest.h"
#include "scheduler/zone_file.h"

#define DEPTH_MAX 4
#define NAMES_MAX 4096
#define PATH_SIZE 1024
#define ZI_MAX    (1024 * 1024) /* bytes of tzdata.zi */

#define ABBREVIATION_MAX 4 /* letters */
#define ANY_PLACE        "America/Los_Angeles"

/* ---- what a name may be ---- */

static bool part_valid(struct slice part)
{
    if (part.len == 0 || part.data[0] == '.')
        return false;
    for (size_t i = 0; i < part.len; i++) {
        uint8_t c = part.data[i];
        bool letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '+' && c != '-')
            return false;
    }
    return true;
}

bool zone_name_valid(struct slice name)
{
    if (name.len == 0 || name.len >= ZONE_NAME_SIZE)
        return false;
    size_t begin = 0;
    for (size_t i = 0; i <= name.len; i++) {
        if (i < name.len && name.data[i] != '/')
            continue;
        if (!part_valid(slice_of(name.data + begin, i - begin)))
            return false;
        begin = i + 1;
    }
    return true;
}

/* ---- the tree ---- */

/* A valid name, thus a short one. */
static bool add(struct zone_names *n, const char *name)
{
    if (n->count == n->cap) {
        size_t cap = n->cap ? n->cap * 2 : 512;
        void *names = cap > NAMES_MAX ? NULL : realloc(n->names, cap * sizeof *n->names);
        if (!names)
            return false;
        n->names = names;
        n->cap = cap;
    }
    memcpy(n->names[n->count++], name, strlen(name) + 1);
    return true;
}

/* `below` is the folder within tzdata's: "" or "Europe/". */
static void walk(struct zone_names *n, const char *directory, const char *below, int depth)
{
    char path[PATH_SIZE];
    if (snprintf(path, sizeof path, "%s/%s", directory, below) >= (int)sizeof path)
        return;
    DIR *d = opendir(path);
    const struct dirent *e;
    while (d && (e = readdir(d))) {
        char name[ZONE_NAME_SIZE + 256];
        struct stat st;
        snprintf(name, sizeof name, "%s%s", below, e->d_name);
        bool candidate = e->d_name[0] >= 'A' && e->d_name[0] <= 'Z' && !strchr(e->d_name, '.') &&
                         zone_name_valid(slice_str(name));
        if (!candidate || fstatat(dirfd(d), e->d_name, &st, 0))
            continue;
        if (S_ISREG(st.st_mode) && !add(n, name))
            break;
        if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
            size_t len = strlen(name);
            memcpy(name + len, "/", 2);
            walk(n, directory, name, depth + 1);
        }
    }
    if (d)
        closedir(d);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

void zone_names_read(struct zone_names *n, const char *directory)
{
    if (n->read)
        return;
    n->read = true;
    walk(n, directory, "", 1);
    if (n->count)
        qsort(n->names, n->count, sizeof *n->names, by_name);
}

void zone_names_fini(struct zone_names *n)
{
    free(n->names);
    *n = (struct zone_names){0};
}

/* ---- what was meant ---- */

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool zone_name_is_offset(struct slice name)
{
    for (size_t i = 0; i + 1 < name.len; i++)
        if ((name.data[i] == '+' || name.data[i] == '-') && is_digit(name.data[i + 1]))
            return true;
    return false;
}

const char *zone_name_place(struct slice name)
{
    static const struct {
        const char *abbreviation, *place;
    } places[] = {
        {"PST", "America/Los_Angeles"},
        {"PDT", "America/Los_Angeles"},
        {"PT", ANY_PLACE},
        {"MDT", "America/Denver"},
        {"MST", "America/Denver"},
        {"CST", "America/Chicago"},
        {"CDT", "America/Chicago"},
        {"EST", "America/New_York"},
        {"EDT", "America/New_York"},
        {"BST", "Europe/London"},
        {"WEST", "Europe/Lisbon"},
        {"CEST", "Europe/Berlin"},
        {"MEZ", "Europe/Berlin"},
        {"MESZ", "Europe/Berlin"},
        {"EEST", "Europe/Helsinki"},
        {"MSK", "Europe/Moscow"},
        {"IST", "Asia/Kolkata"},
        {"SGT", "Asia/Singapore"},
        {"HKT", "Asia/Hong_Kong"},
        {"KST", "Asia/Seoul"},
        {"JST", "Asia/Tokyo"},
        {"AEST", "Australia/Sydney"},
        {"AEDT", "Australia/Sydney"},
        {"NZST", "Pacific/Auckland"},
        {"NZDT", "Pacific/Auckland"},
    };
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        if (name.len == strlen(places[i].abbreviation) &&
            strncasecmp((const char *)name.data, places[i].abbreviation, name.len) == 0)
            return places[i].place;
    for (size_t i = 0; i < name.len; i++)
        if ((name.data[i] | 0x20) < 'a' || (name.data[i] | 0x20) > 'z')
            return NULL;
    return name.len <= ABBREVIATION_MAX ? ANY_PLACE : NULL;
}

/* Whole names first, so that they win over the ends of names at the same distance. An offset or an
 * abbreviation with one letter changed is another one, which has other hours. */
const char *zone_names_nearest(const struct zone_names *n, struct slice name)
{
    struct nearest nearest;
    bool exact = name.len <= ABBREVIATION_MAX || zone_name_is_offset(name);
    nearest_init(&nearest, name);
    for (size_t i = 0; i < n->count; i++)
        nearest_offer(&nearest, n->names[i]);
    for (size_t i = 0; i < n->count && !zone_name_is_offset(name); i++)
        for (const char *part = strchr(n->names[i], '/'); part; part = strchr(part + 1, '/'))
            nearest_offer_as(&nearest, part + 1, n->names[i]);
    return exact && nearest.distance > 0 ? NULL : nearest_close(&nearest);
}

/* A line "L TARGET NAME" with this name; its target is returned. */
static struct slice link_target(struct slice line, struct slice name)
{
    if (line.len < name.len + 4 || memcmp(line.data, "L ", 2) != 0)
        return SLICE_EMPTY;
    const uint8_t *end = line.data + line.len - name.len;
    struct slice target = slice_of(line.data + 2, (size_t)(end - line.data) - 3);
    if (end[-1] != ' ' || memcmp(end, name.data, name.len) != 0 || !zone_name_valid(target))
        return SLICE_EMPTY;
    return target;
}

const char *zone_names_current(struct zone_names *n, const char *directory, struct slice name)
{
    char path[PATH_SIZE];
    struct zone_stamp stamp;
    struct buf zi;
    struct slice target = SLICE_EMPTY;
    buf_init(&zi, ZI_MAX);
    if (snprintf(path, sizeof path, "%s/tzdata.zi", directory) < (int)sizeof path &&
        zone_file_read(path, &zi, &stamp) == 0) {
        struct slice rest = buf_slice(&zi);
        while (rest.len && !target.len) {
            const uint8_t *end = memchr(rest.data, '\n', rest.len);
            struct slice line = slice_of(rest.data, end ? (size_t)(end - rest.data) : rest.len);
            target = link_target(line, name);
            rest = end ? slice_of(end + 1, rest.len - line.len - 1) : SLICE_EMPTY;
        }
    }
    snprintf(n->current, sizeof n->current, "%.*s", SLICE_FMT(target));
    buf_fini(&zi);
    return n->current[0] ? n->current : NULL;
}
