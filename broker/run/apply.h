/* apply.h: carries out what the core wants done. */
#ifndef RUN_APPLY_H
#define RUN_APPLY_H

#include "run/broker.h"

/* Carries out all actions of the last core_step. */
void apply_actions(struct broker *b);
/* Answers a frame that was refused. */
void apply_refusal(struct broker *b, enum side side, route_t route, const struct refusal *refusal);
/* Sends a client's REPLY with what is in b->body; `error` (or 0) has `text`. */
void apply_reply(struct broker *b, route_t route, uint64_t request, int error, const char *text);
/* Sends it with what is in b->body: an answer that is no error. */
void apply_body(struct broker *b, route_t route, uint64_t request, struct msg *reply);

#endif
