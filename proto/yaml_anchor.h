/* yaml_anchor.h: what the anchors (&name) of a file of YAML stand for, and how much an alias
 * (*name) of each adds to the tree. */
#ifndef PROTO_YAML_ANCHOR_H
#define PROTO_YAML_ANCHOR_H

#include "base/map.h"

struct yaml_anchor {
    uint32_t number; /* of its node in the tree */
    bool open;       /* its list or map has not ended: all below is not known yet */
    uint32_t height; /* lists and maps in each other; 0: a text */
    uint32_t nodes;  /* it and all inside, aliases written out */
    uint32_t bytes;  /* of their texts */
};

struct yaml_anchors {
    struct strmap by_name;
};

void yaml_anchors_init(struct yaml_anchors *a);
void yaml_anchors_fini(struct yaml_anchors *a);
/* NULL: no such anchor so far. */
const struct yaml_anchor *yaml_anchors_find(const struct yaml_anchors *a, const char *name);
/* The anchor of that name, to be filled in; it stays where it is. A name may be given again: from
 * then on it stands for another node. NULL: out of memory. */
struct yaml_anchor *yaml_anchors_add(struct yaml_anchors *a, const char *name);

#endif
