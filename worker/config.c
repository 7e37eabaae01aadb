/* config.c: the worker's YAML file: one map with the flags' names as keys. Values are plain;
 * broker, queue, exec and serve may be lists; exec and serve may be maps of kinds to commands. */
#include <stdio.h>

#include "settings.h"
#include "yaml_tree.h"

struct reader {
    const struct yaml_tree *tree;
    struct yaml_faults *faults;
    struct settings *settings; /* takes what counts */
    struct settings checked;   /* takes what a flag overrules */
    uint32_t skip;
};

static int refuse(const struct reader *r, const struct yaml_node *at, const char *what)
{
    yaml_faults_add(r->faults, at->line, at->column, "%s", what);
    return MUSTER_EINVAL;
}

static struct settings *target(struct reader *r, const struct setting_row *row)
{
    return r->skip >> (row - setting_rows) & 1 ? &r->checked : r->settings;
}

static int explain(const struct reader *r, int err, const struct yaml_node *at, const char *key,
                   const char *why)
{
    char what[512];

    if (err != MUSTER_EINVAL)
        return err;
    (void)snprintf(what, sizeof what, "%s: %s", key, why);
    return refuse(r, at, what);
}

static int take_text(struct reader *r, const struct setting_row *row, const struct yaml_node *node)
{
    char why[320] = "";

    if (node->kind != YAML_TEXT)
        return explain(r, MUSTER_EINVAL, node, row->key, "a plain value is wanted");
    return explain(
        r, settings_take(target(r, row), row->key, yaml_cstr(r->tree, node), why, sizeof why), node,
        row->key, why);
}

static int take_list(struct reader *r, const struct setting_row *row, const struct yaml_node *list)
{
    int err = 0;

    for (const struct yaml_node *i = NULL; !err && (i = yaml_next(r->tree, list, i));)
        err = take_text(r, row, i);
    return err;
}

/* exec and serve as KIND: COMMAND. */
static int take_map(struct reader *r, const struct setting_row *row, const struct yaml_node *map)
{
    struct yaml_pair pair = {0};
    int err = 0;

    while (!err && yaml_next_pair(r->tree, map, &pair)) {
        char why[320] = "a kind and its command are plain values";
        err = MUSTER_EINVAL;
        if (pair.value->kind == YAML_TEXT)
            err = settings_take_command(target(r, row), !strcmp(row->key, "serve"),
                                        yaml_text(r->tree, pair.key),
                                        yaml_cstr(r->tree, pair.value), why, sizeof why);
        err = explain(r, err, pair.key, row->key, why);
    }
    return err;
}

static int take_pair(struct reader *r, const struct yaml_pair *pair)
{
    const char *key = yaml_cstr(r->tree, pair->key);
    const struct setting_row *row = settings_find(key);
    char what[200];

    if (!row) {
        (void)snprintf(what, sizeof what, "unknown key \"%.64s\"; the nearest is \"%s\"", key,
                       settings_nearest(key));
        return refuse(r, pair->key, what);
    }
    if (pair->value->kind == YAML_LIST && row->many)
        return take_list(r, row, pair->value);
    if (pair->value->kind == YAML_MAP && (!strcmp(row->key, "exec") || !strcmp(row->key, "serve")))
        return take_map(r, row, pair->value);
    return take_text(r, row, pair->value);
}

static int take_all(struct reader *r)
{
    const struct yaml_node *root = yaml_root(r->tree);
    struct yaml_pair pair = {0};
    int err = yaml_faults_any(r->faults) ? MUSTER_EINVAL : 0;

    if (!root || err)
        return err;
    if (root->kind != YAML_MAP)
        return refuse(r, root, "the file is a map of keys and values");
    while (!err && yaml_next_pair(r->tree, root, &pair))
        err = take_pair(r, &pair);
    return err;
}

int config_read(const char *path, struct settings *s, uint32_t skip, char *why, size_t why_size)
{
    struct yaml_tree tree;
    struct yaml_faults faults;
    struct reader r = {.tree = &tree, .faults = &faults, .settings = s, .skip = skip};
    int err;

    yaml_faults_init(&faults, 1);
    err = yaml_tree_read(&tree, path, &faults);
    if (!err)
        err = take_all(&r);
    if (err)
        yaml_faults_print(&faults, path, why, why_size);
    yaml_faults_fini(&faults);
    yaml_tree_fini(&tree);
    settings_fini(&r.checked);
    return err;
}
