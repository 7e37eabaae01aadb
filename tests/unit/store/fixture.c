/* fixture.c: a store under test. */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inner.h"
#include "store/lmdb_engine.h"
#include "store/verify.h"

#define START_MS 1700000000000ull

static void open_store(struct fixture *fx)
{
    int error = 0;
    if (fx->lmdb)
        error = engine_lmdb(&fx->engine, &fx->options, fx->why, sizeof(fx->why));
    else if (!fx->engine)
        error = engine_mem(&fx->engine, fx->options.map_bytes);
    if (!error)
        error = store_open_engine(&fx->store, fx->engine, &fx->options, fx->why, sizeof(fx->why));
    if (error)
        fail_msg("opening: %s", fx->why);
}

static int up(void **state, bool lmdb)
{
    struct fixture *fx = calloc(1, sizeof(*fx));
    fx->lmdb = lmdb;
    fx->id = START_MS << 14;
    fx->wall_ms = START_MS;
    fx->options = STORE_OPTIONS_DEFAULT;
    fx->options.now_ms = START_MS;
    fx->options.disk_reserve = 1u << 20;
    if (lmdb) {
        snprintf(fx->dir, sizeof(fx->dir), "/tmp/muster-store-XXXXXX");
        assert_non_null(mkdtemp(fx->dir));
        fx->options.directory = fx->dir;
        fx->options.map_bytes = 256u << 20;
    }
    fx->b = batch_new();
    open_store(fx);
    *state = fx;
    return 0;
}

int fixture_memory(void **state)
{
    return up(state, false);
}

int fixture_lmdb(void **state)
{
    return up(state, true);
}

static void remove_directory(const char *path)
{
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(path);
}

int fixture_down(void **state)
{
    struct fixture *fx = *state;
    batch_free(fx->b);
    store_close(&fx->store);
    if (fx->lmdb)
        remove_directory(fx->dir);
    free(fx);
    return 0;
}

void fx_reopen(struct fixture *fx)
{
    struct engine *engine = store_detach(&fx->store);
    if (fx->lmdb)
        engine_destroy(engine);
    open_store(fx);
}

void fx_reopen_with(struct fixture *fx, const struct store_options *options)
{
    const char *directory = fx->options.directory;
    fx->options = *options;
    fx->options.directory = directory;
    fx_reopen(fx);
}

struct op *fx_op(struct fixture *fx, enum op_type type)
{
    if (fx->b->number)
        batch_reset(fx->b);
    return batch_op(fx->b, type);
}

int fx_try_commit(struct fixture *fx)
{
    fx->b->wall_ms = fx->wall_ms;
    fx->b->id_high = fx->id;
    int error = store_commit(fx->store, &fx->b, 1, fx->why, sizeof(fx->why));
    fx->b->number = 1; /* the next operation begins anew */
    return error;
}

void fx_commit(struct fixture *fx)
{
    if (fx_try_commit(fx) != 0)
        fail_msg("commit: %s", fx->why);
}

uint64_t fx_draw(struct fixture *fx, uint32_t count)
{
    uint64_t first = fx->id + 256;
    fx->id += 256ull * count;
    return first;
}

void fx_lane(struct fixture *fx, uint32_t lane, const char *queue, const char *kind)
{
    struct op *op = fx_op(fx, OP_LANE);
    op->lane.lane = lane;
    op->lane.queue = slice_str(queue);
    op->lane.kind = slice_str(kind);
    fx_commit(fx);
}

/* A column of lengths and its bytes, in the batch's arena. */
static void add_column(struct fixture *fx, struct buf *lengths, struct buf *bytes,
                       struct slice *ret_lengths, struct slice *ret_bytes)
{
    *ret_lengths = batch_copy(fx->b, buf_slice(lengths));
    *ret_bytes = batch_copy(fx->b, buf_slice(bytes));
    buf_fini(lengths);
    buf_fini(bytes);
}

struct op *fx_submit(struct fixture *fx, uint32_t lane, uint32_t count, const char *prefix)
{
    struct op *op = fx_op(fx, OP_SUBMIT);
    struct buf lengths, bytes;
    buf_init(&lengths, 1u << 20);
    buf_init(&bytes, 64u << 20);
    for (uint32_t i = 0; i < count; i++) {
        size_t before = bytes.len;
        assert_int_equal(buf_printf(&bytes, "%s%u", prefix, i), 0);
        buf_u32(&lengths, (uint32_t)(bytes.len - before));
    }
    op->submit.spec = batch_alloc(fx->b, sizeof(struct job_spec));
    *op->submit.spec = JOB_SPEC_DEFAULT;
    op->submit.lane = lane;
    op->submit.count = count;
    op->submit.priority = PRIORITY_DEFAULT;
    op->submit.state = JOB_READY;
    op->submit.first_id = fx_draw(fx, count);
    op->submit.created_ms = op->submit.due_ms = fx->wall_ms;
    add_column(fx, &lengths, &bytes, &op->submit.arg_lengths, &op->submit.args);
    return op;
}

void fx_session(struct op *op, uint8_t session, uint64_t number, uint64_t confirmed)
{
    memset(op->submit.session, session, sizeof(op->submit.session));
    op->submit.number = number;
    op->submit.confirmed = confirmed;
}

void fx_keys(struct fixture *fx, struct op *op, const char *const *keys)
{
    struct buf lengths, bytes;
    buf_init(&lengths, 1u << 20);
    buf_init(&bytes, 1u << 20);
    for (uint32_t i = 0; i < op->submit.count; i++) {
        buf_u32(&lengths, (uint32_t)strlen(keys[i]));
        buf_append(&bytes, keys[i], strlen(keys[i]));
    }
    add_column(fx, &lengths, &bytes, &op->submit.key_lengths, &op->submit.keys);
}

struct end_row *fx_end(struct fixture *fx, uint64_t id, uint32_t lane, uint8_t state)
{
    struct op *op = fx_op(fx, OP_END);
    struct end_row *r = batch_alloc(fx->b, sizeof(*r));
    *r = (struct end_row){.id = id,
                          .seq = id,
                          .lane = lane,
                          .run = 1,
                          .created_ms = fx->wall_ms,
                          .started_ms = fx->wall_ms,
                          .finished_ms = fx->wall_ms,
                          .priority = PRIORITY_DEFAULT,
                          .state = state,
                          .worker = slice_str("worker-1")};
    op->end.rows = r;
    op->end.count = 1;
    return r;
}

static void add_verdict(struct fixture *fx, uint32_t schedule, uint64_t nominal_ms)
{
    struct verdict_op *v = batch_alloc(fx->b, sizeof(*v));
    v->schedule = schedule;
    v->row = (struct ledger_row){
        .nominal_ms = nominal_ms, .judged_ms = fx->wall_ms, .verdict = VERDICT_MISSED};
    fx_op(fx, OP_VERDICT)->verdict.verdict = v;
}

void fx_schedules(struct fixture *fx)
{
    static const char *const names[] = {"daily", "hourly"};
    for (uint32_t number = 1; number <= 2; number++) {
        struct op *op = fx_op(fx, OP_SCHEDULE);
        op->schedule.schedule = number;
        op->schedule.name = slice_str(names[number - 1]);
        op->schedule.source = slice_str("file");
        op->schedule.definition = slice_str("when");
        for (uint64_t n = 1; n <= 2500; n++)
            add_verdict(fx, number, START_MS + n * 1000);
    }
    fx_commit(fx);
    struct op *op = fx_op(fx, OP_SCHEDULE);
    op->schedule.schedule = 2;
    op->schedule.drop = true;
    fx_commit(fx);
}

struct op *fx_update(struct fixture *fx, const struct job_head *head)
{
    struct op *op = fx_op(fx, OP_UPDATE);
    op->update.head = *head;
    op->update.old_seq = head->id;
    return op;
}

struct op fx_page(struct fixture *fx, uint32_t lane, uint8_t priority, uint64_t after,
                  uint32_t max_rows)
{
    struct op *op = fx_op(fx, OP_PAGE);
    op->page.lane = lane;
    op->page.priority = priority;
    op->page.after = after;
    op->page.max_rows = max_rows;
    fx_commit(fx);
    return *op;
}

struct op fx_jobs(struct fixture *fx, uint64_t id)
{
    struct op *op = fx_op(fx, OP_JOBS);
    uint64_t *ids = batch_alloc(fx->b, sizeof(*ids));
    *ids = id;
    op->jobs.ids = ids;
    op->jobs.count = 1;
    op->jobs.lane_probe = true;
    fx_commit(fx);
    return *op;
}

struct op fx_list(struct fixture *fx, int state, const char *queue, const char *kind,
                  uint64_t after, uint32_t limit)
{
    struct op *op = fx_op(fx, OP_LIST);
    op->list.state = state;
    op->list.queue = slice_str(queue);
    op->list.kind = slice_str(kind);
    op->list.after = after;
    op->list.limit = limit;
    fx_commit(fx);
    return *op;
}

struct queue_counters fx_counters(struct fixture *fx, const char *queue)
{
    struct queue_counters found = {0};
    struct op *op = fx_op(fx, OP_QUEUES);
    fx_commit(fx);
    for (uint32_t i = 0; i < op->queues.count; i++)
        if (slice_is(op->queues.infos[i].name, queue))
            found = op->queues.infos[i].counters;
    blob_unref(op->queues.page);
    return found;
}

uint64_t fx_rows(struct fixture *fx, enum table table)
{
    struct cursor c;
    uint64_t rows = 0;
    assert_int_equal(engine_begin(fx->engine), 0);
    assert_int_equal(cursor_open(&c, fx->engine, table), 0);
    for (int error = cursor_seek(&c, SLICE_EMPTY); !error; error = cursor_next(&c))
        rows++;
    cursor_close(&c);
    engine_abort(fx->engine);
    return rows;
}

struct boot fx_boot(struct fixture *fx)
{
    struct boot boot;
    if (store_boot(fx->store, &boot, fx->why, sizeof(fx->why)) != 0)
        fail_msg("boot: %s", fx->why);
    return boot;
}

static int verify(struct store *s, void *arg)
{
    struct verify *v = arg;
    v->engine = s->engine;
    int error = engine_begin(s->engine);
    if (error)
        return error;
    error = verify_records(v);
    engine_abort(s->engine);
    return error;
}

int fx_try_verify(struct fixture *fx)
{
    struct verify v = {0};
    int error = store_guarded(fx->store, verify, &v);
    snprintf(fx->why, sizeof(fx->why), "%s", error ? err_text(error) : v.first);
    return error ? error : v.problems ? MUSTER_EDAMAGED : 0;
}

void fx_verify(struct fixture *fx)
{
    if (fx_try_verify(fx) != 0)
        fail_msg("verify: %s", fx->why);
}

/* ---- files ---- */

uint8_t *fx_read_file(const char *path, size_t *ret_size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    uint8_t *bytes = malloc((size_t)st.st_size + 1);
    assert_int_equal(read(fd, bytes, (size_t)st.st_size), st.st_size);
    *ret_size = (size_t)st.st_size;
    close(fd);
    return bytes;
}

void fx_write_file(const char *path, const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

bool text_is(struct slice s, const char *text)
{
    return slice_is(s, text);
}
