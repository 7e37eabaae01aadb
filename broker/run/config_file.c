/* config_file.c: the settings from a YAML file: one map of keys and plain values. */
#include <stdio.h>

#include "run/config.h"
#include "yaml_tree.h"

struct reader {
    struct config *config;
    const struct yaml_tree *tree;
    struct yaml_faults *faults;
};

static int refuse(struct reader *r, const struct yaml_node *node, const char *what)
{
    yaml_faults_add(r->faults, node->line, node->column, "%s", what);
    return MUSTER_EINVAL;
}

static int take_pair(struct reader *r, const struct yaml_pair *pair)
{
    char what[384];
    struct slice key = yaml_text(r->tree, pair->key);
    const struct setting *setting = config_find(key);
    if (!setting) {
        (void)snprintf(what, sizeof what, "unknown key \"%.64s\"; the nearest is \"%s\"",
                       yaml_cstr(r->tree, pair->key), config_nearest(key));
        return refuse(r, pair->key, what);
    }
    if (pair->value->kind != YAML_TEXT) {
        (void)snprintf(what, sizeof what, "%s takes one value, not a list or map", setting->key);
        return refuse(r, pair->value, what);
    }
    int error = config_set(r->config, setting, yaml_cstr(r->tree, pair->value), what, sizeof what);
    return error ? refuse(r, pair->value, what) : 0;
}

static int take_all(struct reader *r)
{
    const struct yaml_node *root = yaml_root(r->tree);
    struct yaml_pair pair = {0};
    int error = yaml_faults_any(r->faults) ? MUSTER_EINVAL : 0;
    if (!root || error)
        return error;
    if (root->kind != YAML_MAP)
        return refuse(r, root, "the file is a map: lines of `key: value`");
    while (!error && yaml_next_pair(r->tree, root, &pair))
        error = take_pair(r, &pair);
    return error;
}

int config_from_file(struct config *c, const char *path, char *why, size_t why_size)
{
    struct yaml_faults faults;
    struct yaml_tree tree;
    struct reader r = {c, &tree, &faults};
    yaml_faults_init(&faults, 1);
    int error = yaml_tree_read(&tree, path, &faults);
    if (!error)
        error = take_all(&r);
    yaml_tree_fini(&tree);
    if (error)
        yaml_faults_print(&faults, path, why, why_size);
    yaml_faults_fini(&faults);
    return error;
}
