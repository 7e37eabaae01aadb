/* store_bench.c: how many jobs a second the store takes in and ends, without anything around it.
 *
 * Each commit submits a group of plain jobs and ends the group before. Prints jobs/s (a submit and
 * an end each), the mean time of a commit, and the size of the data file. store_bench DIRECTORY
 * [jobs [group [lanes [payload [backlog]]]]] */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "store/store.h"

struct bench {
    struct store *store;
    uint32_t group, lanes, payload;
    uint64_t next_id;
    struct blob *args, *lengths;
    struct end_row *out; /* of the group before */
    uint32_t out_count;
    uint64_t submitted, ended, commit_us, commits;
};

static double now_s(void)
{
    return (double)clock_us() * 1e-6;
}

static void fail(const char *what)
{
    fprintf(stderr, "store_bench: %s\n", what);
    exit(1);
}

static void commit(struct bench *x, struct batch *b)
{
    char why[256];
    b->wall_ms = clock_wall_ms();
    b->id_high = x->next_id;
    if (store_commit(x->store, &b, 1, why, sizeof(why)) != 0)
        fail(why);
    x->commit_us += b->commit_us;
    x->commits++;
    batch_reset(b);
}

static void make_lanes(struct bench *x, struct batch *b)
{
    for (uint32_t i = 0; i < x->lanes; i++) {
        char kind[32];
        struct op *op = batch_op(b, OP_LANE);
        op->lane.lane = i + 1;
        op->lane.queue = slice_str("default");
        op->lane.kind =
            batch_copy(b, slice_of(kind, (size_t)snprintf(kind, sizeof(kind), "kind.%u", i)));
    }
    commit(x, b);
}

/* Jobs of one lane come together, as the broker gathers them; the rows to end go on in their order.
 */
static void add_submits(struct bench *x, struct batch *b, struct job_spec *spec,
                        struct end_row *rows)
{
    uint32_t lanes = x->lanes < x->group ? x->lanes : x->group, each = x->group / lanes, n = 0;
    uint64_t now = clock_wall_ms();
    for (uint32_t l = 0; l < lanes; l++) {
        struct op *op = batch_op(b, OP_SUBMIT);
        uint32_t count = l + 1 < lanes ? each : x->group - each * (lanes - 1);
        op->submit.spec = spec;
        op->submit.lane = l + 1;
        op->submit.count = count;
        op->submit.priority = PRIORITY_DEFAULT;
        op->submit.state = JOB_READY;
        op->submit.created_ms = op->submit.due_ms = now;
        op->submit.first_id = x->next_id + 256;
        op->submit.args = slice_of(x->args->bytes.data, (size_t)count * x->payload);
        op->submit.arg_lengths = slice_of(x->lengths->bytes.data, (size_t)count * 4);
        for (uint32_t i = 0; i < count; i++)
            rows[n++] = (struct end_row){.id = op->submit.first_id + i * 256ull,
                                         .seq = op->submit.first_id + i * 256ull,
                                         .lane = l + 1,
                                         .run = 1,
                                         .created_ms = now,
                                         .started_ms = now + 1,
                                         .finished_ms = now + 2,
                                         .priority = PRIORITY_DEFAULT,
                                         .state = JOB_COMPLETED,
                                         .worker = slice_str("worker-1")};
        x->next_id += count * 256ull;
    }
    x->submitted += n;
}

static void run(struct bench *x, uint64_t jobs, uint64_t backlog)
{
    struct job_spec spec = JOB_SPEC_DEFAULT;
    struct batch *b = batch_new();
    uint64_t slots = backlog / x->group + 1, at = 0;
    struct end_row *ring = calloc(slots * x->group, sizeof(*ring));
    if (!b || !ring)
        fail("out of memory");
    make_lanes(x, b);
    x->commit_us = x->commits = 0;
    double from = now_s();
    while (x->submitted < jobs + backlog) {
        struct end_row *rows = ring + at * x->group;
        if (x->submitted >= slots * x->group) {
            struct op *op = batch_op(b, OP_END);
            op->end.rows = batch_alloc(b, x->group * sizeof(*rows));
            memcpy(op->end.rows, rows, x->group * sizeof(*rows));
            op->end.count = x->group;
            x->ended += x->group;
        }
        if (x->submitted == slots * x->group)
            from = now_s(), x->commit_us = x->commits = x->ended = 0;
        add_submits(x, b, &spec, rows);
        at = (at + 1) % slots;
        commit(x, b);
    }
    double seconds = now_s() - from;
    printf("group %u lanes %u payload %u backlog %llu: %.0f jobs/s, %.0f us a commit\n", x->group,
           x->lanes, x->payload, (unsigned long long)backlog, (double)x->ended / seconds,
           (double)x->commit_us / (double)x->commits);
    batch_free(b);
    free(ring);
}

static uint32_t number(int argc, char **argv, int index, uint32_t usual)
{
    return argc > index ? (uint32_t)strtoul(argv[index], NULL, 10) : usual;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        fail("usage: store_bench DIRECTORY [jobs [group [lanes [payload [backlog]]]]]");
    struct store_options options = STORE_OPTIONS_DEFAULT;
    struct bench x = {.group = number(argc, argv, 3, 512),
                      .lanes = number(argc, argv, 4, 1),
                      .payload = number(argc, argv, 5, 100),
                      .next_id = clock_wall_ms() << 14};
    char why[256];
    options.directory = argv[1];
    options.now_ms = clock_wall_ms();
    x.args = blob_alloc((size_t)x.group * x.payload);
    x.lengths = blob_alloc((size_t)x.group * 4);
    if (!x.args || !x.lengths)
        fail("out of memory");
    memset(blob_bytes(x.args), 'x', (size_t)x.group * x.payload);
    for (uint32_t i = 0; i < x.group; i++)
        for (uint32_t j = 0; j < 4; j++)
            blob_bytes(x.lengths)[i * 4 + j] = (uint8_t)(x.payload >> (8 * j));
    if (store_open_lmdb(&x.store, &options, why, sizeof(why)) != 0)
        fail(why);
    run(&x, number(argc, argv, 2, 1000000), number(argc, argv, 6, 0));
    store_close(&x.store);
    blob_unref(x.args);
    blob_unref(x.lengths);
    return 0;
}
