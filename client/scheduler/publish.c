/* publish.c: entries in as few messages as the broker takes. */
#include "scheduler/publish.h"

#include <inttypes.h>
#include <stdio.h>

#include "wire.h"

/* What a frame may have beside args that the broker's limit allows. */
#define BESIDE_BYTES ((size_t)2 * BATCH_BYTES_TARGET)

struct job {
    struct session *session;
    const char *source;
    const struct entries *entries;
    struct published *told;
    char *why;
};

static struct slice name_at(const struct entries *entries, uint32_t i)
{
    struct msg_schedule schedule;
    return wire_decode_schedule(entries_at(entries, i), &schedule, NULL, 0) ? SLICE_EMPTY
                                                                            : schedule.name;
}

/* Asks, and tells in `why` what went wrong. The caller frees *ret_reply. */
static int ask(const struct job *job, struct msg *m, const char *what, muster_reply_t **ret_reply)
{
    int error = session_ask(job->session, m, ret_reply);
    const char *text = muster_reply_text(*ret_reply);
    if (error)
        (void)snprintf(job->why, PUBLISH_WHY_SIZE, "%s: %s", what, *text ? text : err_text(error));
    return error;
}

/* ---- whose names they are ---- */

static int check_owners(const struct job *job)
{
    for (uint32_t i = 0; i < job->entries->count; i++) {
        struct slice name = name_at(job->entries, i);
        const char *owner = agenda_source_of(&job->session->agenda, name);
        if (!owner || strcmp(owner, job->source) == 0)
            continue;
        (void)snprintf(
            job->why, PUBLISH_WHY_SIZE,
            "schedule %.*s is owned by the source %s, not by %s: give it another name, or "
            "delete that one (muster schedule delete %.*s)",
            SLICE_FMT(name), owner, job->source, SLICE_FMT(name));
        return MUSTER_EDENIED;
    }
    return 0;
}

/* ---- put ---- */

static int put_some(const struct job *job, uint32_t from, uint32_t to)
{
    uint8_t lengths[4 * SCHEDULES_PER_PUT];
    struct slice first = entries_at(job->entries, from), last = entries_at(job->entries, to - 1);
    struct msg m = {.type = MSG_SCHEDULE_PUT};
    muster_reply_t *reply;
    for (uint32_t i = from; i < to; i++)
        column_put_u32(lengths, i - from, (uint32_t)entries_at(job->entries, i).len);
    m.schedule_put.source = slice_str(job->source);
    m.schedule_put.count = to - from;
    m.schedule_put.lengths = slice_of(lengths, (size_t)4 * (to - from));
    m.schedule_put.schedules =
        slice_of(first.data, (size_t)(last.data - first.data) + last.len); /* they lie in a row */
    int error = ask(job, &m, "the broker refuses the schedules", &reply);
    if (!error) {
        job->told->put += to - from;
        job->told->changed += answer_number(buf_slice(&reply->body), "changed");
    }
    muster_reply_destroy(&reply);
    return error;
}

/* As many as one message may have: at least one. */
static uint32_t cut(const struct entries *entries, uint32_t from, size_t bytes_max)
{
    uint32_t to = from;
    size_t bytes = 0;
    while (to < entries->count && to - from < SCHEDULES_PER_PUT) {
        bytes += entries_at(entries, to).len;
        if (to > from && bytes > bytes_max)
            break;
        to++;
    }
    return to;
}

static int put_all(const struct job *job)
{
    struct muster_broker_info info;
    int error = muster_client_ready(job->session->client, 0, &info);
    if (error) {
        (void)snprintf(job->why, PUBLISH_WHY_SIZE, "%s", err_text(error));
        return error;
    }
    size_t bytes_max = info.max_payload + BESIDE_BYTES;
    for (uint32_t from = 0, to; from < job->entries->count && !error; from = to) {
        to = cut(job->entries, from, bytes_max);
        size_t bytes = entries_at(job->entries, from).len;
        if (bytes > bytes_max) { /* a frame like that would cost the connection */
            (void)snprintf(job->why, PUBLISH_WHY_SIZE,
                           "schedule %.*s has %zu bytes, and the broker takes %" PRIu32
                           " bytes of args (its max-payload)",
                           SLICE_FMT(name_at(job->entries, from)), bytes, info.max_payload);
            return MUSTER_ETOOBIG;
        }
        error = put_some(job, from, to);
    }
    return error;
}

/* ---- delete ---- */

static int delete_some(const struct job *job, const struct slice *names, uint32_t count)
{
    struct msg m = {.type = MSG_SCHEDULE_ACT};
    muster_reply_t *reply;
    m.schedule_act.action = SCHEDULE_DELETE;
    m.schedule_act.names = (struct strs){.items = names, .count = count};
    m.schedule_act.source = slice_str(job->source);
    int error = ask(job, &m, "the broker does not delete former schedules", &reply);
    job->told->deleted += error ? 0 : count;
    muster_reply_destroy(&reply);
    return error;
}

static int fill_names(struct strmap *names, const struct entries *entries)
{
    int error = 0;
    for (uint32_t i = 0; i < entries->count && !error; i++)
        error = strmap_put(names, name_at(entries, i), (void *)entries);
    return error;
}

/* The next names that the source has and the file has not; they are copied, as the agenda changes
 * while the broker is asked. */
static uint32_t find_former(const struct job *job, const struct strmap *kept, struct buf *text,
                            struct slice names[SCHEDULES_PER_PUT])
{
    size_t cursor = 0;
    struct slice name;
    const char *source;
    uint32_t count = 0;
    buf_reset(text);
    while (count < SCHEDULES_PER_PUT &&
           agenda_each(&job->session->agenda, &cursor, &name, &source)) {
        if (strcmp(source, job->source) != 0 || strmap_get(kept, name))
            continue;
        if (buf_append(text, name.data, name.len))
            break;
        names[count++].len = name.len;
    }
    size_t at = 0;
    for (uint32_t i = 0; i < count; at += names[i++].len)
        names[i].data = text->data + at;
    return count;
}

static int delete_former(const struct job *job)
{
    struct slice names[SCHEDULES_PER_PUT];
    struct strmap kept;
    struct buf text;
    uint32_t count;
    strmap_init(&kept);
    buf_init(&text, (size_t)SCHEDULES_PER_PUT * NAME_MAX_BYTES);
    int error = fill_names(&kept, job->entries);
    /* Each round ends with the agenda in step: what was deleted is not found again. */
    for (size_t rounds = job->session->agenda.by_name.count / SCHEDULES_PER_PUT + 2;
         !error && rounds > 0 && (count = find_former(job, &kept, &text, names)) > 0; rounds--) {
        error = delete_some(job, names, count);
        if (!error)
            error = session_sync(job->session);
    }
    if (error == MUSTER_ENOMEM)
        (void)snprintf(job->why, PUBLISH_WHY_SIZE, "%s", err_text(error));
    buf_fini(&text);
    strmap_fini(&kept);
    return error;
}

int publish(struct session *s, const char *source, const struct entries *entries,
            struct published *ret, char why[PUBLISH_WHY_SIZE])
{
    struct job job = {.session = s, .source = source, .entries = entries, .told = ret, .why = why};
    *ret = (struct published){0};
    why[0] = '\0';
    int error = check_owners(&job);
    if (!error)
        error = put_all(&job);
    if (!error && ret->changed)
        error = session_sync(s);
    return error ? error : delete_former(&job);
}
