/* translate_jobs.c: the two messages that carry jobs, SUBMIT and RESULTS. Their columns are checked
 * without a look at each job where the column is not there. */
#include <inttypes.h>

#include "run/translate_parts.h"
#include "utf8.h"
#include "wire.h"

/* ---- SUBMIT ---- */

/* Each job's args: within the limit, and one msgpack value. */
static int check_args(struct request *r, const struct msg_submit *submit)
{
    const uint8_t *at = submit->args.data;
    uint32_t max = r->translator->max_payload;
    for (uint32_t i = 0; i < submit->count; i++) {
        uint32_t len = slice_u32_at(submit->arg_lengths, i);
        if (len > max)
            return refuse(r, MUSTER_ETOOBIG,
                          "args: job %u of the message has %u bytes, more than max-payload allows: "
                          "%u",
                          i, len, max);
        if (wire_value_check(slice_of(at, len)))
            return refuse(r, MUSTER_EINVAL,
                          "args: job %u of the message is not exactly one msgpack value", i);
        at += len;
    }
    return 0;
}

static int check_keys(struct request *r, const struct msg_submit *submit)
{
    const uint8_t *at = submit->keys.data;
    for (uint32_t i = 0; submit->key_lengths.len && i < submit->count; i++) {
        uint32_t len = slice_u32_at(submit->key_lengths, i);
        if (len && !utf8_is_text(slice_of(at, len)))
            return refuse(r, MUSTER_EINVAL, "keys: the key of job %u is not UTF-8 without NUL", i);
        at += len;
    }
    return 0;
}

int take_wish(struct request *r, const struct job_wish *wish, struct job_spec *ret)
{
    *ret = JOB_SPEC_DEFAULT;
    ret->max_attempts = (uint32_t)wish->max_attempts;
    ret->run_timeout_ms = (uint32_t)wish->run_timeout_ms;
    ret->backoff.kind = (uint8_t)wish->backoff_kind;
    ret->backoff.base_ms = wish->backoff_base_ms;
    ret->backoff.cap_ms = wish->backoff_cap_ms;
    ret->backoff.jitter_permille = (uint16_t)wish->backoff_jitter_permille;
    ret->meta = wish->meta;
    if (ret->max_attempts == 0)
        return refuse(r, MUSTER_EINVAL, "max_attempts: at least 1");
    if (ret->run_timeout_ms == 0)
        return refuse(r, MUSTER_EINVAL, "run_timeout: at least 1 ms");
    if (wish->expires && wish->expires_in_ms == 0)
        return refuse(r, MUSTER_EINVAL, "expires_in: at least 1 ms");
    return 0;
}

static int take_when(struct request *r, const struct msg_submit *submit)
{
    if (submit->delay_ms && submit->at_ms)
        return refuse(r, MUSTER_EINVAL, "delay and at: only one of them");
    if (submit->at_ms > AT_MAX_MS)
        return refuse(r, MUSTER_EINVAL, "at: %" PRIu64 " is beyond the year 9999", submit->at_ms);
    r->event->submit.delay_ms = submit->delay_ms;
    r->event->submit.at_ms = submit->at_ms;
    return 0;
}

static int check_template(struct request *r, const struct msg_submit *submit)
{
    if (submit->number == 0)
        return refuse(r, MUSTER_EINVAL, "number: SUBMITs are numbered from 1");
    if (submit->group.len)
        return refuse(r, MUSTER_EINVAL, "group: this broker knows none yet");
    int error = check_name(r, "queue", submit->queue);
    return error ? error : check_name(r, "kind", submit->kind);
}

int take_submit(struct request *r)
{
    const struct msg_submit *submit = &r->msg->submit;
    const struct job_wish wish = JOB_WISH(submit, submit);
    struct event *event = r->event;
    event->submit.number = submit->number;
    event->submit.confirmed = submit->confirmed;
    event->submit.queue = submit->queue;
    event->submit.kind = submit->kind;
    event->submit.priority = (uint8_t)wish.priority;
    event->submit.expires_in_ms = wish.expires_in_ms;
    event->submit.notify = submit->notify != 0;
    event->submit.count = (uint32_t)submit->count;
    event->submit.arg_lengths = submit->arg_lengths;
    event->submit.args = submit->args;
    event->submit.key_lengths = submit->key_lengths;
    event->submit.keys = submit->keys;
    event->submit.frame = r->frame;
    int error = check_template(r, submit);
    if (!error)
        error = take_wish(r, &wish, &event->submit.spec);
    if (!error)
        error = take_when(r, submit);
    if (!error)
        error = check_keys(r, submit);
    return error ? error : check_args(r, submit);
}

/* ---- RESULTS ---- */

static void take_detail(const struct msg_detail *from, struct detail *to)
{
    *to = (struct detail){
        .code = from->code,
        .message = from->message,
        .log = from->log,
        .signal = from->signal,
        .exit_status = from->has & MSG_BIT(detail, exit_status) ? (int16_t)from->exit_status : -1,
        .delay_ms = from->delay_ms,
        .has_delay = (from->has & MSG_BIT(detail, delay_ms)) != 0};
}

static int take_details(struct request *r, const struct msg_results *results)
{
    const uint8_t *at = results->details.data;
    struct detail *details = r->translator->details;
    for (uint32_t i = 0; i < results->count; i++) {
        uint32_t len = slice_u32_at(results->detail_lengths, i);
        struct msg_detail detail = {0};
        if (len && wire_decode_detail(slice_of(at, len), &detail))
            return refuse(r, MUSTER_EPROTO, "details: that of job %u is malformed", i);
        take_detail(&detail, &details[i]);
        at += len;
    }
    r->event->results.details = details;
    return 0;
}

static int check_results(struct request *r, const struct msg_results *results)
{
    const uint8_t *at = results->results.data;
    uint32_t max = r->translator->max_payload;
    for (uint32_t i = 0; i < results->count; i++) {
        uint32_t len = slice_u32_at(results->result_lengths, i);
        if (len > max)
            return refuse(r, MUSTER_ETOOBIG,
                          "results: that of job %u has %u bytes, more than max-payload allows: %u",
                          i, len, max);
        if (len && wire_value_check(slice_of(at, len)))
            return refuse(r, MUSTER_EINVAL, "results: that of job %u is not one msgpack value", i);
        at += len;
    }
    return 0;
}

int take_results(struct request *r)
{
    const struct msg_results *results = &r->msg->results;
    struct event *event = r->event;
    event->results.hello = results->hello;
    event->results.number = results->number;
    event->results.jobs = (struct job_refs){.count = (uint32_t)results->count,
                                            .first_id = results->first_id,
                                            .ids = results->ids,
                                            .runs = results->runs};
    event->results.outcomes = results->outcomes;
    event->results.result_lengths = results->result_lengths;
    event->results.results = results->results;
    event->results.details = NULL;
    event->results.run_us = results->run_us;
    event->results.frame = r->frame;
    int error = results->result_lengths.len ? check_results(r, results) : 0;
    if (!error && results->detail_lengths.len)
        error = take_details(r, results);
    return error;
}
