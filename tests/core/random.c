/* random.c: a broker's core, its store, workers and clients, driven by a seed through thousands of
 * steps: late and lost messages, crashes, lapses, clocks that step. After each step the core's
 * inside is checked, everything it says is judged by the model, and at the end all must have come
 * to rest. Two runs of a seed are alike.
 *
 *   random [FIRST_SEED [SEEDS [STEPS]]]        MUSTER_VERBOSE=1 shows each action */
#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "peers.h"

#define STEPS_DEFAULT 2500
#define REST_ROUNDS   4000

static bool verbose;

static unsigned long long ull(uint64_t value)
{
    return value;
}

/* ---- what the core says ---- */

static struct worker *worker_on(struct world *w, route_t route)
{
    for (int i = 0; i < WORKERS; i++)
        if (w->workers[i].route == route && !w->workers[i].gone)
            return &w->workers[i];
    return NULL;
}

static struct client *client_on_route(struct world *w, route_t route)
{
    for (int i = 0; i < CLIENTS; i++)
        if (w->clients[i].route == route)
            return &w->clients[i];
    return NULL;
}

static struct scheduler *scheduler_on(struct world *w, route_t route)
{
    for (int i = 0; i < SCHEDULERS; i++)
        if (w->schedulers[i].route == route)
            return &w->schedulers[i];
    return NULL;
}

static bool on_jobs(void *ctx, const struct action *a)
{
    struct world *w = ctx;
    struct worker *k = worker_on(w, a->route);
    if (!k || (!w->calm && chance(w, 4)))
        return false;
    for (uint32_t i = 0; i < a->jobs.count; i++)
        model_granted(&w->model, w->h.core, a->jobs.jobs[i], k->key);
    worker_take_jobs(w, k, a);
    return true;
}

static void to_worker(struct worker *k, const struct action *a)
{
    bool refs = a->type == ACT_ABANDON || a->type == ACT_STOP_JOBS;
    struct message *m = message_new((int)a->type, a->route, refs ? a->refs.count : 0);
    if (a->type == ACT_WORKER_WELCOME) {
        m->hello = a->welcome.hello;
        m->number = a->welcome.results_next;
    } else if (a->type == ACT_RESULTS_ACK) {
        m->number = a->number;
    }
    for (uint32_t i = 0; refs && i < a->refs.count; i++) {
        m->items[i].id = a->refs.ids[i];
        m->items[i].run = a->refs.runs[i];
    }
    list_push_back(&k->down, &m->link);
}

/* Now and then the client's socket takes no more: the rest of the ends is told later. */
static void take_ends(struct world *w, struct client *c, const struct action *a)
{
    struct action some = *a;
    if (!w->calm && a->done.count > 0 && chance(w, 10)) {
        some.done.count = (uint32_t)rng_below(&w->rng, a->done.count);
        core_done_unsent(w->h.core, a, a->done.rows[some.done.count].number);
    }
    if (some.done.count > 0)
        client_take(w, c, &some);
}

/* Now and then it takes no SUBMIT_ACK either: that is told again when the client speaks. */
static bool ack_lost(struct world *w, const struct action *a)
{
    bool lost = a->type == ACT_SUBMIT_ACK && !w->calm && chance(w, 10);
    if (lost)
        core_ack_unsent(w->h.core, a);
    return lost;
}

static void on_action(void *ctx, const struct action *a)
{
    struct world *w = ctx;
    struct worker *k = worker_on(w, a->route);
    struct client *c = client_on_route(w, a->route);
    struct scheduler *s = scheduler_on(w, a->route);
    world_show(w, a, NULL);
    if (a->type == ACT_PUBLISH)
        model_published(&w->model, a);
    if (a->type == ACT_SUBMIT_ACK && c)
        model_submit_acked(&w->model, c->session, a);
    if (a->type == ACT_JOBS || ack_lost(w, a))
        return;
    if (s)
        scheduler_take(w, s, a);
    else if (k)
        to_worker(k, a);
    else if (c && a->type == ACT_DONE)
        take_ends(w, c, a);
    else if (c && a->type != ACT_CLIENT_HEARTBEAT)
        client_take(w, c, a);
}

static void on_sealed(void *ctx, struct batch *b)
{
    struct world *w = ctx;
    world_show(w, NULL, b);
    model_sealed(&w->model, b);
}

/* Now and then the disk is full: the store refuses submits and verdicts. A priority or a verdict
 * that cannot be makes it. */
static uint8_t *refusable(struct op *op)
{
    if (op->type == OP_SUBMIT)
        return &op->submit.priority;
    return op->type == OP_VERDICT ? (uint8_t *)&op->verdict.verdict->row.verdict : NULL;
}

static void on_committing(void *ctx, struct batch *b)
{
    struct world *w = ctx;
    for (uint32_t i = 0; !w->calm && i < b->op_count; i++) {
        uint8_t *flag = refusable(&b->ops[i]);
        if (flag && chance(w, 3))
            *flag |= 0x80;
    }
}

static void on_committed(void *ctx, struct batch *b)
{
    struct world *w = ctx;
    for (uint32_t i = 0; i < b->op_count; i++) {
        struct op *op = &b->ops[i];
        uint8_t *flag = refusable(op);
        if (!flag || !(*flag & 0x80))
            continue;
        *flag &= 0x7f;
        op->result = op->result == MUSTER_EINVAL ? MUSTER_ENOSPACE : op->result;
    }
    model_committed(&w->model, b);
}

static void on_stepped(void *ctx, const struct event *e)
{
    struct world *w = ctx;
    char why[256];
    if (!core_check(w->h.core, why))
        model_broken("after event %d: %s", (int)e->type, why);
    if (core_check_idle(w->h.core))
        model_schedules_agree(&w->model, w->h.core);
}

static const struct harness_hooks hooks = {.jobs = on_jobs,
                                           .action = on_action,
                                           .sealed = on_sealed,
                                           .committing = on_committing,
                                           .committed = on_committed,
                                           .stepped = on_stepped};

/* ---- what happens ---- */

static void deliver_first(struct world *w, struct list *l)
{
    if (list_empty(l))
        return;
    struct message *m = CONTAINER_OF(l->next, struct message, link);
    list_remove(&m->link);
    deliver(w, m);
    free(m);
}

/* Some messages of some connections, then the end of the turn. */
static void do_turn(struct world *w)
{
    for (uint64_t n = rng_below(&w->rng, 4); n > 0; n--) {
        struct worker *k = &w->workers[rng_below(&w->rng, WORKERS)];
        struct client *c = &w->clients[rng_below(&w->rng, CLIENTS)];
        if (!k->silent)
            deliver_first(w, &k->up);
        if (!c->silent)
            deliver_first(w, &c->up);
        if (chance(w, 20))
            deliver_first(w, &w->ghosts);
        if (chance(w, 60))
            scheduler_send(w, &w->schedulers[rng_below(&w->rng, SCHEDULERS)]);
    }
    if (chance(w, 90))
        harness_turn(&w->h);
}

static void do_read(struct world *w)
{
    for (int i = 0; i < WORKERS; i++)
        if (!w->workers[i].silent && chance(w, 60))
            worker_read(w, &w->workers[i]);
    for (int i = 0; i < CLIENTS; i++)
        if (!w->clients[i].silent && chance(w, 60))
            client_read(w, &w->clients[i]);
}

static void do_store(struct world *w)
{
    if (chance(w, 60))
        harness_commit(&w->h, 1 + (uint32_t)rng_below(&w->rng, 2));
    if (chance(w, 80))
        harness_deliver(&w->h);
}

static void beat(struct world *w)
{
    for (int i = 0; i < WORKERS; i++)
        worker_beat(w, &w->workers[i]);
    for (int i = 0; i < CLIENTS; i++)
        client_beat(w, &w->clients[i]);
    for (int i = 0; i < SCHEDULERS; i++)
        scheduler_beat(w, &w->schedulers[i]);
}

/* Time passes; the living say something, and are heard. */
static void pass(struct world *w, uint64_t ms)
{
    while (ms > 0) {
        uint64_t slice = ms < 500 ? ms : 500;
        ms -= slice;
        harness_advance(&w->h, slice, false);
        beat(w);
        for (int i = 0; i < WORKERS && slice == 500; i++)
            while (!w->workers[i].silent && !list_empty(&w->workers[i].up))
                deliver_first(w, &w->workers[i].up);
        harness_turn(&w->h);
        do_store(w);
    }
}

static void do_time(struct world *w)
{
    unsigned dice = (unsigned)rng_below(&w->rng, 1000);
    if (dice < 800)
        pass(w, rng_below(&w->rng, 30));
    else if (dice < 970)
        pass(w, rng_below(&w->rng, 2500));
    else if (dice < 985)
        pass(w, 11000);
    else if (dice < 990)
        pass(w, 35000);
    else if (dice < 995)
        w->h.now_ms += rng_below(&w->rng, 20000); /* the broker does not serve */
    else if (dice < 996)
        harness_advance(&w->h, 7200000, true); /* nobody says anything for two hours */
    else
        w->h.wall_offset += (int64_t)rng_below(&w->rng, 7200000) - 3600000;
    if (harness_wall_ms(&w->h) > w->wall_most)
        w->wall_most = harness_wall_ms(&w->h);
}

/* The process dies, and another takes its place. */
static void replace_worker(struct world *w, unsigned number)
{
    struct worker *k = &w->workers[number];
    messages_drop(&k->frames);
    messages_drop(&k->up);
    messages_drop(&k->down);
    worker_begin(w, k, number);
}

static void do_worker(struct world *w)
{
    unsigned number = (unsigned)rng_below(&w->rng, WORKERS);
    struct worker *k = &w->workers[number];
    unsigned dice = (unsigned)rng_below(&w->rng, 1000);
    if (k->gone || dice < 4) {
        replace_worker(w, number);
    } else if (dice < 20) {
        worker_connect(w, k);
    } else if (dice < 30) {
        k->silent = !k->silent;
    } else if (dice < 40) {
        worker_goodbye(w, k);
    } else if (dice < 60) {
        k->silent = false;
    } else {
        worker_act(w, k);
    }
}

static void do_client(struct world *w)
{
    struct client *c = &w->clients[rng_below(&w->rng, CLIENTS)];
    unsigned dice = (unsigned)rng_below(&w->rng, 1000);
    if (dice < 350)
        client_submit(w, c);
    else if (dice < 700)
        client_send(w, c);
    else if (dice < 950)
        client_act(w, c);
    else if (dice < 965)
        client_connect(w, c);
    else if (dice < 970)
        client_goodbye(w, c);
    else if (dice < 985)
        c->silent = !c->silent;
    else
        c->silent = false;
}

/* The broker dies: what was on the wire is lost, and everybody connects again. */
static void crash(struct world *w)
{
    if (w->verbose)
        printf("%8llu --- crash ---\n", (unsigned long long)w->h.now_ms);
    w->epoch++;
    model_crashed(&w->model);
    messages_drop(&w->ghosts);
    for (int i = 0; i < WORKERS; i++) {
        messages_drop(&w->workers[i].up);
        messages_drop(&w->workers[i].down);
        if (!w->workers[i].gone)
            worker_connect(w, &w->workers[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        messages_drop(&w->clients[i].up);
        messages_drop(&w->clients[i].down);
        client_connect(w, &w->clients[i]);
    }
    for (int i = 0; i < SCHEDULERS; i++)
        scheduler_connect(w, &w->schedulers[i]);
    harness_crash(&w->h);
}

static void step(struct world *w)
{
    unsigned dice = (unsigned)rng_below(&w->rng, 1000);
    if (dice < 3)
        crash(w);
    else if (dice < 300)
        do_turn(w);
    else if (dice < 500)
        do_read(w);
    else if (dice < 650)
        do_store(w);
    else if (dice < 750)
        do_time(w);
    else if (dice < 840)
        do_worker(w);
    else if (dice < 930)
        scheduler_act(w, &w->schedulers[rng_below(&w->rng, SCHEDULERS)]);
    else
        do_client(w);
}

/* ---- coming to rest ---- */

static void resume_all(struct world *w)
{
    struct client *c = &w->clients[0];
    for (unsigned q = 0; q < NAMES && c->welcomed; q++) {
        struct message *m = message_new(EV_PAUSE, c->route, 0);
        m->number = q;
        m->key = c->key;
        c->pending++;
        list_push_back(&c->up, &m->link);
    }
}

static bool quiet(struct world *w)
{
    bool rest = model_alive(&w->model) == 0 && w->h.queued_count == 0 && w->h.durable_count == 0;
    for (int i = 0; i < WORKERS; i++)
        rest = rest && list_empty(&w->workers[i].frames) && w->workers[i].held_count == 0 &&
               list_empty(&w->workers[i].up) && list_empty(&w->workers[i].down);
    for (int i = 0; i < CLIENTS; i++)
        rest = rest && w->clients[i].submit_count == 0 && w->clients[i].pending == 0 &&
               list_empty(&w->clients[i].up) && list_empty(&w->clients[i].down);
    for (int i = 0; i < SCHEDULERS; i++)
        rest = rest && list_empty(&w->schedulers[i].up) && list_empty(&w->schedulers[i].asked);
    return rest && schedules_rest(w);
}

static void rest_round(struct world *w)
{
    for (int i = 0; i < WORKERS; i++) {
        while (!list_empty(&w->workers[i].up))
            deliver_first(w, &w->workers[i].up);
        while (!list_empty(&w->workers[i].down))
            worker_read(w, &w->workers[i]);
        worker_act(w, &w->workers[i]);
    }
    for (int i = 0; i < CLIENTS; i++) {
        while (!list_empty(&w->clients[i].down))
            client_read(w, &w->clients[i]);
        client_send(w, &w->clients[i]);
        while (!list_empty(&w->clients[i].up))
            deliver_first(w, &w->clients[i].up);
    }
    for (int i = 0; i < SCHEDULERS; i++) {
        scheduler_rest(w, &w->schedulers[i]);
        for (unsigned n = 0; n < 8; n++)
            scheduler_send(w, &w->schedulers[i]);
    }
    harness_settle(&w->h);
}

static void come_to_rest(struct world *w)
{
    w->calm = true;
    if (harness_wall_ms(&w->h) < w->wall_most) /* jobs that follow the wall clock come due */
        w->h.wall_offset += (int64_t)(w->wall_most - harness_wall_ms(&w->h));
    w->h.wall_offset += 4 * 3600000;
    messages_drop(&w->ghosts);
    for (int i = 0; i < WORKERS; i++) {
        struct worker *k = &w->workers[i];
        k->silent = false;
        if (k->gone)
            replace_worker(w, (unsigned)i);
    }
    for (int i = 0; i < CLIENTS; i++)
        w->clients[i].silent = false;
    for (int round = 0; round < REST_ROUNDS; round++) {
        snprintf(model_where + strcspn(model_where, ","), 32, ", at rest");
        rest_round(w);
        if (round % 8 == 2)
            resume_all(w);
        else if (round > 30 && quiet(w))
            break;
        beat(w);
        harness_advance(&w->h, 200, true);
    }
    model_at_rest(&w->model);
    if (!quiet(w))
        model_broken("it does not come to rest");
    char why[256];
    harness_advance(&w->h, 2000, true);
    if (!core_check_empty(w->h.core, why))
        model_broken("at rest: %s", why);
}

/* ---- a seed ---- */

static void options_for(struct world *w, struct core_options *o)
{
    *o = CORE_OPTIONS_DEFAULT;
    o->seed = rng_u64(&w->rng);
    o->restart_grace_ms = 5000;
    if (chance(w, 50))
        o->window_bytes = 1000; /* all bands live on their floor: pages all the time */
    w->names = NAMES;
    if (chance(w, 30)) { /* a backlog in one lane, a few jobs a page */
        w->names = 1;
        w->padding = PADDING_MOST;
        o->window_bytes = 20000;
    }
    if (chance(w, 20))
        o->out_max = 3;
    if (chance(w, 20))
        o->uncommitted_max = 500;
}

static void watch_all(struct world *w)
{
    struct event e = {.type = EV_WATCH, .watch = {.topics = (1u << TOPIC_COUNT) - 1}};
    harness_step(&w->h, &e);
}

static uint64_t run_seed(uint64_t seed, unsigned steps)
{
    struct world *w = calloc(1, sizeof *w);
    struct core_options options;
    uint64_t digest = seed;
    if (!w)
        model_broken("out of memory");
    w->rng.state = seed;
    w->verbose = verbose;
    w->epoch = 1;
    list_init(&w->ghosts);
    model_init(&w->model);
    options_for(w, &options);
    harness_start(&w->h, &options, &hooks, w);
    bool watched = chance(w, 50);
    for (unsigned i = 0; i < WORKERS; i++)
        worker_begin(w, &w->workers[i], i);
    for (int i = 0; i < CLIENTS; i++)
        client_begin(w, &w->clients[i]);
    for (unsigned i = 0; i < SCHEDULERS; i++)
        scheduler_begin(w, &w->schedulers[i], i);
    for (unsigned i = 0; i < steps; i++) {
        snprintf(model_where, sizeof model_where, "seed %llu, step %u", (unsigned long long)seed,
                 i);
        if (watched && i % 64 == 0)
            watch_all(w);
        step(w);
        digest = digest * 31 + core_digest(w->h.core);
    }
    come_to_rest(w);
    digest = digest * 31 + core_digest(w->h.core);
    if (verbose)
        printf(
            "seed %llu: %llu jobs; schedules: %llu fired, %llu skipped, %llu missed, %llu waited, "
            "%llu of them started, %llu known, %llu behind, %llu full\n",
            ull(seed), ull(w->model.submitted), ull(w->model.verdicts[VERDICT_FIRED]),
            ull(w->model.verdicts[VERDICT_SKIPPED]), ull(w->model.verdicts[VERDICT_MISSED]),
            ull(w->model.verdicts[VERDICT_WAITING]), ull(w->model.started),
            ull(w->model.verdicts[VERDICT_KNOWN]), ull(w->model.verdicts[VERDICT_BEHIND]),
            ull(w->model.verdicts[VERDICT_FULL]));
    harness_stop(&w->h);
    model_fini(&w->model);
    messages_drop(&w->ghosts);
    for (int i = 0; i < WORKERS; i++) {
        messages_drop(&w->workers[i].frames);
        messages_drop(&w->workers[i].up);
        messages_drop(&w->workers[i].down);
    }
    for (int i = 0; i < CLIENTS; i++) {
        messages_drop(&w->clients[i].up);
        messages_drop(&w->clients[i].down);
    }
    for (int i = 0; i < SCHEDULERS; i++)
        scheduler_end(&w->schedulers[i]);
    free(w);
    return digest;
}

int main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    uint64_t seeds = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    unsigned steps = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : STEPS_DEFAULT;
    verbose = getenv("MUSTER_VERBOSE") != NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        uint64_t digest = run_seed(seed, steps);
        if (seed % 16 == 0 && digest != run_seed(seed, steps))
            model_broken("the second run differs from the first");
    }
    printf("%llu seeds of %u steps: all well\n", (unsigned long long)seeds, steps);
    return 0;
}
