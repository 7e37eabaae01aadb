/* room.h: what a group may need at worst, and whether it is there. */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include "store/inner.h"

/* Bytes by which the data file grows at worst when these batches are carried out, with so many
 * lanes. */
uint64_t room_needed(struct batch *const *batches, size_t count, uint64_t lanes);
/* Prepares the engine for them. 0, or the error with which submits are refused. */
int room_check(struct store *s, struct batch *const *batches, size_t count,
               struct room *ret) MUSTER_MUSTCHECK;

#endif
