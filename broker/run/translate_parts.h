/* translate_parts.h: what the files of translate.c share. */
#ifndef RUN_TRANSLATE_PARTS_H
#define RUN_TRANSLATE_PARTS_H

#include "base/err.h"
#include "base/text.h"
#include "run/translate.h"

/* One message on its way to become an event. */
struct request {
    struct translator *translator;
    const struct msg *msg;
    struct blob *frame;
    struct event *event;
    char *why; /* WHY_BYTES */
};

/* Writes `why` and returns `error`. */
int refuse(struct request *r, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int check_name(struct request *r, const char *field, struct slice name);

int check_filter(struct request *r, const char *field, struct slice name);

#define AT_MAX_MS 253402300799999ull /* the last millisecond of the year 9999 */

/* What SUBMIT and SCHEDULE ask of a job in the same words, with the defaults of what is absent. */
struct job_wish {
    uint64_t max_attempts, run_timeout_ms, backoff_base_ms, backoff_cap_ms, backoff_jitter_permille;
    uint64_t backoff_kind, priority;
    struct slice meta;
    bool expires; /* after expires_in_ms */
    uint64_t expires_in_ms;
};

#define MSG_OR(message, from, field, absent)                                                       \
    ((from)->has & MSG_BIT(message, field) ? (from)->field : (absent))
#define JOB_WISH(message, from)                                                                    \
    ((struct job_wish){                                                                            \
        .max_attempts = MSG_OR(message, from, max_attempts, MAX_ATTEMPTS_DEFAULT),                 \
        .run_timeout_ms = MSG_OR(message, from, run_timeout_ms, RUN_TIMEOUT_DEFAULT_MS),           \
        .backoff_base_ms = MSG_OR(message, from, backoff_base_ms, BACKOFF_DEFAULT.base_ms),        \
        .backoff_cap_ms = MSG_OR(message, from, backoff_cap_ms, BACKOFF_DEFAULT.cap_ms),           \
        .backoff_jitter_permille =                                                                 \
            MSG_OR(message, from, backoff_jitter_permille, BACKOFF_DEFAULT.jitter_permille),       \
        .backoff_kind = (from)->backoff_kind,                                                      \
        .priority = MSG_OR(message, from, priority, PRIORITY_DEFAULT),                             \
        .meta = (from)->meta,                                                                      \
        .expires = ((from)->has & MSG_BIT(message, expires_in_ms)) != 0,                           \
        .expires_in_ms = (from)->expires_in_ms})

/* The wish as a spec, without expires_ms; 0, or what is wrong with it. */
int take_wish(struct request *r, const struct job_wish *wish, struct job_spec *ret);

int take_worker_hello(struct request *r);
int take_client_hello(struct request *r);
int take_credit(struct request *r);
int take_results(struct request *r);
int take_submit(struct request *r);
int take_schedule_put(struct request *r);
int take_schedules(struct request *r);
int take_schedule_act(struct request *r);
int take_fire(struct request *r);
int take_ledger(struct request *r);
int take_notice(struct request *r);

#endif
