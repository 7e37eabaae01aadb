/* peer_load.c: the same work for each peer: one process submits, one works, both over one library
 * of raw sockets, so that the peer is what is measured.
 *
 * peer_load PEER PORT JOBS BATCH TAKE PAYLOAD [transaction]: so many in a submitter's batch, so
 * many asked for by the worker at a time. Prints a line of JSON (tally.h). */
#include "peer_load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"

#define BATCHES_AHEAD 2 /* one is answered while the next is on its way */

static const struct peer *const peers[] = {&peer_gearmand, &peer_beanstalkd, &peer_redis};

static const struct peer *chosen;

const void *load_body(struct load *l, uint64_t index)
{
    memcpy(l->body, &index, sizeof index);
    return l->body;
}

static int run_worker(void *arg)
{
    struct load *l = arg;
    chosen->work(l);
    l->tally->last_done_us = clock_us();
    return 0;
}

static void submit(struct load *l)
{
    struct conn c;
    uint64_t jobs = l->tally->jobs, sent = 0, taken = 0;
    conn_open(&c, l->port);
    l->tally->first_submit_us = clock_us();
    while (taken < jobs) {
        while (sent < jobs && sent - taken <= (uint64_t)l->batch * (BATCHES_AHEAD - 1)) {
            uint32_t count = jobs - sent < l->batch ? (uint32_t)(jobs - sent) : l->batch;
            chosen->put(l, &c, sent, count);
            sent += count;
        }
        conn_wait(&c, 1);
        taken += chosen->answers(&c);
        if (taken > sent)
            tally_die("%s took %" PRIu64 " jobs of %" PRIu64, chosen->name, taken, sent);
    }
    conn_close(&c);
}

static void choose(const char *name)
{
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++)
        if (strcmp(name, peers[i]->name) == 0)
            chosen = peers[i];
    if (!chosen)
        tally_die("no such peer: %s", name);
}

static void prepare(struct load *l)
{
    struct conn c;
    memset(l->body, 'x', sizeof l->body);
    if (!chosen->prepare)
        return;
    conn_open(&c, l->port);
    chosen->prepare(l, &c);
    conn_close(&c);
}

int main(int argc, char **argv)
{
    static struct load l;
    if (argc < 7 || argc > 8)
        tally_die("usage: peer_load PEER PORT JOBS BATCH TAKE PAYLOAD [transaction]");
    choose(argv[1]);
    l.port = (uint16_t)tally_number(argv[2], "PORT", 1, 65535);
    l.tally = tally_new(tally_number(argv[3], "JOBS", 1, 1000000000));
    l.batch = (uint32_t)tally_number(argv[4], "BATCH", 1, 100000);
    l.take = (uint32_t)tally_number(argv[5], "TAKE", 1, 100000);
    l.payload = (uint32_t)tally_number(argv[6], "PAYLOAD", INDEX_BYTES, PAYLOAD_MAX);
    l.transaction = argc == 8 && strcmp(argv[7], "transaction") == 0;
    prepare(&l);
    pid_t worker = tally_fork(run_worker, &l);
    tally_await_ready(l.tally, worker);
    submit(&l);
    return tally_finish(l.tally, worker);
}
