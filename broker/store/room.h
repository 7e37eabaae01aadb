/* room.h: what a group may need at worst, and whether it is there. */
#ifndef STORE_ROOM_H
#define STORE_ROOM_H

#include "store/inner.h"

/* Prepares the engine for what these batches need at worst. 0, or the error with which submits are
 * refused. */
int room_check(struct store *s, struct batch *const *batches, size_t count,
               struct room *ret) MUSTER_MUSTCHECK;

#endif
