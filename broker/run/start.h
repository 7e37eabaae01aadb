/* start.h: brings a broker up from its settings, and down again. */
#ifndef RUN_START_H
#define RUN_START_H

#include "run/config.h"

/* Opens the store, binds, says that it serves, runs until it is stopped. Returns the exit status.
 * Signals are blocked and arrive at `signal_fd`. */
int start_broker(const struct config *config, int signal_fd);

#endif
