/* config_file.c: the settings from a YAML file: one map of keys and plain values. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "run/config.h"

#define SETTINGS_MAX 64

/* A file being read. */
struct reader {
    yaml_parser_t parser;
    struct config *config;
    const char *path;
    char *why;
    size_t why_size;
    size_t seen_line[SETTINGS_MAX]; /* where each key was written; 0: not yet */
};

/* Says where and what. Lines and columns are counted from 1. */
static int refuse(struct reader *r, yaml_mark_t mark, const char *what)
{
    snprintf(r->why, r->why_size, "%s:%zu:%zu: %s", r->path, mark.line + 1, mark.column + 1, what);
    return MUSTER_EINVAL;
}

static int next(struct reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event))
        return 0;
    if (r->parser.error == YAML_MEMORY_ERROR) {
        snprintf(r->why, r->why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    char what[256];
    snprintf(what, sizeof what, "%s%s%s", r->parser.problem ? r->parser.problem : "not YAML",
             r->parser.context ? " " : "", r->parser.context ? r->parser.context : "");
    return refuse(r, r->parser.problem_mark, what);
}

static struct slice text_of(const yaml_event_t *event)
{
    return slice_of(event->data.scalar.value, event->data.scalar.length);
}

static int find_key(struct reader *r, const yaml_event_t *key, const struct setting **ret)
{
    char what[256];
    if (key->type != YAML_SCALAR_EVENT)
        return refuse(r, key->start_mark, "a key is a plain word");
    const struct setting *setting = config_find(text_of(key));
    if (!setting) {
        snprintf(what, sizeof what, "unknown key \"%.64s\"; the nearest is \"%s\"",
                 (const char *)key->data.scalar.value, config_nearest(text_of(key)));
        return refuse(r, key->start_mark, what);
    }
    size_t *line = &r->seen_line[setting - config_settings];
    if (*line) {
        snprintf(what, sizeof what, "\"%s\" is set in line %zu already", setting->key, *line);
        return refuse(r, key->start_mark, what);
    }
    *line = key->start_mark.line + 1;
    *ret = setting;
    return 0;
}

static int take_value(struct reader *r, const struct setting *setting, const yaml_event_t *value)
{
    char what[384];
    if (value->type != YAML_SCALAR_EVENT) {
        snprintf(what, sizeof what, "%s takes one value, not a list, map or alias", setting->key);
        return refuse(r, value->start_mark, what);
    }
    if (strlen((const char *)value->data.scalar.value) != value->data.scalar.length)
        return refuse(r, value->start_mark, "a NUL in a value");
    int error =
        config_set(r->config, setting, (const char *)value->data.scalar.value, what, sizeof what);
    return error ? refuse(r, value->start_mark, what) : 0;
}

/* Takes the value after `key`. */
static int take_pair(struct reader *r, const yaml_event_t *key)
{
    const struct setting *setting = NULL;
    yaml_event_t value;
    int error = find_key(r, key, &setting);
    if (error)
        return error;
    error = next(r, &value);
    if (error)
        return error;
    error = take_value(r, setting, &value);
    yaml_event_delete(&value);
    return error;
}

/* Looks at one event outside a pair: opens and closes are passed over, a key brings its value
 * along. */
static int take_event(struct reader *r, const yaml_event_t *event, bool *in_map, bool *done)
{
    switch (event->type) {
    case YAML_STREAM_END_EVENT:
        *done = true;
        return 0;
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return 0;
    case YAML_MAPPING_END_EVENT:
        *in_map = false;
        return 0;
    case YAML_MAPPING_START_EVENT:
        if (*in_map)
            return refuse(r, event->start_mark, "a key is a plain word");
        *in_map = true;
        return 0;
    default:
        if (!*in_map && event->type == YAML_SCALAR_EVENT && event->data.scalar.length == 0)
            return 0; /* an empty document */
        if (!*in_map)
            return refuse(r, event->start_mark, "the file is a map: lines of `key: value`");
        return take_pair(r, event);
    }
}

static int read_all(struct reader *r)
{
    bool in_map = false, done = false;
    while (!done) {
        yaml_event_t event;
        int error = next(r, &event);
        if (error)
            return error;
        error = take_event(r, &event, &in_map, &done);
        yaml_event_delete(&event);
        if (error)
            return error;
    }
    return 0;
}

int config_from_file(struct config *c, const char *path, char *why, size_t why_size)
{
    struct reader r = {.config = c, .path = path, .why = why, .why_size = why_size};
    _Static_assert(sizeof(struct config) / sizeof(uint64_t) <= SETTINGS_MAX,
                   "seen_line is too short");
    FILE *file = fopen(path, "r");
    if (!file) {
        snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
        return MUSTER_EIO;
    }
    int error = MUSTER_ENOMEM;
    if (yaml_parser_initialize(&r.parser)) {
        yaml_parser_set_input_file(&r.parser, file);
        error = read_all(&r);
        yaml_parser_delete(&r.parser);
    } else {
        snprintf(why, why_size, "out of memory");
    }
    fclose(file);
    return error;
}
