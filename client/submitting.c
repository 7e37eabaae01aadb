/* submitting.c: the callers' side of submits: into the outbox, and waiting for what becomes of
 * them. */
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "wire.h"

/* Adds when there is room and a broker that says how much. Locked. */
static int try_add(struct client *c, const struct muster_job *job)
{
    int error = MUSTER_EFULL;
    if (c->failed)
        return c->failed;
    if (c->welcomed && job->args_bytes > c->max_payload)
        return MUSTER_ETOOBIG;
    if (c->welcomed)
        error = outbox_add(&c->outbox, job);
    if (error == MUSTER_EFULL)
        c->wants_room = c->own_loop;
    return error;
}

/* What is wrong with a job whatever the broker says. */
static int check_job(const struct muster_job *job)
{
    if (!job || (!job->args && job->args_bytes) || (!job->meta && job->meta_bytes))
        return MUSTER_EINVAL;
    if (job->args_bytes > UINT32_MAX || job->meta_bytes > META_MAX_BYTES)
        return MUSTER_ETOOBIG;
    return job->args && wire_value_check(slice_of(job->args, job->args_bytes)) ? MUSTER_EINVAL : 0;
}

/* Answers that the caller must first process are in the way of others. Locked. */
static bool must_process(const struct client *c)
{
    return c->told_count >= CLIENT_UNPROCESSED_MAX;
}

/* Waits for room. Locked. */
static int add_later(struct client *c, const struct muster_job *job, uint64_t until_ms)
{
    int error = MUSTER_EFULL;
    c->inside++;
    while (error == MUSTER_EFULL && !must_process(c) && client_wait_until(c, until_ms))
        error = c->stop ? MUSTER_ECLOSED : try_add(c, job);
    if (--c->inside == 0 && c->stop)
        client_changed(c);
    return error;
}

static void count_added(struct client *c)
{
    c->added++;
    if (c->asleep && !c->window_full && outbox_peek(&c->outbox))
        client_wake(c);
}

int muster_submit(muster_client_t *client, const struct muster_job *job)
{
    struct client *c;
    int error = check_job(job);
    error = error ? error : client_enter(client, &c);
    if (error)
        return error;
    error = try_add(c, job);
    if (error == MUSTER_EFULL && !job->nonblocking && !c->own_loop &&
        !pthread_equal(pthread_self(), c->thread))
        error = add_later(c, job, UINT64_MAX);
    if (!error)
        count_added(c);
    client_unlock(c);
    return error;
}

int muster_client_flush(muster_client_t *client, uint64_t timeout_ms, uint64_t *ret_left)
{
    uint64_t until_ms = client_until(timeout_ms);
    struct client *c;
    if (ret_left)
        *ret_left = 0;
    int error = client_enter_to_wait(client, &c);
    if (error)
        return error;
    while (c->added != c->settled && !must_process(c) && client_wait_until(c, until_ms))
        ;
    if (c->added != c->settled)
        error = must_process(c) ? MUSTER_EFULL : MUSTER_ETIMEOUT;
    if (ret_left)
        *ret_left = c->added - c->settled;
    client_leave(c);
    return error;
}

static bool has_room(const struct client *c)
{
    return c->welcomed && outbox_has_room(&c->outbox);
}

int muster_client_await_room(muster_client_t *client, uint64_t timeout_ms)
{
    uint64_t until_ms = client_until(timeout_ms);
    struct client *c;
    int error = client_enter_to_wait(client, &c);
    if (error)
        return error;
    while (!has_room(c) && !c->failed && !c->stop && !must_process(c) &&
           client_wait_until(c, until_ms))
        ;
    if (c->failed || c->stop)
        error = c->failed ? c->failed : MUSTER_ECLOSED;
    else if (!has_room(c))
        error = must_process(c) ? MUSTER_EFULL : MUSTER_ETIMEOUT;
    client_leave(c);
    return error;
}

/* ---- one at a time ---- */

/* One waiting submit; counted, since the acknowledgement may come after the caller went away. */
struct waiting_submit {
    struct client *client;
    int holders; /* caller and callback; under the handle's lock */
    bool done;
    struct muster_ack ack;
    char text[1025];
};

static void leave(struct waiting_submit *w)
{
    if (--w->holders == 0)
        free(w);
}

void client_waited_ack(void *user, const struct muster_ack *ack)
{
    struct waiting_submit *w = user;
    struct client *c = w->client;
    client_lock(c);
    w->done = true;
    w->ack = *ack;
    (void)snprintf(w->text, sizeof w->text, "%s", ack->text ? ack->text : "");
    client_changed(c);
    leave(w);
    client_unlock(c);
}

/* Why there is no acknowledgement yet. Locked. */
static int late_error(const struct client *c)
{
    if (c->stop)
        return MUSTER_ECLOSED;
    if (!client_connected(c))
        return MUSTER_ENOBROKER;
    return c->putting_off ? c->putting_off : MUSTER_ETIMEOUT;
}

/* Adds the job and waits for its acknowledgement. Locked. */
static int submit_and_wait(struct client *c, struct waiting_submit *w, const struct muster_job *job,
                           uint64_t until_ms)
{
    struct muster_job own = *job;
    own.on_ack = client_waited_ack;
    own.user = w;
    own.on_end = NULL;
    int error = try_add(c, &own);
    if (error == MUSTER_EFULL && !job->nonblocking)
        error = add_later(c, &own, until_ms);
    if (error) {
        w->holders = 1;
        bool late = error == MUSTER_EFULL && !job->nonblocking && !must_process(c);
        return late ? late_error(c) : error;
    }
    count_added(c);
    while (!w->done && client_wait_until(c, until_ms))
        ;
    return w->done ? w->ack.error : late_error(c);
}

int muster_submit_wait(muster_client_t *client, const struct muster_job *job, uint64_t timeout_ms,
                       struct muster_ack *ret_ack, char *text, size_t text_bytes)
{
    uint64_t until_ms = client_until(timeout_ms);
    struct waiting_submit *w = calloc(1, sizeof *w);
    struct client *c = NULL;
    int error = w ? check_job(job) : MUSTER_ENOMEM;
    error = error ? error : client_enter_to_wait(client, &c);
    if (!error) {
        w->client = c;
        w->holders = 2;
        error = submit_and_wait(c, w, job, until_ms);
    }
    if (text && text_bytes)
        (void)snprintf(text, text_bytes, "%s", w && w->text[0] ? w->text : err_text(error));
    if (!error && ret_ack) {
        *ret_ack = w->ack;
        ret_ack->text = "";
    }
    if (c) {
        leave(w);
        client_leave(c);
    } else {
        free(w);
    }
    return error;
}
