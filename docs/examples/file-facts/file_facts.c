/* file_facts.c: a worker whose jobs are paths of files; the result of each says what is in the
 * file: bytes, lines, words, and its CRC-32 (that of gzip, zip and PNG).
 *
 *     make && ./file_facts
 *
 * The handler shows what every handler has to think of: it looks again and again whether it should
 * stop (the job was cancelled, its time is over, the worker drains) and gives the job back where
 * that costs nothing; it tells what may go away (failed: tried again) from what never will
 * (parked); and it may run twice for the same job, which does no harm, as it only reads. SIGTERM
 * and SIGINT drain, a second one stops. $MUSTER_BACKEND says where the brokers are. */
#include <muster/muster.h>

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES 65536

static muster_worker_t *worker;

/* What is known of a file. */
struct facts {
    unsigned long long bytes, lines, words;
    uint32_t crc;
    int in_word;
};

/* ---- the work ---- */

static uint32_t crc_table[256];

static void make_crc_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
        crc_table[i] = c;
    }
}

static void add_chunk(struct facts *f, const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        f->crc = crc_table[(f->crc ^ data[i]) & 0xff] ^ f->crc >> 8;
        f->lines += data[i] == '\n';
        f->words += !isspace(data[i]) && !f->in_word;
        f->in_word = !isspace(data[i]);
    }
    f->bytes += len;
}

/* 0; an errno; -1: asked to stop. */
static int read_facts(muster_run_t *run, const char *path, struct facts *ret)
{
    unsigned char chunk[CHUNK_BYTES];
    FILE *file = fopen(path, "rb");
    int error = 0;
    size_t len;

    if (!file)
        return errno;
    *ret = (struct facts){.crc = UINT32_MAX};
    errno = 0;
    while (!error && (len = fread(chunk, 1, sizeof chunk, file)) > 0) {
        add_chunk(ret, chunk, len);
        if (muster_run_cancelled(run))
            error = -1;
    }
    if (!error && ferror(file))
        error = errno ? errno : EIO;
    (void)fclose(file);
    ret->crc = ~ret->crc;
    return error;
}

/* ---- the handler ---- */

/* The args are one msgpack string, as the producer packs it. False: they are not. */
static bool take_path(muster_run_t *run, char path[PATH_MAX])
{
    size_t bytes, header = 1, len;
    const unsigned char *args = muster_run_args(run, &bytes);

    if ((args[0] & 0xe0) == 0xa0) {
        len = args[0] & 0x1f;
    } else if (args[0] == 0xd9) {
        header = 2;
        len = args[1];
    } else if (args[0] == 0xda) {
        header = 3;
        len = (size_t)args[1] << 8 | args[2];
    } else {
        return false;
    }
    if (header + len != bytes || len >= PATH_MAX || memchr(args + header, 0, len))
        return false;
    memcpy(path, args + header, len);
    path[len] = '\0';
    return true;
}

/* One msgpack string. */
static void complete(muster_run_t *run, const struct facts *f)
{
    unsigned char result[256];
    int len = snprintf((char *)result + 2, sizeof result - 2,
                       "%llu bytes, %llu lines, %llu words, CRC-32 %08x", f->bytes, f->lines,
                       f->words, (unsigned)f->crc);

    result[0] = 0xd9;
    result[1] = (unsigned char)len;
    (void)muster_run_complete(run, result, (size_t)len + 2);
}

static void file_facts(muster_run_t *run, void *user)
{
    char path[PATH_MAX];
    struct facts facts;

    (void)user;
    if (!take_path(run, path)) {
        (void)muster_run_park(run, "invalid_args", "the args are no path");
        return;
    }
    int error = read_facts(run, path, &facts);
    if (error == 0)
        complete(run, &facts);
    else if (error == -1)
        return; /* nothing said: what becomes of the job follows from why it was to stop */
    else if (error == ENOENT || error == EISDIR || error == EACCES)
        (void)muster_run_park(run, "unreadable", strerror(error)); /* another try finds the same */
    else
        (void)muster_run_fail(run, "io", strerror(error), 0);
}

/* ---- the program ---- */

static void on_signal(int number)
{
    static volatile sig_atomic_t seen;

    (void)number;
    if (seen++)
        (void)muster_worker_stop(worker);
    else
        (void)muster_worker_drain(worker);
}

static void on_ready(void *user, const char *name, const char *session, uint32_t slots)
{
    (void)user;
    (void)session;
    printf("file_facts: ready name=%s slots=%u\n", name, (unsigned)slots);
    (void)fflush(stdout);
}

static void on_log(void *user, bool trouble, const char *text)
{
    (void)user;
    fprintf(stderr, "file_facts: %s%s\n", trouble ? "trouble: " : "", text);
}

int main(void)
{
    const struct muster_worker_options options = {
        .name = "file-facts", .on_ready = on_ready, .on_log = on_log};
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    char why[200];

    make_crc_table();
    int error = muster_worker_new(&options, &worker, why, sizeof why);
    if (!error)
        error = muster_worker_handle(worker, "file.facts", file_facts, NULL);
    if (error) {
        fprintf(stderr, "file_facts: %s\n", *why ? why : muster_error_text(error));
        return 1;
    }
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    error = muster_worker_run(worker);
    if (error)
        fprintf(stderr, "file_facts: %s\n", muster_error_text(error));
    (void)muster_worker_destroy(&worker);
    return error ? 1 : 0;
}
