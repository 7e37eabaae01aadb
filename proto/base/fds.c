/* fds.c: takes some descriptors, and gives them back. */
#include "base/fds.h"

#include <sys/eventfd.h>
#include <unistd.h>

bool fds_for_zmq(void)
{
    int fds[FDS_FOR_ZMQ], count = 0;

    while (count < FDS_FOR_ZMQ && (fds[count] = eventfd(0, EFD_CLOEXEC)) >= 0)
        count++;
    for (int i = 0; i < count; i++)
        (void)close(fds[i]);
    return count == FDS_FOR_ZMQ;
}
