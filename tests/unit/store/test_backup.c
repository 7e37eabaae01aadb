/* test_backup.c: a copy of an open store, what it refuses, what its damage does, and the way back.
 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "store/backup.h"
#include "store/files.h"
#include "store/meta.h"
#include "store/restore.h"

#define JOBS_EACH 50
#define SESSION   7

struct places {
    char root[80], backup[120], data[120];
};

static void make_places(struct places *p, const struct fixture *fx)
{
    snprintf(p->root, sizeof(p->root), "%s-copies", fx->dir);
    snprintf(p->backup, sizeof(p->backup), "%s/backup", p->root);
    snprintf(p->data, sizeof(p->data), "%s/data", p->root);
    assert_int_equal(mkdir(p->root, 0700), 0);
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)) != NULL;) {
        char name[400];
        snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
        if (e->d_name[0] != '.')
            (void)unlink(name);
    }
    if (d)
        closedir(d);
    (void)rmdir(path);
}

static void remove_places(const struct places *p)
{
    remove_folder(p->backup);
    remove_folder(p->data);
    remove_folder(p->root);
}

/* Rows in every table. */
static void fill(struct fixture *fx)
{
    static struct attempt a = {.number = 1, .run = 1, .outcome = ATTEMPT_FAILED};
    fx_lane(fx, 1, "default", "mail");
    fx_lane(fx, 2, "other", "sms");
    for (int i = 0; i < 10; i++) {
        struct op *op = fx_submit(fx, 1 + (uint32_t)i % 2, JOBS_EACH, "job");
        fx_session(op, SESSION, (uint64_t)i + 1, 0);
        uint64_t first = op->submit.first_id;
        fx_commit(fx);
        for (uint64_t n = 0; n < 10; n++) {
            struct job_head head = {.id = first + n * 256,
                                    .seq = first + n * 256,
                                    .created_ms = fx->wall_ms,
                                    .due_ms = fx->wall_ms + n,
                                    .lane = 1 + (uint32_t)i % 2,
                                    .run = 2,
                                    .failures = 1,
                                    .attempts = 1,
                                    .priority = PRIORITY_DEFAULT,
                                    .state = n < 4   ? JOB_SCHEDULED
                                             : n < 8 ? JOB_PARKED
                                                     : JOB_READY};
            fx_update(fx, &head)->update.attempt = &a;
        }
        for (uint64_t n = 10; n < 30; n++)
            fx_end(fx, first + n * 256, 1 + (uint32_t)i % 2, JOB_COMPLETED);
        struct op *mark = fx_op(fx, OP_MARK);
        mark->mark.lane = 1;
        mark->mark.priority = PRIORITY_DEFAULT;
        mark->mark.seq = first;
        fx_commit(fx);
    }
    struct op *op = fx_op(fx, OP_WORKER);
    memset(op->worker.session, 3, SESSION_ID_BYTES);
    op->worker.name = slice_str("w");
    op->worker.results_next = 5;
    fx_commit(fx);
    fx_schedules(fx);
    fx_verify(fx);
}

static int take(struct fixture *fx, const char *directory, struct backup *b)
{
    *b =
        (struct backup){.engine = store_engine(fx->store), .data = fx->dir, .directory = directory};
    fx->why[0] = '\0';
    return backup_run(b, fx->why, sizeof(fx->why));
}

static struct verify look(struct fixture *fx, const char *directory, int want)
{
    struct inspection x = {0};
    int error = inspect(&x, directory, fx->why, sizeof(fx->why));
    if (error != want)
        fail_msg("%d: %s", error, fx->why);
    return x.verify;
}

static void a_backup_has_everything(void **state)
{
    struct fixture *fx = *state;
    struct places p;
    struct backup b;
    make_places(&p, fx);
    fill(fx);
    struct queue_counters counters = fx_counters(fx, "default");
    assert_int_equal(take(fx, p.backup, &b), 0);
    assert_int_equal(b.manifest.records, b.records);
    assert_int_equal(b.records, b.records_total);
    struct verify v = look(fx, p.backup, 0);
    assert_int_equal(v.problems, 0);
    for (int t = 0; t < TABLE_COUNT; t++) {
        assert_int_equal(v.rows[t], fx_rows(fx, (enum table)t));
        if (t != TABLE_DONE && t != TABLE_KEY)
            assert_true(v.rows[t] > 0);
    }
    assert_int_equal(v.ready, b.manifest.ready);
    assert_int_equal(v.parked, b.manifest.parked);
    assert_int_equal(v.scheduled, b.manifest.scheduled);
    assert_int_equal(v.finished, 200);
    /* What happens afterwards does not show in it. */
    fx_submit(fx, 1, JOBS_EACH, "later");
    fx_commit(fx);
    assert_int_equal(look(fx, p.backup, 0).ready, v.ready);

    struct restore r = {.backup = p.backup, .data = p.data, .now_ms = b.manifest.taken_ms + 5000};
    if (restore_run(&r, fx->why, sizeof(fx->why)) != 0)
        fail_msg("%s", fx->why);
    assert_true(r.epoch > v.epoch + 5000);
    store_close(&fx->store);
    struct store_options o = fx->options;
    o.directory = p.data;
    assert_int_equal(store_open_lmdb(&fx->store, &o, fx->why, sizeof(fx->why)), 0);
    fx->engine = store_engine(fx->store);
    fx->id = fx->store->id_high;
    fx_verify(fx);
    struct queue_counters again = fx_counters(fx, "default");
    assert_memory_equal(&counters, &again, sizeof(counters));
    struct boot boot;
    assert_int_equal(store_boot(fx->store, &boot, fx->why, sizeof(fx->why)), 0);
    assert_true(boot.epoch > r.epoch);
    /* Beyond everything that the original can have drawn in those five seconds. */
    assert_true(boot.id_high >> 8 > (b.manifest.taken_ms + 5000) << 14);
    assert_true(boot.id_high >= v.id_high);
    assert_int_equal(boot.schedule_high, 2);
    assert_int_equal(boot.schedule_count, 1);
    assert_true(text_is(boot.schedules[0].name, "daily"));
    boot_free(&boot);
    store_close(&fx->store);
    remove_places(&p);
}

static void other_folders_are_refused(void **state)
{
    struct fixture *fx = *state;
    struct places p;
    struct backup b;
    char path[200];
    make_places(&p, fx);
    fill(fx);
    snprintf(path, sizeof(path), "%s/no/such", p.root);
    assert_int_equal(take(fx, path, &b), MUSTER_ENOTFOUND);
    assert_non_null(strstr(fx->why, "/no/such"));
    /* Its own data, a folder with something in it, a file. */
    assert_int_equal(take(fx, fx->dir, &b), MUSTER_EINVAL);
    assert_non_null(strstr(fx->why, "is not empty"));
    snprintf(path, sizeof(path), "%s/file", p.root);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(take(fx, p.root, &b), MUSTER_EINVAL);
    assert_non_null(strstr(fx->why, "it has file"));
    assert_int_equal(take(fx, path, &b), MUSTER_EINVAL);
    assert_int_equal(access(path, F_OK), 0);
    /* Twice. */
    assert_int_equal(mkdir(p.backup, 0700), 0);
    assert_int_equal(take(fx, p.backup, &b), 0);
    assert_int_equal(take(fx, p.backup, &b), MUSTER_EINVAL);
    assert_int_equal(look(fx, p.backup, 0).problems, 0);
    /* A store does not open on it, and it is not restored over something. */
    struct store *store;
    struct store_options o = fx->options;
    o.directory = p.backup;
    assert_int_equal(store_open_lmdb(&store, &o, fx->why, sizeof(fx->why)), MUSTER_EINVAL);
    assert_non_null(strstr(fx->why, "--restore"));
    struct restore r = {.backup = p.backup, .data = p.root, .now_ms = 1};
    assert_int_equal(restore_run(&r, fx->why, sizeof(fx->why)), MUSTER_EINVAL);
    r = (struct restore){.backup = p.data, .data = p.data, .now_ms = 1};
    assert_int_equal(restore_run(&r, fx->why, sizeof(fx->why)), MUSTER_ENOTFOUND);
    assert_int_not_equal(access(p.data, F_OK), 0);
    remove_places(&p);
}

static void nothing_is_left_of_one_that_was_stopped(void **state)
{
    struct fixture *fx = *state;
    struct places p;
    make_places(&p, fx);
    fill(fx);
    struct backup b = {.engine = store_engine(fx->store), .data = fx->dir, .directory = p.backup};
    atomic_store(&b.stop, true);
    assert_int_equal(backup_run(&b, fx->why, sizeof(fx->why)), MUSTER_ESHUTDOWN);
    assert_int_not_equal(access(p.backup, F_OK), 0);
    assert_false(b.fatal);
    /* A folder that was there before stays. */
    assert_int_equal(mkdir(p.backup, 0700), 0);
    assert_int_equal(backup_run(&b, fx->why, sizeof(fx->why)), MUSTER_ESHUTDOWN);
    assert_int_equal(rmdir(p.backup), 0);
    /* The store knows nothing of it. */
    fx_submit(fx, 1, JOBS_EACH, "later");
    fx_commit(fx);
    fx_verify(fx);
    remove_places(&p);
}

/* ---- while the store goes on ---- */

struct taker {
    struct backup b;
    pthread_barrier_t *start; /* or NULL */
    int error;
    char why[256];
};

static void *taking(void *arg)
{
    struct taker *t = arg;
    if (t->start)
        pthread_barrier_wait(t->start);
    t->error = backup_run(&t->b, t->why, sizeof(t->why));
    return NULL;
}

static void one_instant_is_copied_while_the_store_goes_on(void **state)
{
    struct fixture *fx = *state;
    struct places p;
    make_places(&p, fx);
    fill(fx);
    for (int i = 0; i < 100; i++) {
        fx_submit(fx, 1, JOBS_EACH, "more");
        fx_commit(fx);
    }
    uint64_t before = fx_counters(fx, "default").ready;
    struct taker t = {
        .b = {.engine = store_engine(fx->store), .data = fx->dir, .directory = p.backup}};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, taking, &t), 0);
    /* Whatever instant it is, the counters of its queues are right. */
    for (int i = 0; i < 100; i++) {
        struct op *op = fx_submit(fx, 1, JOBS_EACH, "while");
        uint64_t first = op->submit.first_id;
        fx_commit(fx);
        for (uint64_t n = 0; n < JOBS_EACH / 2; n++)
            fx_end(fx, first + n * 256, 1, JOB_COMPLETED);
        fx_commit(fx);
    }
    pthread_join(thread, NULL);
    if (t.error)
        fail_msg("%s", t.why);
    struct verify v = look(fx, p.backup, 0);
    assert_string_equal(v.first, "");
    assert_true(v.ready >= before);
    fx_verify(fx);
    remove_places(&p);
}

/* Two at once into one folder, as two brokers might be told: one may be refused, and does not take
 * the other's files with it. */
static void two_in_one_folder_leave_a_whole_one(void **state)
{
    struct fixture *fx = *state;
    fill(fx);
    for (int round = 0; round < 20; round++) {
        struct places p;
        pthread_t threads[2];
        pthread_barrier_t start;
        make_places(&p, fx);
        assert_int_equal(mkdir(p.backup, 0700), 0);
        struct taker t[2];
        pthread_barrier_init(&start, NULL, 2);
        for (int i = 0; i < 2; i++) {
            t[i] = (struct taker){
                .b = {.engine = store_engine(fx->store), .data = fx->dir, .directory = p.backup},
                .start = &start};
            assert_int_equal(pthread_create(&threads[i], NULL, taking, &t[i]), 0);
        }
        for (int i = 0; i < 2; i++)
            pthread_join(threads[i], NULL);
        pthread_barrier_destroy(&start);
        if (t[0].error && t[1].error)
            fail_msg("%s; %s", t[0].why, t[1].why);
        assert_int_equal(look(fx, p.backup, 0).problems, 0);
        remove_places(&p);
    }
}

/* ---- damage ---- */

static int restored_elsewhere(struct fixture *fx, const struct places *p)
{
    struct restore r = {.backup = p->backup, .data = p->data, .now_ms = 1};
    int error = restore_run(&r, fx->why, sizeof(fx->why));
    assert_int_equal(access(p->data, F_OK) == 0, error == 0);
    return error;
}

static void a_damaged_backup_is_not_restored(void **state)
{
    struct fixture *fx = *state;
    struct places p;
    struct backup b;
    struct rng rng = {11};
    make_places(&p, fx);
    fill(fx);
    assert_int_equal(take(fx, p.backup, &b), 0);
    static const char *const names[] = {BACKUP_FILE, MANIFEST_FILE};
    for (int f = 0; f < 2; f++) {
        char path[200];
        size_t size;
        snprintf(path, sizeof(path), "%s/%s", p.backup, names[f]);
        uint8_t *bytes = fx_read_file(path, &size);
        for (int round = 0; round < 40; round++) {
            size_t at = (size_t)rng_below(&rng, size);
            uint8_t was = bytes[at];
            bytes[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
            fx_write_file(path, bytes, size);
            bytes[at] = was;
            int error = restored_elsewhere(fx, &p);
            if (error != MUSTER_EDAMAGED && error != MUSTER_ENEWER)
                fail_msg("%s byte %zu: %d %s", names[f], at, error, fx->why);
        }
        fx_write_file(path, bytes, size - 1);
        assert_int_equal(restored_elsewhere(fx, &p), MUSTER_EDAMAGED);
        assert_int_equal(unlink(path), 0);
        assert_int_not_equal(restored_elsewhere(fx, &p), 0);
        fx_write_file(path, bytes, size);
        free(bytes);
    }
    assert_int_equal(restored_elsewhere(fx, &p), 0);
    remove_places(&p);
}

/* In a child: a broken check would end this process. */
static int verdict_of_child(const char *directory)
{
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char why[256];
        struct inspection x = {0};
        alarm(20);
        int error = inspect(&x, directory, why, sizeof(why));
        _exit(error == MUSTER_ENEWER ? 1 : error ? 2 : x.verify.problems ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Flipped bits, pages in each other's places, zeros, and a cut: verifying ends, and says so. */
static void verify_ends_whatever_the_file_is(void **state)
{
    struct fixture *fx = *state;
    char path[128];
    struct rng rng = {5};
    const char *wanted = getenv("MUSTER_TEST_ROUNDS");
    int found = 0, rounds = wanted ? (int)strtol(wanted, NULL, 10) : 120;
    snprintf(path, sizeof(path), "%s/data.mdb", fx->dir);
    fill(fx);
    struct room room;
    assert_int_equal(engine_room(fx->engine, 0, &room), 0);
    store_close(&fx->store);
    size_t size, used = (size_t)room.used;
    uint8_t *good = fx_read_file(path, &size), *bytes = malloc(used);
    for (int round = 0; round < rounds; round++) {
        memcpy(bytes, good, used);
        size_t len = used, at = (size_t)rng_below(&rng, used);
        size_t page = at / 4096 * 4096, other = (size_t)rng_below(&rng, used / 4096) * 4096;
        switch (round % 5) {
        case 0:
            bytes[at] ^= (uint8_t)(1u << rng_below(&rng, 8));
            break;
        case 1: /* in the head of a page */
            bytes[page + rng_below(&rng, 200)] ^= (uint8_t)(1 + rng_below(&rng, 255));
            break;
        case 2:
            memcpy(bytes + page, good + other, 4096);
            break;
        case 3:
            memset(bytes + page, 0, 4096);
            break;
        default:
            len = at;
        }
        fx_write_file(path, bytes, len);
        int status = verdict_of_child(fx->dir);
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1)
            fail_msg("round %d, byte %zu: status %x", round, at, (unsigned)status);
        found += WEXITSTATUS(status) == 1;
    }
    print_message("%d of %d found\n", found, rounds);
    assert_true(found > rounds / 3);
    fx_write_file(path, good, used);
    assert_int_equal(verdict_of_child(fx->dir), 0);
    free(good);
    free(bytes);
}

/* ---- what verify says ---- */

static void verify_finds_what_does_not_fit(void **state)
{
    struct fixture *fx = *state;
    fill(fx);
    static const struct {
        enum table table;
        const char *text;
    } rows[] = {
        {TABLE_LANE, "names lane"},
        {TABLE_QUEUE, "has no row"},
        {TABLE_CLIENT, "no session"},
        {TABLE_CLIENT_USE, "not in the list by last use"},
        {TABLE_READY, "its lane says"},
        {TABLE_JOB, "not there"},
        {TABLE_DUE, "not in that list"},
        {TABLE_PARKED, "not in that list"},
        {TABLE_PARKED_AT, "not in the list by time"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        /* The last row goes, and comes back by the abort. */
        struct cursor c;
        struct key k = {0};
        struct verify v = {.engine = fx->engine};
        assert_int_equal(engine_begin(fx->engine), 0);
        assert_int_equal(cursor_open(&c, fx->engine, rows[i].table), 0);
        for (int error = cursor_seek(&c, SLICE_EMPTY); !error; error = cursor_next(&c)) {
            bool ref = rows[i].table != TABLE_READY || row_kind(c.value) == ROW_REF;
            if (ref) {
                k.len = 0;
                key_add_bytes(&k, c.key);
            }
        }
        cursor_close(&c);
        assert_int_equal(engine_del(fx->engine, rows[i].table, key_slice(&k)), 0);
        assert_int_equal(verify_records(&v), 0);
        if (!v.problems || !strstr(v.first, rows[i].text))
            fail_msg("%s: %s", table_name(rows[i].table), v.first);
        engine_abort(fx->engine);
    }
    fx_verify(fx);
}

/* ---- numbers of ends ---- */

static struct op *ask_client(struct fixture *fx, uint64_t confirmed)
{
    struct op *op = fx_op(fx, OP_CLIENT);
    memset(op->client.session, SESSION, SESSION_ID_BYTES);
    op->client.done_confirmed = confirmed;
    fx_commit(fx);
    return op;
}

static uint64_t end_told(struct fixture *fx)
{
    struct op *op = fx_submit(fx, 1, 1, "told");
    static struct job_spec spec;
    spec = JOB_SPEC_DEFAULT;
    memset(spec.notify, SESSION, SESSION_ID_BYTES);
    op->submit.spec = &spec;
    op->submit.flags = JOB_NOTIFY;
    uint64_t id = op->submit.first_id;
    fx_commit(fx);
    struct end_row *r = fx_end(fx, id, 1, JOB_COMPLETED);
    r->flags = JOB_NOTIFY;
    fx_commit(fx);
    return r->done_number;
}

/* A client that lived on while the broker went back to a backup. */
static void ends_follow_what_the_session_has_taken(void **state)
{
    struct fixture *fx = *state;
    struct places p;
    struct backup b;
    make_places(&p, fx);
    fill(fx);
    for (uint64_t n = 1; n <= 3; n++)
        assert_int_equal(end_told(fx), n);
    assert_int_equal(take(fx, p.backup, &b), 0);
    struct restore r = {.backup = p.backup, .data = p.data, .now_ms = b.manifest.taken_ms};
    assert_int_equal(restore_run(&r, fx->why, sizeof(fx->why)), 0);
    store_close(&fx->store);
    struct store_options o = fx->options;
    o.directory = p.data;
    assert_int_equal(store_open_lmdb(&fx->store, &o, fx->why, sizeof(fx->why)), 0);
    fx->engine = store_engine(fx->store);
    fx->id = fx->store->id_high;
    fx_verify(fx);
    /* Two more end before it says HELLO; it has taken 20, the three of before among them. */
    end_told(fx);
    end_told(fx);
    struct op *op = ask_client(fx, 20);
    assert_int_equal(op->client.done_taken, 20);
    assert_int_equal(op->client.done_last, 22);
    fx_verify(fx);
    assert_int_equal(end_told(fx), 23);
    /* From here on numbers are as ever. */
    assert_int_equal(ask_client(fx, 21)->client.done_last, 23);
    store_close(&fx->store);
    remove_places(&p);
}

/* A session whose row is gone goes on from where it stands. */
static void a_forgotten_session_is_told_on(void **state)
{
    struct fixture *fx = *state;
    fx_lane(fx, 1, "default", "mail");
    fx_commit(fx);
    assert_int_equal(ask_client(fx, 9)->client.done_last, 9);
    assert_int_equal(end_told(fx), 10);
    assert_int_equal(ask_client(fx, UINT64_MAX)->client.done_last, 10);
    fx_verify(fx);
}

int main(void)
{
#define ON_LMDB(test) cmocka_unit_test_setup_teardown(test, fixture_lmdb, fixture_down)
    const struct CMUnitTest tests[] = {
        ON_LMDB(a_backup_has_everything),
        ON_LMDB(other_folders_are_refused),
        ON_LMDB(nothing_is_left_of_one_that_was_stopped),
        ON_LMDB(one_instant_is_copied_while_the_store_goes_on),
        ON_LMDB(two_in_one_folder_leave_a_whole_one),
        ON_LMDB(a_damaged_backup_is_not_restored),
        ON_LMDB(verify_ends_whatever_the_file_is),
        ON_LMDB(ends_follow_what_the_session_has_taken),
        BOTH(verify_finds_what_does_not_fit),
        BOTH(a_forgotten_session_is_told_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
