/* yaml_anchor.c: the table of anchors by name. */
#include "yaml_anchor.h"

#include <stdlib.h>

struct named {
    struct yaml_anchor anchor;
    char name[]; /* with its NUL: the table's key */
};

void yaml_anchors_init(struct yaml_anchors *a)
{
    strmap_init(&a->by_name);
}

void yaml_anchors_fini(struct yaml_anchors *a)
{
    size_t cursor = 0;
    for (void *named; (named = strmap_next(&a->by_name, &cursor));)
        free(named);
    strmap_fini(&a->by_name);
}

const struct yaml_anchor *yaml_anchors_find(const struct yaml_anchors *a, const char *name)
{
    const struct named *named = strmap_get(&a->by_name, slice_str(name));
    return named ? &named->anchor : NULL;
}

struct yaml_anchor *yaml_anchors_add(struct yaml_anchors *a, const char *name)
{
    size_t len = strlen(name);
    struct named *named = strmap_get(&a->by_name, slice_of(name, len));
    if (named)
        return &named->anchor;
    named = calloc(1, sizeof *named + len + 1);
    if (!named)
        return NULL;
    memcpy(named->name, name, len);
    if (strmap_put(&a->by_name, slice_of(named->name, len), named)) {
        free(named);
        return NULL;
    }
    return &named->anchor;
}
