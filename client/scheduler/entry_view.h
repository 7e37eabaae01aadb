/* entry_view.h: a schedule entry, as the broker has it, in the words of the file it may have come
 * from. */
#ifndef SCHEDULER_ENTRY_VIEW_H
#define SCHEDULER_ENTRY_VIEW_H

#include "json.h"
#include "msg.h"

/* An object of the name and every field, under their keys and in their form in files ("1h30m",
 * "2030-01-31T09:00:00Z"); what the entry does not say has its default, or is null. Meta that is no
 * text comes as base64. A new reference; NULL: out of memory. */
json_t *entry_view(const struct msg_schedule *schedule);

#endif
