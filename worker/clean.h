/* clean.h: bytes from handlers made fit for text fields. */
#ifndef WORKER_CLEAN_H
#define WORKER_CLEAN_H

#include "base/slice.h"

/* Copies as UTF-8 without NUL: bytes that are none become U+FFFD, as much as fits whole. Returns
 * the bytes written, without the NUL that always ends them. `out_size` is at least 1. */
size_t clean_text(struct slice in, char *out, size_t out_size);
/* The same for one line: control characters become spaces, spaces at both ends go. */
size_t clean_line(struct slice in, char *out, size_t out_size);

#endif
