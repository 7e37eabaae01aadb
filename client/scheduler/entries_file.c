/* entries_file.c: walks the tree of a file, entry by entry, and goes on behind what is wrong. */
#include "scheduler/entries_file.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/nearest.h"
#include "scheduler/entry.h"
#include "wire.h"
#include "yaml_value.h"

#define TOP_KEY     "schedules"
#define ARGS_MAX    ((size_t)64 << 20) /* above any payload limit; the broker's is checked there */
#define FIRST_COUNT 64
#define FORM        TOP_KEY ": {NAME: {cron: \"0 9 * * *\", kind: ...}}"

struct reader {
    const struct yaml_tree *tree;
    struct yaml_faults *faults;
    struct entries *entries;
    struct zones *zones;
    int64_t now;
    struct buf args; /* of the entry that is read */
    bool no_memory;
    uint32_t misplaced; /* maps beside the top key */
    /* of the entry that is read: */
    struct slice name;
    const struct yaml_node *key, *values[ENTRY_FIELDS];
};

/* ---- what is wrong ---- */

static void fault(struct reader *r, const struct yaml_node *at, size_t beyond, const char *text)
{
    yaml_faults_add(r->faults, at->line, at->column + (uint32_t)beyond, "%.*s%s%s",
                    SLICE_FMT(slice_of(r->name.data, r->name.len < 128 ? r->name.len : 128)),
                    r->name.len ? ": " : "", text);
}

/* At the field's value, and where possible at the place in it. */
static void fault_of_field(void *user, const struct entry_fault *found)
{
    struct reader *r = user;
    const struct yaml_node *value = found->field == ENTRY_FIELDS ? NULL : r->values[found->field];
    if (!value) {
        fault(r, r->key, 0, found->text);
        return;
    }
    bool exact = found->position && value->style != YAML_BLOCK && !value->apart;
    size_t quote = value->style == YAML_QUOTED;
    fault(r, value, exact ? found->position - 1 + quote : 0, found->text);
}

static void fault_unknown_field(struct reader *r, const struct yaml_node *key)
{
    char text[ENTRY_WHY_SIZE];
    const char *nearest = entry_field_nearest(yaml_text(r->tree, key));
    int used = snprintf(text, sizeof text, "unknown field \"%.64s\"; %s", yaml_cstr(r->tree, key),
                        nearest ? "the nearest is \"" : "there are");
    size_t len = (size_t)used;
    if (nearest)
        (void)snprintf(text + len, sizeof text - len, "%s\"", nearest);
    for (unsigned i = 0; i < ENTRY_FIELDS && !nearest && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s %s", i ? "," : "",
                                entry_rows[i].key);
    fault(r, key, 0, text);
}

/* Entries without the key above them, as sidekiq-cron has them: one fault is enough. */
static void fault_unknown_key(struct reader *r, const struct yaml_pair *pair)
{
    struct nearest near;
    char text[ENTRY_WHY_SIZE];
    const char *key = yaml_cstr(r->tree, pair->key);
    nearest_init(&near, yaml_text(r->tree, pair->key));
    nearest_offer(&near, TOP_KEY);
    if (nearest_close(&near))
        (void)snprintf(text, sizeof text, "unknown key \"%.64s\"; the nearest is \"" TOP_KEY "\"",
                       key);
    else if (pair->value->kind == YAML_MAP && r->misplaced++)
        return;
    else
        (void)snprintf(text, sizeof text,
                       "unknown key \"%.64s\"; entries stand under the key " TOP_KEY
                       ", and what begins with x- is left alone",
                       key);
    fault(r, pair->key, 0, text);
}

/* ---- one entry ---- */

static void take_args(struct reader *r, struct entry *e, const struct yaml_node *value)
{
    const struct yaml_node *at;
    char why[200], text[ENTRY_WHY_SIZE];
    buf_reset(&r->args);
    int error = yaml_to_msgpack(r->tree, value, &r->args, &at, why, sizeof why);
    if (!error) {
        entry_set_args(e, buf_slice(&r->args));
        return;
    }
    entry_set_wrong(e, ENTRY_args);
    if (error == MUSTER_ENOMEM)
        r->no_memory = true;
    (void)snprintf(text, sizeof text, "args: %s", error == MUSTER_EINVAL ? why : err_text(error));
    fault(r, at, 0, text);
}

static void take_field(struct reader *r, struct entry *e, const struct yaml_pair *pair)
{
    struct entry_fault found;
    enum entry_field field = entry_field_of(yaml_text(r->tree, pair->key));
    if (field == ENTRY_FIELDS) {
        fault_unknown_field(r, pair->key);
        return;
    }
    r->values[field] = pair->value;
    if (field == ENTRY_args) {
        take_args(r, e, pair->value);
    } else if (pair->value->kind != YAML_TEXT || yaml_is_null(r->tree, pair->value)) {
        (void)snprintf(found.text, sizeof found.text, "%s %s", entry_field_name(e, field),
                       pair->value->kind == YAML_TEXT ? "has no value"
                                                      : "takes one value, not a list or map");
        entry_set_wrong(e, field);
        fault(r, pair->value, 0, found.text);
    } else if (entry_set(e, field, yaml_text(r->tree, pair->value), &found)) {
        fault_of_field(r, &found);
    }
}

static int keep(struct reader *r, const struct entry *e)
{
    struct entries *to = r->entries;
    if (to->count == to->cap) {
        uint32_t cap = to->cap ? 2 * to->cap : FIRST_COUNT;
        uint32_t *ends = realloc(to->ends, cap * sizeof *ends);
        if (!ends)
            return MUSTER_ENOMEM;
        to->ends = ends;
        to->cap = cap;
    }
    int error = wire_encode_schedule(&to->bytes, &e->schedule);
    if (error)
        return error;
    to->ends[to->count++] = (uint32_t)to->bytes.len;
    return 0;
}

/* 0, or an error that ends the reading. */
static int take_entry(struct reader *r, const struct yaml_pair *pair)
{
    struct yaml_pair field = {0};
    struct entry e;
    r->key = pair->key;
    r->name = yaml_text(r->tree, pair->key);
    memset(r->values, 0, sizeof r->values);
    if (pair->value->kind != YAML_MAP) {
        fault(r, pair->value, 0, "an entry is a map of fields: {cron: \"0 9 * * *\", kind: ...}");
        return 0;
    }
    entry_init(&e, r->name, false);
    while (yaml_next_pair(r->tree, pair->value, &field))
        take_field(r, &e, &field);
    if (r->no_memory)
        return MUSTER_ENOMEM;
    /* With a fault anywhere none is kept, so there is no need of room for them. */
    if (entry_check(&e, r->zones, r->now, fault_of_field, r) || yaml_faults_any(r->faults))
        return 0;
    int error = keep(r, &e);
    if (error == MUSTER_EFULL) {
        fault(r, r->key, 0, "up to here it is more than 256 MiB of entries");
        error = MUSTER_ETOOBIG;
    }
    return error;
}

/* ---- the file ---- */

static int take_entries(struct reader *r, const struct yaml_node *map)
{
    struct yaml_pair pair = {0};
    int error = 0;
    if (map->kind != YAML_MAP) {
        yaml_faults_add(r->faults, map->line, map->column,
                        TOP_KEY " is a map of names and entries%s",
                        map->kind == YAML_LIST ? ": " FORM : "; without any: " TOP_KEY ": {}");
        return 0;
    }
    if (map->count / 2 > SCHEDULES_MAX) {
        yaml_faults_add(r->faults, map->line, map->column, "more than %d entries", SCHEDULES_MAX);
        return 0;
    }
    while (!error && yaml_next_pair(r->tree, map, &pair))
        error = take_entry(r, &pair);
    r->name = SLICE_EMPTY;
    return error;
}

/* Anchors may be kept there. */
static bool is_extension(struct slice key)
{
    return key.len > 2 && memcmp(key.data, "x-", 2) == 0;
}

/* An empty file may be one that is being written: it is no order to remove all entries. */
static int take_root(struct reader *r)
{
    const struct yaml_node *root = yaml_root(r->tree);
    struct yaml_pair pair = {0};
    bool found = false;
    int error = 0;
    if (root && root->kind != YAML_MAP) {
        yaml_faults_add(r->faults, root->line, root->column,
                        "the file is a map with the key " TOP_KEY ": " FORM);
        return 0;
    }
    while (root && !error && yaml_next_pair(r->tree, root, &pair)) {
        bool known = slice_is(yaml_text(r->tree, pair.key), TOP_KEY);
        found = found || known;
        if (known)
            error = take_entries(r, pair.value);
        else if (!is_extension(yaml_text(r->tree, pair.key)))
            fault_unknown_key(r, &pair);
    }
    if (!error && !found && !yaml_faults_any(r->faults))
        yaml_faults_add(r->faults, 1, 1,
                        "there is no " TOP_KEY " in this file; for none: " TOP_KEY ": {}");
    return error;
}

int entries_read(struct entries *ret, const char *path, struct zones *zones, int64_t now,
                 struct yaml_faults *faults)
{
    struct yaml_tree tree;
    struct reader r = {.tree = &tree, .faults = faults, .entries = ret, .zones = zones, .now = now};
    *ret = (struct entries){0};
    buf_init(&ret->bytes, SCHEDULES_BYTES_MAX);
    buf_init(&r.args, ARGS_MAX);
    int error = yaml_tree_read(&tree, path, faults);
    if (!error)
        error = take_root(&r);
    yaml_tree_fini(&tree);
    buf_fini(&r.args);
    yaml_faults_sort(faults);
    if (!error && yaml_faults_any(faults))
        error = MUSTER_EINVAL;
    if (error == MUSTER_ENOMEM && !yaml_faults_any(faults))
        yaml_faults_add(faults, 0, 0, "out of memory");
    if (error)
        entries_fini(ret);
    return error;
}

struct slice entries_at(const struct entries *e, uint32_t index)
{
    uint32_t start = index ? e->ends[index - 1] : 0;
    return slice_of(e->bytes.data + start, e->ends[index] - start);
}

void entries_fini(struct entries *e)
{
    free(e->ends);
    buf_fini(&e->bytes);
    *e = (struct entries){0};
}
