/* config.c: the worker's YAML file: one map with the flags' names as keys. Values are plain;
 * broker, queue, exec and serve may be lists; exec and serve may be maps of kinds to commands. */
#include <errno.h>
#include <stdio.h>
#include <yaml.h>

#include "settings.h"

struct reader {
    yaml_document_t document;
    struct settings *settings; /* takes what counts */
    struct settings checked;   /* takes what a flag overrules */
    uint32_t skip, seen;
    const char *path;
    char *why;
    size_t why_size;
};

static int refuse(const struct reader *r, yaml_mark_t at, const char *what)
{
    snprintf(r->why, r->why_size, "%s:%zu:%zu: %s", r->path, at.line + 1, at.column + 1, what);
    return MUSTER_EINVAL;
}

static const char *text_of(const yaml_node_t *node)
{
    return (const char *)node->data.scalar.value;
}

static bool is_text(const yaml_node_t *node)
{
    return node && node->type == YAML_SCALAR_NODE &&
           strlen(text_of(node)) == node->data.scalar.length;
}

static struct settings *target(struct reader *r, const struct setting_row *row)
{
    return r->skip >> (row - setting_rows) & 1 ? &r->checked : r->settings;
}

static int explain(const struct reader *r, int err, yaml_mark_t at, const char *key,
                   const char *why)
{
    char what[512];

    if (err != MUSTER_EINVAL)
        return err;
    snprintf(what, sizeof what, "%s: %s", key, why);
    return refuse(r, at, what);
}

static int take_text(struct reader *r, const struct setting_row *row, const yaml_node_t *node)
{
    char why[320] = "";

    if (!is_text(node))
        return explain(r, MUSTER_EINVAL, node->start_mark, row->key, "a plain value is wanted");
    return explain(r, settings_take(target(r, row), row->key, text_of(node), why, sizeof why),
                   node->start_mark, row->key, why);
}

static int take_list(struct reader *r, const struct setting_row *row, const yaml_node_t *node)
{
    const yaml_node_item_t *end = node->data.sequence.items.top;
    int err = 0;

    for (const yaml_node_item_t *i = node->data.sequence.items.start; !err && i < end; i++)
        err = take_text(r, row, yaml_document_get_node(&r->document, *i));
    return err;
}

/* exec and serve as KIND: COMMAND. */
static int take_map(struct reader *r, const struct setting_row *row, const yaml_node_t *node)
{
    const yaml_node_pair_t *end = node->data.mapping.pairs.top;

    for (const yaml_node_pair_t *i = node->data.mapping.pairs.start; i < end; i++) {
        const yaml_node_t *kind = yaml_document_get_node(&r->document, i->key);
        const yaml_node_t *command = yaml_document_get_node(&r->document, i->value);
        char why[320] = "a kind and its command are plain values";
        int err = MUSTER_EINVAL;

        if (is_text(kind) && is_text(command))
            err =
                settings_take_command(target(r, row), !strcmp(row->key, "serve"),
                                      slice_str(text_of(kind)), text_of(command), why, sizeof why);
        if (err)
            return explain(r, err, kind->start_mark, row->key, why);
    }
    return 0;
}

static int take_pair(struct reader *r, const yaml_node_t *key, const yaml_node_t *value)
{
    const struct setting_row *row;
    char what[200];
    uint32_t bit;

    if (!is_text(key))
        return refuse(r, key->start_mark, "a key is a plain word");
    row = settings_find(text_of(key));
    if (!row) {
        snprintf(what, sizeof what, "unknown key \"%.64s\"; the nearest is \"%s\"", text_of(key),
                 settings_nearest(text_of(key)));
        return refuse(r, key->start_mark, what);
    }
    bit = (uint32_t)1 << (row - setting_rows);
    if (r->seen & bit) {
        snprintf(what, sizeof what, "\"%s\" is set twice", row->key);
        return refuse(r, key->start_mark, what);
    }
    r->seen |= bit;
    if (value->type == YAML_SEQUENCE_NODE && row->many)
        return take_list(r, row, value);
    if (value->type == YAML_MAPPING_NODE &&
        (!strcmp(row->key, "exec") || !strcmp(row->key, "serve")))
        return take_map(r, row, value);
    return take_text(r, row, value);
}

static int take_document(struct reader *r)
{
    const yaml_node_t *root = yaml_document_get_root_node(&r->document);
    int err = 0;

    if (!root || (root->type == YAML_SCALAR_NODE && !root->data.scalar.length))
        return 0; /* an empty file */
    if (root->type != YAML_MAPPING_NODE)
        return refuse(r, root->start_mark, "the file is a map of keys and values");
    for (const yaml_node_pair_t *i = root->data.mapping.pairs.start;
         !err && i < root->data.mapping.pairs.top; i++)
        err = take_pair(r, yaml_document_get_node(&r->document, i->key),
                        yaml_document_get_node(&r->document, i->value));
    return err;
}

static int read_stream(struct reader *r, FILE *f)
{
    yaml_parser_t parser;
    int err;

    if (!yaml_parser_initialize(&parser))
        return MUSTER_ENOMEM;
    yaml_parser_set_input_file(&parser, f);
    if (yaml_parser_load(&parser, &r->document)) {
        err = take_document(r);
        yaml_document_delete(&r->document);
    } else if (parser.error == YAML_MEMORY_ERROR) {
        err = MUSTER_ENOMEM;
    } else {
        err = refuse(r, parser.problem_mark, parser.problem ? parser.problem : "not YAML");
    }
    yaml_parser_delete(&parser);
    return err;
}

int config_read(const char *path, struct settings *s, uint32_t skip, char *why, size_t why_size)
{
    struct reader r = {.settings = s, .skip = skip, .path = path, .why = why, .why_size = why_size};
    FILE *f = fopen(path, "re");
    int err;

    if (!f) {
        snprintf(why, why_size, "%s: %s", path, strerror(errno));
        return MUSTER_EIO;
    }
    err = read_stream(&r, f);
    if (err == MUSTER_ENOMEM)
        snprintf(why, why_size, "%s: out of memory", path);
    settings_fini(&r.checked);
    fclose(f);
    return err;
}
