/* A program of somebody else: both sides of the library in one process, nothing but the public
 * headers. It submits a job, runs it, is told its end, and prints that. */
#include <muster/muster.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names that the library's own parts have inside: a consumer may have them, too. */
int buf_append = 1;
int wire_encode = 2;
int heap_push(int x);
int heap_push(int x)
{
    return x + buf_append + wire_encode;
}

static sem_t ended;

static void check(int error, const char *what)
{
    if (error) {
        fprintf(stderr, "%s: %s\n", what, muster_error_text(error));
        exit(1);
    }
}

static void answer(muster_run_t *run, void *user)
{
    (void)user;
    (void)muster_run_complete(run, "\x2a", 1); /* 42 */
}

static void on_end(void *user, const struct muster_end *end)
{
    (void)user;
    printf("%s %d\n", end->state, end->result_bytes ? *(const unsigned char *)end->result : -1);
    (void)sem_post(&ended);
}

static void *work(void *worker)
{
    int error = muster_worker_run(*(muster_worker_t **)worker);
    check(error, "worker");
    return NULL;
}

int main(int argc, char **argv)
{
    struct muster_client_options client_options;
    struct muster_worker_options worker_options;
    struct muster_job job = MUSTER_JOB("answer");
    muster_client_t *client;
    muster_worker_t *worker;
    muster_reply_t *reply;
    struct muster_ack ack;
    pthread_t thread;
    char why[200];

    if (argc != 3)
        return 2;
    memset(&client_options, 0, sizeof client_options);
    memset(&worker_options, 0, sizeof worker_options);
    client_options.brokers = (const char *const *)&argv[1];
    worker_options.brokers = (const char *const *)&argv[2];
    client_options.broker_count = worker_options.broker_count = 1;
    check(sem_init(&ended, 0, 0), "sem_init");
    check(muster_worker_new(&worker_options, &worker, why, sizeof why), "muster_worker_new");
    check(muster_worker_handle(worker, "answer", answer, NULL), "muster_worker_handle");
    check(muster_client_new(&client_options, &client, why, sizeof why), "muster_client_new");
    job.on_end = on_end;
    check(muster_submit(client, &job), "muster_submit");
    job.on_end = NULL;
    check(muster_submit_wait(client, &job, 20000, &ack, why, sizeof why), "muster_submit_wait");
    check(pthread_create(&thread, NULL, work, &worker), "pthread_create");
    check(muster_wait(client, &ack.id, 1, 20000, &reply), "muster_wait");
    muster_reply_destroy(&reply);
    check(sem_wait(&ended), "sem_wait");
    check(muster_worker_drain(worker), "muster_worker_drain");
    check(pthread_join(thread, NULL), "pthread_join");
    check(muster_client_destroy(&client), "muster_client_destroy");
    check(muster_worker_destroy(&worker), "muster_worker_destroy");
    printf("version %s\n", muster_version());
    return heap_push(0) - 3;
}
