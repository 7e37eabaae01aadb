/* fire_message.h: nominal times as a FIRE. */
#ifndef SCHEDULER_FIRE_MESSAGE_H
#define SCHEDULER_FIRE_MESSAGE_H

#include "client.h"
#include "scheduler/agenda.h"

/* `epoch` is that of the SCHEDULES that the revisions are from. As client_ask(). */
int fire_message_send(muster_client_t *client, uint64_t epoch, const struct agenda_fire *fire,
                      int done_fd, struct call **ret) MUSTER_MUSTCHECK;

#endif
