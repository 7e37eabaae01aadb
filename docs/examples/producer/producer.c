/* producer.c: hands the files of the command line to whoever handles the kind file.facts (the
 * example beside this one), one job each, and prints what becomes of them.
 *
 *     make && ./producer FILE...
 *
 * It has an event loop of its own, as a server has: poll() waits for the library's descriptor (a
 * server would have its sockets beside it), and callbacks run in muster_client_process() alone, so
 * that no lock is needed. muster_submit() never blocks then: when it says MUSTER_EFULL, the
 * descriptor tells when to go on. $MUSTER_BROKER says where the brokers are. */
#include <muster/muster.h>

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULT_BYTES 512

static size_t open_jobs; /* submitted, end not told */
static int failures;

/* One job: what its callbacks need. */
struct file {
    char path[PATH_MAX];
};

static void done_with(struct file *file)
{
    open_jobs--;
    free(file);
}

/* The job is on disk, or will never be. */
static void on_ack(void *user, const struct muster_ack *ack)
{
    struct file *file = user;

    if (ack->error) {
        fprintf(stderr, "%s: not taken: %s\n", file->path, ack->text);
        failures++;
        done_with(file);
    }
}

/* The result of file.facts is one msgpack string of up to RESULT_BYTES. */
static void print_result(const char *path, const unsigned char *result, size_t bytes)
{
    size_t header = bytes < 2 ? bytes : (result[0] & 0xe0) == 0xa0 ? 1 : result[0] == 0xd9 ? 2 : 3;

    if (bytes >= header && bytes > 0)
        printf("%s: %.*s\n", path, (int)(bytes - header), (const char *)result + header);
    else
        printf("%s: no result\n", path);
}

static void on_end(void *user, const struct muster_end *end)
{
    struct file *file = user;

    if (!strcmp(end->state, "completed")) {
        print_result(file->path, end->result, end->result_bytes);
    } else {
        fprintf(stderr, "%s: %s: %s %s\n", file->path, end->state, end->code, end->message);
        failures++;
    }
    done_with(file);
}

/* Args are one msgpack value; here a string of up to 65535 bytes. */
static size_t pack_path(const char *path, unsigned char *out)
{
    size_t len = strlen(path);

    out[0] = 0xda;
    out[1] = (unsigned char)(len >> 8);
    out[2] = (unsigned char)len;
    memcpy(out + 3, path, len);
    return len + 3;
}

/* Hands over one file. 0, MUSTER_EFULL: come again, or another error. */
static int submit(muster_client_t *client, const char *path)
{
    unsigned char args[PATH_MAX + 3];
    struct file *file = malloc(sizeof *file);
    int error;

    if (!file)
        return MUSTER_ENOMEM;
    if (!realpath(path, file->path)) { /* the worker may stand elsewhere */
        perror(path);
        failures++;
        free(file);
        return 0;
    }
    struct muster_job job = MUSTER_JOB("file.facts");
    job.args = args;
    job.args_bytes = pack_path(file->path, args);
    job.max_attempts = 3;
    job.on_ack = on_ack;
    job.on_end = on_end;
    job.user = file;
    error = muster_submit(client, &job);
    if (error)
        free(file);
    else
        open_jobs++;
    return error;
}

/* Until every job has ended. 0, or an error of the library. */
static int loop(muster_client_t *client, char **paths)
{
    struct pollfd events = {.fd = muster_client_fd(client), .events = POLLIN};
    int count = 0;

    while (*paths || open_jobs) {
        int error = 0;
        while (*paths && !(error = submit(client, *paths)))
            paths++;
        if (error && error != MUSTER_EFULL)
            return error;
        if (!error && !open_jobs)
            break;
        if (poll(&events, 1, -1) < 0)
            perror("poll");
        count = muster_client_process(client);
        if (count < 0)
            return count;
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct muster_client_options options = {.name = "producer", .own_loop = true};
    muster_client_t *client;
    char why[200];

    if (argc < 2) {
        fprintf(stderr, "usage: %s FILE...\n", argv[0]);
        return 2;
    }
    int error = muster_client_new(&options, &client, why, sizeof why);
    if (error) {
        fprintf(stderr, "producer: %s\n", *why ? why : muster_error_text(error));
        return 1;
    }
    error = loop(client, argv + 1);
    if (error)
        fprintf(stderr, "producer: %s\n", muster_error_text(error));
    (void)muster_client_destroy(&client);
    return error || failures ? 1 : 0;
}
