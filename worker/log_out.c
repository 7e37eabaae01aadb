/* log_out.c: standard error in pieces that a pipe takes whole, each when there is room for it.
 *
 * The descriptor is shared with whoever started us, so it cannot be made non-blocking. */
#include "log_out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#define PATIENCE_MS 1000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool stuck; /* nobody took the last piece; under the lock */

static bool has_room(void)
{
    struct pollfd p = {STDERR_FILENO, POLLOUT, 0};
    int n;

    do {
        n = poll(&p, 1, stuck ? 0 : PATIENCE_MS);
    } while (n < 0 && errno == EINTR);
    stuck = n == 0;
    return n > 0;
}

void log_out(const void *data, size_t len)
{
    const uint8_t *at = data;

    pthread_mutex_lock(&lock);
    while (len && has_room()) {
        ssize_t n = write(STDERR_FILENO, at, len < PIPE_BUF ? len : PIPE_BUF);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        at += n;
        len -= (size_t)n;
    }
    pthread_mutex_unlock(&lock);
}
