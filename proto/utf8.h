/* utf8.h: where UTF-8 is well formed (Unicode 15, table 3-7: no overlong forms, surrogates or
 * values above U+10FFFF). */
#ifndef PROTO_UTF8_H
#define PROTO_UTF8_H

#include "base/slice.h"

/* Bytes of the well-formed sequence at the start of `text`: 1 to 4, or 0 when there is none. */
size_t utf8_sequence(struct slice text);
/* True when all of `text` is well formed and holds no NUL. */
bool utf8_is_text(struct slice text);

#endif
