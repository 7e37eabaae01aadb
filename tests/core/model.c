/* model.c: the promises, judged from outside. */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "model_schedules.h"

char model_where[128];

void model_broken(const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", model_where);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

static unsigned long long ull(uint64_t value)
{
    return value;
}

void model_init(struct model *m)
{
    *m = (struct model){0};
    idmap_init(&m->jobs);
    strmap_init(&m->submits);
    model_schedules_init(m);
}

struct submit_key { /* what a known_submit is found by; lies before it */
    uint8_t bytes[SESSION_ID_BYTES + 8];
    struct known_submit submit;
};

void model_fini(struct model *m)
{
    size_t at = 0;
    for (struct known_job *j; (j = idmap_next(&m->jobs, &at, NULL));)
        free(j);
    at = 0;
    for (struct submit_key *k; (k = strmap_next(&m->submits, &at));)
        free(k);
    idmap_fini(&m->jobs);
    strmap_fini(&m->submits);
    model_schedules_fini(m);
}

struct known_job *model_job(const struct model *m, uint64_t id)
{
    return idmap_get(&m->jobs, id);
}

static struct known_submit *submit_of(struct model *m, const uint8_t *session, uint64_t number)
{
    uint8_t key[SESSION_ID_BYTES + 8];
    memcpy(key, session, SESSION_ID_BYTES);
    memcpy(key + SESSION_ID_BYTES, &number, 8);
    struct submit_key *found = strmap_get(&m->submits, slice_of(key, sizeof key));
    if (!found) {
        found = calloc(1, sizeof *found);
        if (!found)
            model_broken("out of memory");
        memcpy(found->bytes, key, sizeof key);
        if (strmap_put(&m->submits, slice_of(found->bytes, sizeof key), found) != 0)
            model_broken("out of memory");
    }
    return &found->submit;
}

/* ---- what is sealed ---- */

void model_sealed(struct model *m, const struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++) {
        const struct op *op = &b->ops[i];
        struct known_job *j = op->type == OP_UPDATE ? model_job(m, op->update.head.id) : NULL;
        if (j && op->update.head.run > j->sealed_run)
            j->sealed_run = op->update.head.run;
        for (uint32_t r = 0; op->type == OP_END && r < op->end.count; r++) {
            j = model_job(m, op->end.rows[r].id);
            if (!j)
                model_broken("job %llu ends and was never stored", ull(op->end.rows[r].id));
            if (j->sealed_end)
                model_broken("job %s ends twice", j->args);
            j->sealed_end = true;
        }
    }
}

void model_crashed(struct model *m)
{
    size_t at = 0;
    for (struct known_job *j; (j = idmap_next(&m->jobs, &at, NULL));) {
        j->sealed_end = j->ended;
        j->sealed_run = j->run;
    }
}

/* ---- what is committed ---- */

static struct known_job *add_job(struct model *m, const struct op *op, uint32_t at,
                                 struct slice args)
{
    struct known_job *j = calloc(1, sizeof *j);
    uint64_t id = op->submit.first_id + 256 * (uint64_t)at;
    if (!j)
        model_broken("out of memory");
    if (model_job(m, id))
        model_broken("id %llu is issued twice", ull(id));
    snprintf(j->args, sizeof j->args, "%.*s", SLICE_FMT(args));
    j->args[strcspn(j->args, " ")] = '\0';
    j->args_hash = hash_bytes(args);
    j->id = j->seq = id;
    j->lane = op->submit.lane;
    j->run = j->sealed_run = 1;
    j->flags = op->submit.flags;
    j->priority = op->submit.priority;
    j->state = op->submit.state;
    j->wants_done = op->submit.flags & JOB_NOTIFY;
    memcpy(j->notify, op->submit.spec->notify, SESSION_ID_BYTES);
    if (idmap_put(&m->jobs, id, j) != 0)
        model_broken("out of memory");
    m->submitted++;
    return j;
}

static void commit_run(struct model *m, const struct op *op)
{
    model_commit_run(m, op);
    if (op->result == 0)
        model_run_known(m, op, add_job(m, op, 0, op->submit.args));
}

static void commit_submit(struct model *m, const struct op *op)
{
    struct known_submit *s = submit_of(m, op->submit.session, op->submit.number);
    const uint8_t *args = op->submit.args.data;
    if (op->result != 0)
        return;
    if (s->committed)
        model_broken("SUBMIT %llu is carried out twice", ull(op->submit.number));
    s->committed = true;
    s->first_id = op->submit.first_id;
    s->count = op->submit.count;
    for (uint32_t i = 0; i < op->submit.count; i++) {
        size_t len = slice_u32_at(op->submit.arg_lengths, i);
        s->outcomes[i] = op->submit.outcomes ? op->submit.outcomes[i] : SUBMIT_NEW;
        s->ids[i] = op->submit.ids ? op->submit.ids[i] : s->first_id + 256 * (uint64_t)i;
        if (s->outcomes[i] == SUBMIT_NEW)
            add_job(m, op, i, slice_of(args, len));
        args += len;
    }
}

static void commit_update(struct model *m, const struct op *op)
{
    const struct job_head *h = &op->update.head;
    struct known_job *j = model_job(m, h->id);
    if (!j)
        model_broken("job %llu changes and was never stored", ull(h->id));
    if (op->result != 0 || j->ended)
        model_broken("job %s changes after its end: %s", j->args, err_code(op->result));
    if (h->run < j->run)
        model_broken("job %s: run %u comes after %u", j->args, h->run, j->run);
    if (h->run == j->run && j->flags & JOB_SPENT && !(h->flags & JOB_SPENT) &&
        j->granted_run != h->run)
        model_broken("job %s: run %u is taken back by a session that never had it", j->args,
                     h->run);
    j->run = h->run;
    j->seq = h->seq;
    j->flags = h->flags;
    j->state = h->state;
    j->was_parked = j->was_parked || h->state == JOB_PARKED;
}

static void commit_end(struct model *m, const struct end_row *row)
{
    struct known_job *j = model_job(m, row->id);
    if (!j || j->ended)
        model_broken("job %llu ends twice, or without having been stored", ull(row->id));
    if (row->run != j->run)
        model_broken("job %s ends in run %u, but its last is %u", j->args, row->run, j->run);
    if (row->state == JOB_COMPLETED && (j->reported_run != row->run || j->granted_run != row->run))
        model_broken("job %s completes in run %u; granted %u, reported %u", j->args, row->run,
                     j->granted_run, j->reported_run);
    j->ended = true;
    j->state = row->state == JOB_STATE_COUNT ? JOB_CANCELLED : row->state;
    m->ended++;
}

void model_committed(struct model *m, const struct batch *b)
{
    for (uint32_t i = 0; i < b->op_count; i++) {
        const struct op *op = &b->ops[i];
        if (op->type == OP_SUBMIT && op->submit.verdict)
            commit_run(m, op);
        else if (op->type == OP_SUBMIT)
            commit_submit(m, op);
        else if (op->type == OP_SCHEDULE)
            model_commit_schedule(m, op);
        else if (op->type == OP_SCHEDULE_STATE)
            model_commit_state(m, op);
        else if (op->type == OP_VERDICT)
            model_commit_verdict(m, op);
        else if (op->type == OP_UPDATE)
            commit_update(m, op);
        for (uint32_t r = 0; op->type == OP_END && r < op->end.count; r++)
            commit_end(m, &op->end.rows[r]);
        if (op->type == OP_MARK && op->mark.lane < MODEL_LANES) {
            uint64_t *mark = &m->marks[op->mark.lane][op->mark.priority];
            if (op->mark.seq < *mark)
                model_broken("the mark of lane %u goes back", op->mark.lane);
            *mark = op->mark.seq;
        }
    }
}

/* ---- what is said ---- */

void model_granted(struct model *m, const struct core *core, const struct job *job, uint64_t key)
{
    struct job_grant g;
    core_job_grant(core, job, &g);
    struct known_job *j = model_job(m, g.id);
    if (!j)
        model_broken("job %llu is handed out before it is stored", ull(g.id));
    if (j->ended || j->sealed_end)
        model_broken("job %s is handed out after its end", j->args);
    if (j->run != g.run || j->sealed_run > g.run)
        model_broken("job %s is handed out under run %u; committed %u, sealed %u", j->args, g.run,
                     j->run, j->sealed_run);
    if (j->state != JOB_READY || j->flags & JOB_SPENT)
        model_broken("job %s is handed out in state %s%s", j->args, job_state_name(j->state),
                     j->flags & JOB_SPENT ? " and spent" : "");
    if (j->granted_run >= g.run)
        model_broken("job %s: run %u is handed out a second time", j->args, g.run);
    if (j->seq > m->marks[j->lane][j->priority])
        model_broken("job %s is handed out beyond the durable mark", j->args);
    if ((g.nominal_ms != 0) != (j->schedule != 0) || g.nominal_ms != j->nominal_ms ||
        (j->schedule && !slice_eq(g.schedule, slice_str(model_schedule(m, j->schedule)->name))))
        model_broken("job %s is handed out as a run of %.*s at %llu", j->args,
                     SLICE_FMT(g.schedule), ull(g.nominal_ms));
    if (hash_bytes(g.args) != j->args_hash)
        model_broken("job %s is handed out with the args of another: %.*s", j->args,
                     SLICE_FMT(g.args));
    j->granted_run = g.run;
    j->granted_to = key;
}

void model_reported(struct model *m, uint64_t id, uint32_t run, uint64_t key)
{
    struct known_job *j = model_job(m, id);
    if (j && j->granted_run == run && j->granted_to == key)
        j->reported_run = run;
}

void model_results_acked(struct model *m, uint64_t id, uint32_t run, uint64_t key)
{
    const struct known_job *j = model_job(m, id);
    if (!j)
        model_broken("a result of job %llu is acknowledged, which was never stored", ull(id));
    m->acked_results++;
    if (j->granted_to != key || j->granted_run != run)
        return; /* an older run's: it is refused */
    if (!j->ended && j->run <= run && j->state != JOB_PARKED)
        model_broken("the result of job %s, run %u, is acknowledged, but not stored", j->args, run);
}

void model_submit_acked(struct model *m, const uint8_t *session, const struct action *a)
{
    const struct known_submit *s = submit_of(m, session, a->submit_ack.number);
    if (!s->committed)
        model_broken("SUBMIT %llu is acknowledged, but not stored", ull(a->submit_ack.number));
    if (s->count != a->submit_ack.count)
        model_broken("SUBMIT %llu is acknowledged with %u jobs, not %u", ull(a->submit_ack.number),
                     a->submit_ack.count, s->count);
    for (uint32_t i = 0; i < s->count; i++) {
        uint64_t id =
            a->submit_ack.ids ? a->submit_ack.ids[i] : a->submit_ack.first_id + 256 * (uint64_t)i;
        uint8_t outcome = a->submit_ack.outcomes ? a->submit_ack.outcomes[i] : SUBMIT_NEW;
        if (id != s->ids[i] || outcome != s->outcomes[i])
            model_broken("SUBMIT %llu: job %u is acknowledged as %llu/%u, not %llu/%u",
                         ull(a->submit_ack.number), i, ull(id), outcome, ull(s->ids[i]),
                         s->outcomes[i]);
    }
}

void model_told(struct model *m, const struct done_row *row)
{
    struct known_job *j = model_job(m, row->id);
    if (!j || !j->wants_done)
        model_broken("the end of job %llu is told to who did not ask", ull(row->id));
    if (++j->told > 1)
        model_broken("the end of job %s is told twice", j->args);
    if (row->state == JOB_PARKED ? j->run == 1 && !(j->flags & JOB_LOSS_PARKED) && !j->ended
                                 : !j->ended || j->state != row->state)
        model_broken("job %s is told to be %s, and is not", j->args, job_state_name(row->state));
}

void model_published(struct model *m, const struct action *a)
{
    static const uint8_t ends[TOPIC_COUNT] = {[TOPIC_JOB_COMPLETED] = JOB_COMPLETED,
                                              [TOPIC_JOB_CANCELLED] = JOB_CANCELLED,
                                              [TOPIC_JOB_EXPIRED] = JOB_EXPIRED};
    model_schedule_published(m, a);
    /* what a run was skipped for was on its way then, and may have been refused */
    if (a->event.id == 0 || a->event.topic == TOPIC_SCHEDULE_SKIPPED)
        return;
    const struct known_job *j = model_job(m, a->event.id);
    if (!j)
        model_broken("the feed tells of job %llu, which was never stored", ull(a->event.id));
    uint8_t end = ends[a->event.topic];
    if (end && (!j->ended || j->state != end))
        model_broken("the feed tells that job %s is %s, and that is not stored", j->args,
                     job_state_name(end));
    /* A loss may have been taken back by its session in the same commit. */
    bool failed = a->event.topic == TOPIC_JOB_FAILED || a->event.topic == TOPIC_JOB_PARKED;
    if (failed && !j->ended && j->run == 1 && j->state != JOB_PARKED)
        model_broken("the feed tells that job %s failed, and nothing of that is stored", j->args);
}

void model_viewed(struct model *m, const struct job_view *v)
{
    const struct known_job *j = model_job(m, v->id);
    if (!j || v->error == MUSTER_ENOTFOUND)
        return;
    bool terminal = v->error == MUSTER_EGONE || v->head.state == JOB_COMPLETED ||
                    v->head.state == JOB_CANCELLED || v->head.state == JOB_EXPIRED;
    if (terminal && !j->ended)
        model_broken("job %s is shown as ended, and that is not stored", j->args);
}

void model_client_gone(struct model *m, const uint8_t *session)
{
    size_t at = 0;
    for (struct known_job *j; (j = idmap_next(&m->jobs, &at, NULL));)
        if (memcmp(j->notify, session, SESSION_ID_BYTES) == 0)
            j->wants_done = false;
}

/* ---- at rest ---- */

uint64_t model_alive(const struct model *m)
{
    uint64_t alive = 0;
    size_t at = 0;
    for (const struct known_job *j; (j = idmap_next(&m->jobs, &at, NULL));)
        alive += !j->ended && j->state != JOB_PARKED;
    return alive;
}

void model_at_rest(const struct model *m)
{
    size_t at = 0;
    for (const struct known_job *j; (j = idmap_next(&m->jobs, &at, NULL));) {
        if (!j->ended && j->state != JOB_PARKED)
            model_broken("job %s is stuck: %s, run %u, lane %u, flags %u", j->args,
                         job_state_name(j->state), j->run, j->lane, j->flags);
        if (j->wants_done && j->told != 1)
            model_broken("the end of job %s was told %u times", j->args, j->told);
    }
}
