/* muster/common.h: what both sides of the library share: ids, time, the library's version.
 *
 * Conventions of all headers: times are milliseconds; strings are UTF-8 and NUL-terminated; bytes
 * have a length. What is passed in is borrowed for the call only, but for callbacks and their
 * `user`. Outputs are named ret_... and come last but for texts, which may be left out (NULL, 0).
 * Handles are numbers in the guise of pointers: a destroyed one is known as such, and never
 * touched. They belong to the process that made them; in a child after fork() they are
 * MUSTER_ESTATE. */
#ifndef MUSTER_COMMON_H
#define MUSTER_COMMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <muster/error.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MUSTER_FOREVER       UINT64_MAX /* as a timeout */
#define MUSTER_ID_TEXT_BYTES 14         /* 13 characters and NUL */

/* The library's version, "0.1.0". A static string; any thread. */
MUSTER_API const char *muster_version(void);

/* Job ids are 64-bit numbers that sort by time; people see 13 characters. Any thread. */

/* Writes the 13 characters and NUL. Does nothing if `out` is NULL. */
MUSTER_API void muster_id_format(uint64_t id, char out[MUSTER_ID_TEXT_BYTES]);
/* Reads the 13 characters, upper or lower case. MUSTER_EINVAL: no id, or NULL; *ret_id is
 * untouched then. */
MUSTER_API int muster_id_parse(const char *text, uint64_t *ret_id);

#ifdef __cplusplus
}
#endif

#endif
