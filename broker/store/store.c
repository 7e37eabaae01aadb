/* store.c: the store's interface: opening, group commit with its second try on a full disk, and the
 * table of operations. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/boot.h"
#include "store/guard.h"
#include "store/lmdb_engine.h"
#include "store/lmdb_file.h"
#include "store/meta.h"
#include "store/room.h"

#define RECORD_MAX (1u << 30) /* a guard against lengths that cannot be */

static int (*const operations[OP_TYPE_COUNT])(struct store *, struct batch *, struct op *) = {
    [OP_LANE] = op_lane,
    [OP_QUEUE] = op_queue,
    [OP_MARK] = op_mark,
    [OP_WORKER] = op_worker,
    [OP_CLIENT_DROP] = op_client_drop,
    [OP_SUBMIT] = op_submit,
    [OP_UPDATE] = op_update,
    [OP_END] = op_end,
    [OP_DONE_TAKEN] = op_done_taken,
    [OP_PAGE] = op_page,
    [OP_DUE] = op_due,
    [OP_JOBS] = op_jobs,
    [OP_LIST] = op_list,
    [OP_MATCH] = op_match,
    [OP_IDLE] = op_idle,
    [OP_OLDEST] = op_oldest,
    [OP_QUEUES] = op_queues,
    [OP_CLIENT] = op_client,
    [OP_DONE] = op_done,
    [OP_SCHEDULE] = op_schedule,
    [OP_SCHEDULE_STATE] = op_schedule_state,
    [OP_VERDICT] = op_verdict,
    [OP_LEDGER] = op_ledger,
};

/* ---- one transaction ---- */

static int tx_begin(struct store *s)
{
    int error = engine_begin(s->engine);
    if (error)
        return store_failed(s, error);
    s->wrote = false;
    s->id_high_new = s->id_high;
    s->schedule_high_new = s->schedule_high;
    s->keys_added = 0;
    s->trimmed_parked = 0;
    return 0;
}

/* Everything in memory that the transaction touched is read again. */
static int tx_abort(struct store *s)
{
    engine_abort(s->engine);
    clients_forget(s);
    history_aborted(s);
    int error = engine_begin(s->engine);
    if (error)
        return store_failed(s, error);
    error = state_load(s);
    engine_abort(s->engine);
    return error;
}

static bool tx_changes(const struct store *s)
{
    return s->wrote || s->dirty_lanes.count || s->dirty_queues.count || s->id_high_new > s->id_high;
}

/* What the operations left in memory goes to the tables; then the engine makes all of it durable.
 */
static int tx_commit(struct store *s)
{
    int error = history_flush(s);
    if (!error && tx_changes(s))
        error = retain(s);
    if (!error)
        error = clients_flush(s);
    if (!error)
        error = state_flush(s);
    if (error)
        return error;
    if (s->wrote) {
        error = engine_commit(s->engine);
        if (error)
            return store_failed(s, error);
    } else {
        engine_abort(s->engine);
    }
    s->id_high = s->id_high_new;
    s->schedule_high = s->schedule_high_new;
    clients_forget(s);
    history_committed(s);
    return 0;
}

/* ---- a group ---- */

struct group { /* batches that one transaction carries out */
    struct batch **batches;
    size_t count;
    struct room room;
};

static void release_page(struct blob **page)
{
    blob_unref(*page);
    *page = NULL;
}

/* Takes back what an operation has answered: it will be carried out again, or never. */
static void op_unanswer(struct op *op)
{
    op->result = 0;
    switch (op->type) {
    case OP_UPDATE:
        release_page(&op->update.page);
        op->update.record = NULL;
        op->update.done_number = 0;
        break;
    case OP_PAGE:
        release_page(&op->page.page);
        op->page.count = 0;
        break;
    case OP_DUE:
        release_page(&op->due.page);
        op->due.count = 0;
        break;
    case OP_JOBS:
        release_page(&op->jobs.page);
        op->jobs.views = NULL;
        break;
    case OP_LIST:
        release_page(&op->list.page);
        op->list.count = 0;
        break;
    case OP_MATCH:
        release_page(&op->match.page);
        op->match.count = 0;
        break;
    case OP_QUEUES:
        release_page(&op->queues.page);
        op->queues.count = 0;
        break;
    case OP_DONE:
        release_page(&op->done.page);
        op->done.count = 0;
        break;
    case OP_LEDGER:
        release_page(&op->ledger.page);
        op->ledger.count = 0;
        break;
    default: /* the others set their answers from the start each time */
        break;
    }
}

static void group_unanswer(const struct group *g)
{
    for (size_t i = 0; i < g->count; i++)
        for (uint32_t o = 0; o < g->batches[i]->op_count; o++)
            op_unanswer(&g->batches[i]->ops[o]);
}

static int run_batch(struct store *s, struct batch *b)
{
    s->now_ms = b->wall_ms;
    if (b->id_high && b->id_high < s->id_high_new)
        return store_misuse(s, "the highest id went back", b->id_high);
    if (b->id_high)
        s->id_high_new = b->id_high;
    int error = 0;
    for (uint32_t o = 0; o < b->op_count && !error; o++) {
        struct op *op = &b->ops[o];
        if (op->type >= OP_TYPE_COUNT)
            return store_misuse(s, "there is no such operation", op->type);
        error = operations[op->type](s, b, op);
    }
    return error;
}

static int run_group(struct store *s, const struct group *g)
{
    int error = tx_begin(s);
    for (size_t i = 0; i < g->count && !error; i++)
        error = run_batch(s, g->batches[i]);
    return error ? error : tx_commit(s);
}

/* A disk that turns out to be full takes the group without its submits: ends and updates are what
 * makes room, and for them there is the reserve. */
static int commit_group(struct store *s, void *arg)
{
    struct group *g = arg;
    s->refuse = room_check(s, g->batches, g->count, &g->room);
    int error = run_group(s, g);
    if (error == MUSTER_ENOSPACE && s->refuse != MUSTER_ENOSPACE) {
        group_unanswer(g);
        error = tx_abort(s);
        s->why[0] = '\0';
        s->refuse = MUSTER_ENOSPACE;
        if (!error)
            error = run_group(s, g);
    }
    if (error) {
        group_unanswer(g);
        engine_abort(s->engine);
    }
    return error;
}

static void tell_batches(const struct store *s, const struct group *g, uint64_t us)
{
    for (size_t i = 0; i < g->count; i++) {
        struct batch *b = g->batches[i];
        b->commit_us = us;
        b->disk_used = g->room.used;
        b->disk_free = g->room.free;
        b->refuse = s->refuse;
        b->trimmed_parked = i == 0 ? s->trimmed_parked : 0;
    }
}

static int give_up(struct store *s, int error, char *why, size_t why_size)
{
    s->dead = true;
    snprintf(why, why_size, "%s", s->why[0] ? s->why : err_text(error));
    return error;
}

int store_guarded(struct store *s, int (*work)(struct store *, void *), void *arg)
{
    struct guard g;
    guard_arm(&g);
    if (sigsetjmp(g.back, 0) != 0) {
        snprintf(s->why, sizeof(s->why), "the data file is damaged: %s", guard_text());
        s->engine = NULL;
        s->dead = true;
        return MUSTER_EDAMAGED;
    }
    int error = work(s, arg);
    guard_leave(&g);
    return error;
}

int store_commit(struct store *s, struct batch **batches, size_t count, char *why, size_t why_size)
{
    struct group group = {.batches = batches, .count = count};
    s->why[0] = '\0';
    if (s->dead) {
        snprintf(why, why_size, "the store has failed before: start again");
        return MUSTER_EIO;
    }
    uint64_t from = clock_us();
    int error = store_guarded(s, commit_group, &group);
    if (error)
        return give_up(s, error, why, why_size);
    tell_batches(s, &group, clock_us() - from);
    return 0;
}

/* ---- opening and closing ---- */

static int load(struct store *s, void *arg)
{
    (void)arg;
    int error = tx_begin(s);
    if (!error)
        error = meta_check(s);
    if (!error)
        error = state_load(s);
    if (!error)
        error = history_load(s);
    if (!error) {
        s->id_high_new = s->id_high;
        s->schedule_high_new = s->schedule_high;
        s->now_ms = s->options.now_ms;
        error = tx_commit(s);
    } else {
        engine_abort(s->engine);
    }
    return error;
}

int store_open_engine(struct store **ret, struct engine *engine,
                      const struct store_options *options, char *why, size_t why_size)
{
    struct store *s = calloc(1, sizeof(*s));
    if (!s) {
        engine_destroy(engine);
        snprintf(why, why_size, "out of memory");
        return MUSTER_ENOMEM;
    }
    s->engine = engine;
    s->options = *options;
    if (!s->options.parked_bytes)
        s->options.parked_bytes = UINT64_MAX;
    buf_init(&s->scratch, RECORD_MAX);
    buf_init(&s->gather, RECORD_MAX);
    idmap_init(&s->lanes);
    strmap_init(&s->queues);
    strmap_init(&s->clients);
    history_init(&s->history);
    int error = store_guarded(s, load, NULL);
    if (error) {
        snprintf(why, why_size, "%s", s->why[0] ? s->why : err_text(error));
        store_close(&s);
        return error;
    }
    *ret = s;
    return 0;
}

int store_open_lmdb(struct store **ret, const struct store_options *options, char *why,
                    size_t why_size)
{
    struct engine *engine;
    struct store_options o = *options;
    char reason[STORE_WHY_BYTES];
    int error = engine_lmdb(&engine, &o, why, why_size);
    if (error)
        return error;
    if (!o.parked_bytes)
        o.parked_bytes = lmdb_file_map_bytes(o.directory) / 4;
    error = store_open_engine(ret, engine, &o, reason, sizeof(reason));
    if (error)
        snprintf(why, why_size, "%s: %s", o.directory, reason);
    return error;
}

int store_open_mem(struct store **ret, const struct store_options *options)
{
    struct engine *engine;
    char why[STORE_WHY_BYTES];
    int error = engine_mem(&engine, options->map_bytes);
    return error ? error : store_open_engine(ret, engine, options, why, sizeof(why));
}

struct engine *store_engine(struct store *s)
{
    return s->engine;
}

struct engine *store_detach(struct store **store)
{
    struct store *s = *store;
    struct engine *engine = s->engine;
    *store = NULL;
    clients_forget(s);
    state_clear(s);
    history_fini(&s->history);
    idmap_fini(&s->lanes);
    strmap_fini(&s->queues);
    strmap_fini(&s->clients);
    free(s->dirty_lanes.items);
    free(s->dirty_queues.items);
    buf_fini(&s->scratch);
    buf_fini(&s->gather);
    free(s);
    return engine;
}

void store_close(struct store **store)
{
    if (*store)
        engine_destroy(store_detach(store));
}

static int boot(struct store *s, void *arg)
{
    int error = tx_begin(s);
    if (!error)
        error = meta_put_number(s, META_EPOCH, s->epoch + 1);
    if (!error)
        error = tx_commit(s);
    if (error) {
        engine_abort(s->engine);
        return error;
    }
    s->epoch++;
    error = tx_begin(s);
    if (!error)
        error = boot_read(s, arg);
    engine_abort(s->engine);
    return error;
}

int store_boot(struct store *s, struct boot *ret, char *why, size_t why_size)
{
    *ret = (struct boot){0};
    s->why[0] = '\0';
    int error = store_guarded(s, boot, ret);
    if (!error)
        return 0;
    boot_free(ret);
    return give_up(s, error, why, why_size);
}
