/* fds.h: whether descriptors can still be had. */
#ifndef BASE_FDS_H
#define BASE_FDS_H

#include <stdbool.h>

/* What a libzmq context and its first sockets take. It ends the process when it finds none for its
 * inside: whoever makes one looks before. */
#define FDS_FOR_ZMQ 16

/* Whether FDS_FOR_ZMQ more can be opened now. */
bool fds_for_zmq(void);

#endif
