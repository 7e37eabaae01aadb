/* apply_schedules.c: one function an answer, and what the log says of schedules. */
#include "run/apply_schedules.h"

#include <stdio.h>

#include "base/text.h"
#include "run/apply.h"
#include "run/reply_schedules.h"

#define LINES_PER_S 100

void schedules_send_put(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    char text[2 * NAME_MAX_BYTES + 64];
    snprintf(text, sizeof text, "schedule %.*s belongs to %.*s", SLICE_FMT(a->put.name),
             SLICE_FMT(a->put.owner));
    buf_reset(&b->body);
    if (a->put.error) {
        apply_reply(b, a->route, a->request, a->put.error, a->put.name.len ? text : NULL);
        return;
    }
    reply_put(&b->body, a->put.count, a->put.changed);
    apply_body(b, a->route, a->request, &msg);
}

void schedules_send(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    const struct schedule_page page = {.now_ms = b->wall_ms,
                                       .epoch = a->schedules.epoch,
                                       .revision = a->schedules.revision,
                                       .newest = a->schedules.newest,
                                       .reset = a->schedules.reset,
                                       .views = a->schedules.views,
                                       .count = a->schedules.count};
    buf_reset(&b->body);
    msg.reply.more = a->schedules.more;
    reply_schedules(&b->body, &page);
    apply_body(b, a->route, a->request, &msg);
}

void schedules_send_acts(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    buf_reset(&b->body);
    reply_acts(&b->body, a->acts.names, a->acts.errors, a->acts.count);
    apply_body(b, a->route, a->request, &msg);
}

void schedules_send_fire(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    const struct fire_answers answers = {.count = a->fire.count,
                                         .verdicts = a->fire.verdicts,
                                         .reasons = a->fire.reasons,
                                         .through_ms = a->fire.through_ms,
                                         .jobs = a->fire.jobs};
    buf_reset(&b->body);
    reply_fire(&b->body, b->wall_ms, &answers);
    apply_body(b, a->route, a->request, &msg);
}

void schedules_send_ledger(struct broker *b, const struct action *a)
{
    struct msg msg = {.type = MSG_REPLY};
    buf_reset(&b->body);
    msg.reply.more = a->ledger.more;
    reply_ledger(&b->body, a->ledger.rows, a->ledger.count);
    apply_body(b, a->route, a->request, &msg);
}

/* ---- the log ---- */

/* A file of 100,000 schedules changes as many; the feed tells of all. */
static bool may_log(struct broker *b)
{
    if (b->now_ms - b->schedule_lines_ms >= 1000) {
        b->schedule_lines_ms = b->now_ms;
        b->schedule_lines = 0;
    }
    if (b->schedule_lines++ == LINES_PER_S)
        log_write(LEVEL_INFO, "more changes of schedules in this second, not in the log",
                  LOG_NO_FIELDS);
    return b->schedule_lines <= LINES_PER_S;
}

void schedules_log(struct broker *b, const struct action *a)
{
    const struct log_field schedule = {.key = "schedule", .text = a->event.schedule};
    const struct log_field code = {.key = "code", .text = a->event.code};
    if (a->event.topic == TOPIC_SCHEDULE_ERROR && may_log(b))
        log_write(LEVEL_ERROR, topic_name(a->event.topic),
                  LOG_FIELDS(schedule, code, {.key = "text", .text = a->event.text}));
    else if (a->event.topic == TOPIC_SCHEDULE_CHANGED && may_log(b))
        log_write(LEVEL_INFO, topic_name(a->event.topic), LOG_FIELDS(schedule, code));
}
