/* trace_names.c: peers and jobs of a script by name. A job's name is its args. */
#include <stdio.h>
#include <stdlib.h>

#include "say_schedules.h"
#include "trace.h"

struct peer *trace_peer(struct trace *t, const char *name)
{
    for (uint32_t i = 0; i < t->peer_count; i++)
        if (strcmp(t->peers[i].name, name) == 0)
            return &t->peers[i];
    if (t->peer_count == TRACE_PEERS || strlen(name) >= NAME_BYTES)
        trace_wrong(t, "%s is one peer too many, or its name is too long", name);
    struct peer *p = &t->peers[t->peer_count++];
    *p = (struct peer){.slots = 1};
    memcpy(p->name, name, strlen(name) + 1);
    memcpy(p->session, name, strlen(name) < SESSION_ID_BYTES ? strlen(name) : SESSION_ID_BYTES);
    memcpy(p->queues, "q", 2);
    memcpy(p->kinds, "*", 2);
    return p;
}

struct peer *trace_peer_on(struct trace *t, route_t route)
{
    for (uint32_t i = 0; route && i < t->peer_count; i++)
        if (t->peers[i].route == route)
            return &t->peers[i];
    return NULL;
}

static struct named_job *find(struct trace *t, const char *name, size_t len)
{
    for (uint32_t i = 0; i < t->job_count; i++)
        if (strlen(t->jobs[i].name) == len && memcmp(t->jobs[i].name, name, len) == 0)
            return &t->jobs[i];
    return NULL;
}

struct named_job *trace_job(struct trace *t, const char *name)
{
    struct named_job *j = find(t, name, strlen(name));
    if (j)
        return j;
    if (t->job_count == TRACE_JOBS || strlen(name) >= NAME_BYTES)
        trace_wrong(t, "%s is one job too many, or its name is too long", name);
    j = &t->jobs[t->job_count++];
    *j = (struct named_job){.run = 1};
    memcpy(j->name, name, strlen(name) + 1);
    return j;
}

uint64_t trace_run(struct trace *t, const char *text, uint32_t *ret_run)
{
    const char *dot = strchr(text, '.');
    const struct named_job *j = find(t, text, dot ? (size_t)(dot - text) : strlen(text));
    if (*text == '#') { /* an id that was never issued, or not by this broker */
        *ret_run = dot ? (uint32_t)trace_number(t, dot + 1) : 1;
        return strtoull(text + 1, NULL, 10) << 8;
    }
    if (!j || !j->id)
        trace_wrong(t, "job %s is not known yet", text);
    *ret_run = dot ? (uint32_t)trace_number(t, dot + 1) : j->run;
    return j->id;
}

/* A schedule's run is called after it and its nominal time: S@60. */
static struct named_job *run_of(struct trace *t, const struct op *op)
{
    struct buf name;
    buf_init(&name, NAME_BYTES);
    buf_printf(&name, "%.*s@", SLICE_FMT(op->submit.spec->schedule));
    say_time(&name, op->submit.spec->nominal_ms);
    buf_append(&name, "", 1);
    if (name.error)
        trace_wrong(t, "the name of a schedule is too long");
    struct named_job *j = trace_job(t, (const char *)name.data);
    buf_fini(&name);
    return j;
}

void trace_learn(struct trace *t, const struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++) {
        const struct op *op = &b->ops[i];
        const uint8_t *args = op->submit.args.data;
        for (uint32_t n = 0; op->type == OP_SUBMIT && n < op->submit.count; n++) {
            size_t len = slice_u32_at(op->submit.arg_lengths, n);
            struct named_job *j =
                op->submit.verdict ? run_of(t, op) : find(t, (const char *)args, len);
            bool anew = j && op->submit.verdict && !j->stored;
            if (j && (!j->id || anew))
                j->id = op->submit.first_id + 256 * (uint64_t)n;
            args += len;
        }
    }
}

void trace_learn_stored(struct trace *t, const struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++) {
        const struct op *op = &b->ops[i];
        if (op->type == OP_SUBMIT && op->submit.verdict && op->result == 0)
            run_of(t, op)->id = op->submit.first_id;
        for (uint32_t n = 0; op->type == OP_SUBMIT && n < t->job_count; n++) {
            struct named_job *j = &t->jobs[n];
            uint64_t first = op->submit.first_id;
            if (j->id < first || j->id >= first + 256 * (uint64_t)op->submit.count)
                continue;
            j->stored = op->result == 0;
            j->id = j->stored ? j->id : 0;
        }
    }
}

void trace_unlearn(struct trace *t)
{
    for (uint32_t i = 0; i < t->job_count; i++)
        if (!t->jobs[i].stored)
            t->jobs[i].id = 0;
}

static const char *job_name(void *ctx, uint64_t id)
{
    const struct trace *t = ctx;
    for (uint32_t i = 0; i < t->job_count; i++)
        if (t->jobs[i].id == id)
            return t->jobs[i].name;
    return "~"; /* a sequence number, or an id that is nobody's */
}

static const char *route_name(void *ctx, route_t route)
{
    const struct peer *p = trace_peer_on(ctx, route);
    return p ? p->name : "nobody";
}

static const char *session_name(void *ctx, const uint8_t *id)
{
    const struct trace *t = ctx;
    for (uint32_t i = 0; i < t->peer_count; i++)
        if (memcmp(t->peers[i].session, id, SESSION_ID_BYTES) == 0)
            return t->peers[i].name;
    return "nobody";
}

struct namer trace_namer(struct trace *t)
{
    return (struct namer){t, t->h.core, job_name, route_name, session_name};
}
