/* event_text.h: what the feed tells, as lines for people or JSON lines. */
#ifndef MONITOR_EVENT_TEXT_H
#define MONITOR_EVENT_TEXT_H

#include "cli/cli.h"
#include "msg.h"

/* Returns how many events it showed; at most `max`. */
uint64_t event_text_show(const struct cli *cli, struct slice topic, const struct msg_events *events,
                         uint64_t max);
void event_text_beat(const struct cli *cli, const struct msg_beat *beat);
void event_text_snapshot(const struct cli *cli, const muster_reply_t *reply);
/* `topic` may be empty; turns: how many were missed, 0: not known. */
void event_text_gap(const struct cli *cli, struct slice topic, uint64_t turns, const char *reason);

#endif
