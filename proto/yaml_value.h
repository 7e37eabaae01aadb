/* yaml_value.h: what a value of YAML means, by the core schema of YAML 1.2, as msgpack. */
#ifndef PROTO_YAML_VALUE_H
#define PROTO_YAML_VALUE_H

#include "yaml_tree.h"

/* Appends the node as one msgpack value. What stands in quotes, and every key, is a string; of the
 * rest null, ~, true, false and numbers are what they look like (010 is ten; yes, on and 12:30 are
 * strings). 0; MUSTER_EINVAL: `why` says what is wrong with *ret_at: an integer beyond 64 bits,
 * .inf, .nan, more than 32 lists and maps in each other; MUSTER_ETOOBIG: more than fits into `out`;
 * MUSTER_ENOMEM. After an error nothing of it is in `out`. */
int yaml_to_msgpack(const struct yaml_tree *t, const struct yaml_node *node, struct buf *out,
                    const struct yaml_node **ret_at, char *why, size_t why_size) MUSTER_MUSTCHECK;

#endif
