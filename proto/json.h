/* json.h: msgpack values to JSON text and back (jansson does the JSON). Used by the programs, never
 * by the broker's core. */
#ifndef PROTO_JSON_H
#define PROTO_JSON_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* JSON text to one msgpack value, appended to `out`. 0, MUSTER_EINVAL (why: line, column, what),
 * MUSTER_ETOOBIG, MUSTER_ENOMEM. Integers beyond 64 bits, NaN and duplicate keys are refused. */
int json_to_msgpack(const char *text, size_t len, struct buf *out, char *why,
                    size_t why_size) MUSTER_MUSTCHECK;
/* One msgpack value as compact JSON text, by the rules for exec handlers: bin becomes base64,
 * integers above 2^63-1 are written as they are, keys that are not strings as their JSON text,
 * invalid UTF-8 as U+FFFD. 0 or MUSTER_EPROTO. */
int msgpack_to_json(struct slice value, struct buf *out) MUSTER_MUSTCHECK;
/* The same as a jansson tree (new reference; integers above 2^63-1 become reals), or NULL. */
json_t *msgpack_to_jansson(struct slice value);

#endif
