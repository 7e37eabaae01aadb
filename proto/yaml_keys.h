/* yaml_keys.h: the keys of a map of YAML that has just been read: each stands once, and what `<<`
 * merges in is a part of the map like any other. */
#ifndef PROTO_YAML_KEYS_H
#define PROTO_YAML_KEYS_H

#include "yaml_tree.h"

/* Room to sort keys in, kept from map to map. */
struct yaml_keys {
    uint32_t *numbers;
    size_t count, cap;
};

void yaml_keys_fini(struct yaml_keys *k);
/* Notes a fault for each key that stands twice. Then each plain key `<<`, whose value is a map or a
 * list of maps, is replaced by their pairs: the map's own keys win, then those of the maps that
 * come first. 0; MUSTER_EINVAL: another value, noted; MUSTER_ETOOBIG; MUSTER_ENOMEM. */
int yaml_keys_close(struct yaml_keys *k, struct yaml_tree *t, uint32_t map,
                    struct yaml_faults *faults) MUSTER_MUSTCHECK;

#endif
