/* loop.h: the broker's one thread: reads messages, steps the core, carries out its actions. */
#ifndef RUN_LOOP_H
#define RUN_LOOP_H

#include "run/broker.h"

/* Runs until a signal on `signal_fd` (a signalfd) or a failure; returns the exit status. The core
 * has been booted. */
int loop_run(struct broker *b, int signal_fd);
/* Steps the core and carries out what it wants done. Fills in the event's times. */
void loop_step(struct broker *b, struct event *event);

#endif
