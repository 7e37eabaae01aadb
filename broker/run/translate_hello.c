/* translate_hello.c: how peers introduce themselves. */
#include "run/translate_parts.h"
#include "wire.h"

static int check_version(struct request *r, const struct msg_hello *hello)
{
    if (hello->version_min <= PROTOCOL_VERSION && hello->version_max >= PROTOCOL_VERSION)
        return 0;
    return refuse(r, MUSTER_EVERSION, "this broker speaks version %d, the peer %u to %u",
                  PROTOCOL_VERSION, (unsigned)hello->version_min, (unsigned)hello->version_max);
}

static int check_common(struct request *r, const struct msg_hello *hello, uint64_t role,
                        const char *hint)
{
    int error = check_version(r, hello);
    if (error)
        return error;
    if (hello->role != role)
        return refuse(r, MUSTER_EDENIED, "%s", hint);
    return hello->name.len ? check_name(r, "name", hello->name) : 0;
}

int take_client_hello(struct request *r)
{
    const struct msg_hello *hello = &r->msg->hello;
    r->event->client_hello.session = hello->session.data;
    r->event->client_hello.number = hello->number;
    r->event->client_hello.submit_confirmed = hello->submit_confirmed;
    r->event->client_hello.done_confirmed = hello->done_confirmed;
    return check_common(
        r, hello, ROLE_CLIENT,
        "this is the frontend, where clients connect; workers connect to the backend");
}

/* Reads an array of names into `names`. */
static int take_names(struct request *r, const char *field, const struct strs *strs, uint32_t max,
                      bool star, struct slice *names)
{
    size_t cursor = 0;
    struct slice name;
    if (strs->count > max)
        return refuse(r, MUSTER_ETOOBIG, "%s: %u are more than %u", field, strs->count, max);
    for (uint32_t i = 0; strs_next(strs, &cursor, &name); i++) {
        if (!(star && slice_is(name, "*")) && check_name(r, field, name))
            return MUSTER_EINVAL;
        names[i] = name;
    }
    return 0;
}

static int check_weights(struct request *r, struct slice weights)
{
    for (size_t i = 0; i < weights.len / 4; i++) {
        uint32_t weight = slice_u32_at(weights, i);
        if (weight == 0 || weight > WEIGHT_MAX)
            return refuse(r, MUSTER_EINVAL, "weights: a queue's weight is 1 to %d, not %u",
                          WEIGHT_MAX, weight);
    }
    return 0;
}

static void take_held(struct event *event, const struct msg_hello *hello)
{
    event->worker_hello.held = (struct job_refs){.count = (uint32_t)(hello->held_ids.len / 8),
                                                 .ids = hello->held_ids,
                                                 .runs = hello->held_runs};
    event->worker_hello.held_ms = hello->held_ms;
}

static int take_queues_and_kinds(struct request *r, const struct msg_hello *hello)
{
    struct translator *t = r->translator;
    int error = take_names(r, "queues", &hello->queues, QUEUES_PER_WORKER, false, t->queues);
    if (!error)
        error = take_names(r, "kinds", &hello->kinds, KINDS_PER_WORKER, true, t->kinds);
    if (!error)
        error = check_weights(r, hello->weights);
    r->event->worker_hello.queues = t->queues;
    r->event->worker_hello.queue_count = hello->queues.count;
    r->event->worker_hello.kinds = t->kinds;
    r->event->worker_hello.kind_count = hello->kinds.count;
    r->event->worker_hello.weights = hello->weights;
    return error;
}

int take_worker_hello(struct request *r)
{
    const struct msg_hello *hello = &r->msg->hello;
    struct event *event = r->event;
    event->worker_hello.session = hello->session.data;
    event->worker_hello.number = hello->number;
    event->worker_hello.results_next = hello->results_next;
    event->worker_hello.part = (uint32_t)hello->part;
    event->worker_hello.parts = hello->parts ? (uint32_t)hello->parts : 1;
    event->worker_hello.name = hello->name;
    event->worker_hello.host = hello->host;
    event->worker_hello.pid = (uint32_t)hello->pid;
    event->worker_hello.slots = hello->slots ? (uint32_t)hello->slots : 1;
    event->worker_hello.strict = hello->strict != 0;
    event->worker_hello.draining = hello->draining != 0;
    take_held(event, hello);
    if (hello->held_ids.len && !hello->held_ms.len)
        return refuse(r, MUSTER_EINVAL, "held_ms: missing beside held_ids");
    int error = check_common(r, hello, ROLE_WORKER,
                             "this is the backend, where workers connect; clients connect to the "
                             "frontend");
    return error ? error : take_queues_and_kinds(r, hello);
}

int take_credit(struct request *r)
{
    r->event->credit.hello = r->msg->credit.hello;
    r->event->credit.credit = (uint32_t)r->msg->credit.credit;
    return 0;
}
