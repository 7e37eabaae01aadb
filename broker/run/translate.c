/* translate.c: which message may come from which side, and the short ones. */
#include "run/translate.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "run/cancel_cursor.h"
#include "run/translate_parts.h"
#include "wire.h"

int refuse(struct request *r, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(r->why, WHY_BYTES, format, args);
    va_end(args);
    return error;
}

int check_name(struct request *r, const char *field, struct slice name)
{
    if (name_valid(name))
        return 0;
    return refuse(r, MUSTER_EINVAL,
                  "%s: a name has 1 to %d bytes of [A-Za-z0-9._:/-] and begins with a letter or "
                  "digit",
                  field, NAME_MAX_BYTES);
}

int check_filter(struct request *r, const char *field, struct slice name)
{
    return name.len ? check_name(r, field, name) : 0;
}

static int take_nothing(struct request *r)
{
    (void)r;
    return 0;
}

static int take_done_ack(struct request *r)
{
    r->event->done_ack.number = r->msg->done_ack.number;
    return 0;
}

static int take_get(struct request *r)
{
    r->event->ids.ids = r->msg->get.ids;
    return 0;
}

static int take_wait(struct request *r)
{
    const struct msg_wait *wait = &r->msg->wait;
    r->event->ids.ids = wait->ids;
    r->event->ids.hold_ms =
        wait->has & MSG_BIT(wait, hold_ms) ? (uint32_t)wait->hold_ms : REPLY_HOLD_MS;
    if (r->event->ids.hold_ms == 0)
        r->event->ids.hold_ms = 1; /* at once; to the core 0 means no limit of its own */
    return 0;
}

/* By filter: a slice, from where the cursor says. */
static int take_cancel_all(struct request *r)
{
    const struct msg_cancel *cancel = &r->msg->cancel;
    enum job_state state = JOB_STATE_COUNT;
    bool known = !cancel->state.len || job_state_parse(cancel->state, &state) == 0;
    if (!known || (cancel->state.len && state > JOB_RUNNING))
        return refuse(r, MUSTER_EINVAL,
                      "state: jobs that are scheduled, ready or running can be "
                      "cancelled");
    r->event->type = EV_CANCEL_ALL;
    r->event->cancel_all.state = cancel->state.len ? (int)state : -1;
    r->event->cancel_all.queue = cancel->queue;
    r->event->cancel_all.kind = cancel->kind;
    r->event->cancel_all.upto = 0;
    r->event->cancel_all.from = (struct match_at){0};
    if (cancel->cursor.len && cancel_cursor_decode(cancel->cursor, &r->event->cancel_all.from,
                                                   &r->event->cancel_all.upto) != 0)
        return refuse(r, MUSTER_EINVAL, "cursor: this is none that a REPLY has given");
    int error = check_filter(r, "queue", cancel->queue);
    return error ? error : check_filter(r, "kind", cancel->kind);
}

static int take_cancel(struct request *r)
{
    const struct msg_cancel *cancel = &r->msg->cancel;
    if ((cancel->ids.len != 0) == (cancel->all != 0))
        return refuse(r, MUSTER_EINVAL, "CANCEL names ids, or all by filter, and not both");
    if (cancel->all)
        return take_cancel_all(r);
    r->event->ids.ids = cancel->ids;
    return 0;
}

static int take_list(struct request *r)
{
    const struct msg_list *list = &r->msg->list;
    enum job_state state;
    if (list->state.len && job_state_parse(list->state, &state))
        return refuse(r, MUSTER_EINVAL, "state: there is no state \"%.*s\"",
                      SLICE_FMT(list->state));
    r->event->list.state = list->state.len ? (int)state : -1;
    r->event->list.queue = list->queue;
    r->event->list.kind = list->kind;
    r->event->list.after = list->after;
    r->event->list.limit = list->limit ? (uint32_t)list->limit : LIST_DEFAULT;
    int error = check_filter(r, "queue", list->queue);
    return error ? error : check_filter(r, "kind", list->kind);
}

static int take_parked(struct request *r)
{
    const struct msg_parked *parked = &r->msg->parked;
    if ((parked->ids.len != 0) == (parked->all != 0))
        return refuse(r, MUSTER_EINVAL, "PARKED names ids, or all by filter, and not both");
    r->event->parked.remove = parked->action == PARKED_DELETE;
    r->event->parked.all = parked->all != 0;
    r->event->parked.ids = parked->ids;
    r->event->parked.queue = parked->queue;
    r->event->parked.kind = parked->kind;
    r->event->parked.after = parked->after;
    int error = check_filter(r, "queue", parked->queue);
    return error ? error : check_filter(r, "kind", parked->kind);
}

static int take_pause(struct request *r)
{
    r->event->pause.queue = r->msg->pause.queue;
    r->event->pause.paused = r->msg->pause.paused != 0;
    return check_name(r, "queue", r->msg->pause.queue);
}

static int take_backup(struct request *r)
{
    const struct msg_backup *backup = &r->msg->backup;
    r->event->backup.directory = backup->directory;
    r->event->backup.token = backup->token;
    r->event->backup.hold_ms =
        backup->has & MSG_BIT(backup, hold_ms) ? (uint32_t)backup->hold_ms : REPLY_HOLD_MS;
    if (backup->directory.len && backup->directory.data[0] == '/')
        return 0;
    return refuse(r, MUSTER_EINVAL, "directory: it is no absolute path");
}

/* What a message becomes. */
struct row {
    int (*take)(struct request *r); /* NULL: this side does not say it */
    enum event_type event;
};

static const struct row rows[SIDE_COUNT][MSG_TYPE_MAX] = {
    [SIDE_WORKER] =
        {
            [MSG_HELLO] = {take_worker_hello, EV_WORKER_HELLO},
            [MSG_HEARTBEAT] = {take_nothing, EV_WORKER_HEARTBEAT},
            [MSG_GOODBYE] = {take_nothing, EV_WORKER_GOODBYE},
            [MSG_CREDIT] = {take_credit, EV_CREDIT},
            [MSG_RESULTS] = {take_results, EV_RESULTS},
        },
    [SIDE_CLIENT] =
        {
            [MSG_HELLO] = {take_client_hello, EV_CLIENT_HELLO},
            [MSG_HEARTBEAT] = {take_nothing, EV_CLIENT_HEARTBEAT},
            [MSG_GOODBYE] = {take_nothing, EV_CLIENT_GOODBYE},
            [MSG_SUBMIT] = {take_submit, EV_SUBMIT},
            [MSG_DONE_ACK] = {take_done_ack, EV_DONE_ACK},
            [MSG_GET] = {take_get, EV_GET},
            [MSG_WAIT] = {take_wait, EV_WAIT},
            [MSG_LIST] = {take_list, EV_LIST},
            [MSG_CANCEL] = {take_cancel, EV_CANCEL},
            [MSG_PARKED] = {take_parked, EV_PARKED},
            [MSG_PAUSE] = {take_pause, EV_PAUSE},
            [MSG_QUEUES] = {take_nothing, EV_QUEUES},
            [MSG_WORKERS] = {take_nothing, EV_WORKERS},
            [MSG_STATS] = {take_nothing, EV_STATS},
            [MSG_SNAPSHOT] = {take_nothing, EV_SNAPSHOT},
            [MSG_BACKUP] = {take_backup, EV_BACKUP},
            [MSG_SCHEDULE_PUT] = {take_schedule_put, EV_SCHEDULE_PUT},
            [MSG_SCHEDULES] = {take_schedules, EV_SCHEDULES},
            [MSG_SCHEDULE_ACT] = {take_schedule_act, EV_SCHEDULE_ACT},
            [MSG_FIRE] = {take_fire, EV_FIRE},
            [MSG_LEDGER] = {take_ledger, EV_LEDGER},
            [MSG_NOTICE] = {take_notice, EV_NOTICE},
        },
};

static const char *const side_names[SIDE_COUNT] = {"the backend, where workers connect",
                                                   "the frontend, where clients connect"};

static int take(struct request *r, enum side side, struct blob *frame, struct msg *msg)
{
    int error = wire_decode(frame->bytes, msg, r->why, WHY_BYTES);
    if (error)
        return error;
    const struct row *row = &rows[side][msg->type];
    if (!row->take)
        return refuse(r, MUSTER_EUNKNOWN_TYPE, "%s has no place here: this is %s",
                      msg_type_name(msg->type), side_names[side]);
    r->event->type = row->event;
    r->event->request = msg->request;
    return row->take(r);
}

int translate(struct translator *t, enum side side, struct blob *frame, struct event *ret,
              struct refusal *ret_refusal)
{
    struct msg msg;
    msg.type = MSG_NONE;
    msg.submit.number = 0;
    ret_refusal->why[0] = '\0';
    struct request request = {t, &msg, frame, ret, ret_refusal->why};
    int error = take(&request, side, frame, &msg);
    if (error) {
        ret_refusal->error = error;
        ret_refusal->type = msg.type;
        ret_refusal->request = msg.request;
        ret_refusal->number = side == SIDE_CLIENT && msg.type == MSG_SUBMIT ? msg.submit.number : 0;
    }
    return error;
}
