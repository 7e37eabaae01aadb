/* stress.c: the library under many threads at once, against a real broker: submits, callbacks,
 * waits and cancels on one handle, a handle in an event loop of its own, handles that go away under
 * their callers, and a worker with many slots that is drained, and one that is stopped.
 *
 * usage: thread_stress FRONTEND BACKEND JOBS. It checks that each acknowledgement and each end is
 * told exactly once; what ThreadSanitizer has to say comes besides. */
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <muster/client.h>
#include <muster/error.h>
#include <muster/worker.h>

#define SUBMITTERS 4
#define SLOTS      16
#define LONG_MS    60000

struct told { /* of one job, written by callbacks */
    uint64_t id;
    int error;
    int acks, ends;
};

struct submitter {
    pthread_t thread;
    muster_client_t *client;
    struct told *told;
    int jobs;
    int wrong;
};

static const char *frontend, *backend;
static muster_worker_t *worker;
static atomic_int ran, cancelled, failures;

static void check(bool good, const char *what, long value)
{
    if (good)
        return;
    (void)fprintf(stderr, "thread_stress: %s: %ld\n", what, value);
    atomic_fetch_add(&failures, 1);
}

/* ---- the worker ---- */

static void quick(muster_run_t *run, void *user)
{
    (void)user;
    atomic_fetch_add(&ran, 1);
    check(muster_run_complete(run, "\x2a", 1) == 0, "a result was not taken", 0);
}

/* Until it is asked to stop: by its flag or by its descriptor. */
static void endless(muster_run_t *run, void *user)
{
    struct pollfd item = {.fd = muster_run_cancel_fd(run), .events = POLLIN};
    (void)user;
    while (!muster_run_cancelled(run))
        (void)poll(&item, 1, 20);
    atomic_fetch_add(&cancelled, 1);
    (void)muster_run_release(run);
}

static void *work(void *ret)
{
    *(int *)ret = muster_worker_run(worker);
    return NULL;
}

static void start_worker(pthread_t *thread, int *ret)
{
    char why[200];
    const struct muster_worker_options options = {
        .brokers = &backend, .broker_count = 1, .slots = SLOTS, .name = "stress", .drain_ms = 200};
    if (muster_worker_new(&options, &worker, why, sizeof why) ||
        muster_worker_handle(worker, "quick", quick, NULL) ||
        muster_worker_handle(worker, "endless", endless, NULL) ||
        pthread_create(thread, NULL, work, ret)) {
        (void)fprintf(stderr, "thread_stress: no worker: %s\n", why);
        exit(1);
    }
}

static void on_signal(int number)
{
    (void)number;
    muster_worker_drain(worker);
}

/* ---- clients ---- */

static void on_ack(void *user, const struct muster_ack *ack)
{
    struct told *told = user;
    told->acks++;
    told->error = ack->error;
    told->id = ack->id;
}

static void on_end(void *user, const struct muster_end *end)
{
    struct told *told = user;
    told->ends++;
    check(end->id == told->id, "an end of another job", told->ends);
}

static muster_client_t *client_new(bool own_loop)
{
    char why[200];
    muster_client_t *client;
    const struct muster_client_options options = {
        .brokers = &frontend, .broker_count = 1, .own_loop = own_loop};
    if (muster_client_new(&options, &client, why, sizeof why)) {
        (void)fprintf(stderr, "thread_stress: no client: %s\n", why);
        exit(1);
    }
    return client;
}

static int submit(struct submitter *s, int at, const char *kind, bool nonblocking)
{
    struct muster_job job = MUSTER_JOB(kind);
    job.on_ack = on_ack;
    job.on_end = on_end;
    job.user = &s->told[at];
    job.nonblocking = nonblocking;
    job.priority = at % 3;
    return muster_submit(s->client, &job);
}

/* One job, waited for, and one cancelled while it runs or waits. */
static void wait_and_cancel(struct submitter *s)
{
    struct muster_job job = MUSTER_JOB("quick"), long_job = MUSTER_JOB("endless");
    struct muster_ack ack;
    muster_reply_t *reply;
    int error = muster_submit_wait(s->client, &job, LONG_MS, &ack, NULL, 0);
    check(error == 0, "submit_wait", error);
    error = muster_wait(s->client, &ack.id, 1, LONG_MS, &reply);
    check(error == 0, "wait", error);
    muster_reply_destroy(&reply);
    error = muster_submit_wait(s->client, &long_job, LONG_MS, &ack, NULL, 0);
    check(error == 0, "submit_wait of a long job", error);
    error = muster_cancel(s->client, &ack.id, 1, LONG_MS, &reply);
    check(error == 0, "cancel", error);
    muster_reply_destroy(&reply);
    error = muster_wait(s->client, &ack.id, 1, LONG_MS, &reply);
    check(error == 0, "wait for the cancelled", error);
    muster_reply_destroy(&reply);
}

static void *submits(void *user)
{
    struct submitter *s = user;
    for (int i = 0; i < s->jobs; i++) {
        int error = submit(s, i, "quick", false);
        check(error == 0, "submit", error);
        if (i % 256 == 128)
            wait_and_cancel(s);
    }
    int error = muster_client_flush(s->client, LONG_MS, NULL);
    check(error == 0, "flush", error);
    return NULL;
}

static void submitters_start(struct submitter *all, muster_client_t *client, int jobs)
{
    for (int i = 0; i < SUBMITTERS; i++) {
        all[i] = (struct submitter){
            .client = client, .jobs = jobs, .told = calloc((size_t)jobs, sizeof(struct told))};
        if (!all[i].told || pthread_create(&all[i].thread, NULL, submits, &all[i]))
            exit(1);
    }
}

/* The handle is destroyed: nothing writes there any more. */
static void submitters_check(struct submitter *all, bool ended)
{
    for (int i = 0; i < SUBMITTERS; i++) {
        for (int k = 0; k < all[i].jobs; k++) {
            check(all[i].told[k].acks == 1, "acknowledgements of one job", all[i].told[k].acks);
            check(!ended || all[i].told[k].error == 0, "a job was refused", all[i].told[k].error);
            check(!ended || all[i].told[k].ends == 1, "ends of one job", all[i].told[k].ends);
        }
        free(all[i].told);
    }
}

/* Until all have been told: the last thing that the broker says is an end. */
static void wait_for_runs(int count)
{
    for (int i = 0; i < LONG_MS / 10 && atomic_load(&ran) < count; i++)
        (void)poll(NULL, 0, 10);
    check(atomic_load(&ran) >= count, "jobs have run", atomic_load(&ran));
}

static void threads_on_one_handle(int jobs)
{
    struct submitter all[SUBMITTERS];
    muster_client_t *client = client_new(false);
    muster_reply_t *reply;
    submitters_start(all, client, jobs);
    for (int i = 0; i < 20; i++) { /* another thread asks meanwhile */
        struct muster_client_status status;
        check(muster_client_status(client, &status) == 0, "status", 0);
        int error = muster_queues(client, LONG_MS, &reply);
        check(error == 0, "queues", error);
        muster_reply_destroy(&reply);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        (void)pthread_join(all[i].thread, NULL);
    wait_for_runs(SUBMITTERS * jobs);
    for (int i = 0; i < SUBMITTERS; i++) { /* each end is told by the time that WAIT answers... */
        int error = muster_wait(client, &all[i].told[jobs - 1].id, 1, LONG_MS, &reply);
        check(error == 0, "wait for the last", error);
        muster_reply_destroy(&reply);
    }
    (void)poll(NULL, 0, 200); /* ...or soon after */
    (void)muster_client_destroy(&client);
    submitters_check(all, true);
}

struct loop {
    muster_client_t *client;
    atomic_bool over;
    int callbacks;
};

static void *runs_loop(void *user)
{
    struct loop *loop = user;
    struct pollfd item = {.fd = muster_client_fd(loop->client), .events = POLLIN};
    while (!atomic_load(&loop->over)) {
        (void)poll(&item, 1, 20);
        int count = muster_client_process(loop->client);
        check(count >= 0, "process", count);
        loop->callbacks += count;
    }
    return NULL;
}

static void *submits_nonblocking(void *user)
{
    struct submitter *s = user;
    for (int i = 0; i < s->jobs;) {
        int error = submit(s, i, "quick", true);
        check(error == 0 || error == MUSTER_EFULL, "nonblocking submit", error);
        i += error != MUSTER_EFULL;
        if (error == MUSTER_EFULL)
            (void)muster_client_await_room(s->client, 100);
    }
    return NULL;
}

static void handle_with_own_loop(int jobs)
{
    pthread_t thread;
    struct submitter all[SUBMITTERS];
    struct loop loop = {.client = client_new(true)};
    if (pthread_create(&thread, NULL, runs_loop, &loop))
        exit(1);
    for (int i = 0; i < SUBMITTERS; i++) {
        all[i] = (struct submitter){
            .client = loop.client, .jobs = jobs, .told = calloc((size_t)jobs, sizeof(struct told))};
        if (!all[i].told || pthread_create(&all[i].thread, NULL, submits_nonblocking, &all[i]))
            exit(1);
    }
    for (int i = 0; i < SUBMITTERS; i++)
        (void)pthread_join(all[i].thread, NULL);
    uint64_t left = 1;
    for (int i = 0; i < LONG_MS / 10 && left; i++) {
        (void)muster_client_flush(loop.client, 10, &left);
        (void)poll(NULL, 0, left ? 10 : 0);
    }
    check(left == 0, "jobs are not acknowledged", (long)left);
    atomic_store(&loop.over, true);
    (void)pthread_join(thread, NULL);
    (void)muster_client_destroy(&loop.client);
    submitters_check(all, false);
}

/* Waits for a job that nobody runs; the handle goes away meanwhile. */
static void *waits_in_vain(void *user)
{
    muster_client_t *client = user;
    struct muster_job job = MUSTER_JOB("nobody");
    struct muster_ack ack = {0};
    muster_reply_t *reply = NULL;
    int error = muster_submit_wait(client, &job, LONG_MS, &ack, NULL, 0);
    if (error == 0)
        error = muster_wait(client, &ack.id, 1, LONG_MS, &reply);
    muster_reply_destroy(&reply);
    check(error == MUSTER_ECLOSED, "a wait on a handle that went away", error);
    return NULL;
}

static void handles_that_go_away(void)
{
    for (int round = 0; round < 8; round++) {
        pthread_t threads[SUBMITTERS];
        muster_client_t *client = client_new(false);
        for (int i = 0; i < SUBMITTERS; i++)
            if (pthread_create(&threads[i], NULL, waits_in_vain, client))
                exit(1);
        (void)poll(NULL, 0, round * 10);
        (void)muster_client_destroy(&client);
        for (int i = 0; i < SUBMITTERS; i++)
            (void)pthread_join(threads[i], NULL);
    }
}

/* Long jobs run in every slot while the worker is told to end. */
static void end_worker(pthread_t thread, const int *ret, bool drain)
{
    muster_client_t *client = client_new(false);
    int before = atomic_load(&cancelled);
    for (int i = 0; i < SLOTS * 2; i++) {
        struct muster_job job = MUSTER_JOB("endless");
        int error = muster_submit(client, &job);
        check(error == 0, "submit of a long job", error);
    }
    (void)muster_client_flush(client, LONG_MS, NULL);
    if (drain)
        (void)kill(getpid(), SIGUSR1);
    else
        muster_worker_stop(worker);
    (void)pthread_join(thread, NULL);
    check(*ret == 0 || *ret == MUSTER_ETIMEOUT, "the worker's end", *ret);
    check(atomic_load(&cancelled) >= before, "stopped handlers", atomic_load(&cancelled));
    muster_worker_destroy(&worker);
    (void)muster_client_destroy(&client);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    int ret, jobs = argc == 4 ? (int)strtol(argv[3], NULL, 10) : 0;
    if (jobs < 1) {
        (void)fprintf(stderr, "usage: thread_stress FRONTEND BACKEND JOBS\n");
        return 2;
    }
    frontend = argv[1];
    backend = argv[2];
    (void)signal(SIGUSR1, on_signal);
    start_worker(&thread, &ret);
    threads_on_one_handle(jobs);
    handle_with_own_loop(jobs);
    handles_that_go_away();
    end_worker(thread, &ret, true);
    start_worker(&thread, &ret);
    end_worker(thread, &ret, false);
    printf("thread_stress: %d jobs ran, %d were stopped\n", atomic_load(&ran),
           atomic_load(&cancelled));
    return atomic_load(&failures) ? 1 : 0;
}
