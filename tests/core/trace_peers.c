/* trace_peers.c: what workers and clients say, as commands. */
#include <stdio.h>
#include <stdlib.h>

#include "trace.h"

#define ITEMS_MAX 512

static void step(struct trace *t, struct event *e)
{
    harness_step(&t->h, e);
    event_release(e);
}

static struct peer *who(struct trace *t, const struct command *c)
{
    struct peer *p = trace_peer(t, command_word(t, c, 0));
    const char *on = command_option(c, "on"); /* another peer's connection */
    if (on) {
        p->route = trace_peer(t, on)->route;
        trace_peer(t, on)->route = 0;
    } else if (!p->route || command_has(c, "new")) {
        p->route = ++t->last_route;
    }
    return p;
}

static void keep(const struct trace *t, char *to, size_t size, const char *from)
{
    if (!from)
        return;
    if (strlen(from) >= size)
        trace_wrong(t, "%s is too long", from);
    memcpy(to, from, strlen(from) + 1);
}

/* ---- workers ---- */

static uint32_t cut_slices(char *text, struct slice *to, uint32_t max)
{
    char *items[ITEMS_MAX];
    uint32_t count = trace_list(text, items, max < ITEMS_MAX ? max : ITEMS_MAX);
    for (uint32_t i = 0; i < count; i++)
        to[i] = slice_str(items[i]);
    return count;
}

/* "A.1:5s,B": held jobs with their running time; without: not started. */
static uint32_t cut_held(struct trace *t, char *text, struct held_text *to)
{
    char *items[ITEMS_MAX];
    uint32_t count = trace_list(text, items, ITEMS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char *time = strchr(items[i], ':');
        if (time)
            *time++ = '\0';
        to[i].id = trace_run(t, items[i], &to[i].run);
        to[i].ms = time ? (uint32_t)trace_time(t, time) : UINT32_MAX;
    }
    return count;
}

static void hello(struct trace *t, const struct command *c)
{
    static struct held_text held[ITEMS_MAX];
    static struct slice queues[ITEMS_MAX], kinds[ITEMS_MAX];
    static uint32_t weights[ITEMS_MAX];
    struct peer *p = who(t, c);
    const char *part = command_option(c, "part"), *list = command_option(c, "held");
    char text[4096] = "", queue_text[256], kind_text[256], weight_text[64],
         *weight_items[ITEMS_MAX];
    keep(t, p->queues, sizeof p->queues, command_option(c, "queues"));
    keep(t, p->kinds, sizeof p->kinds, command_option(c, "kinds"));
    keep(t, p->weights, sizeof p->weights, command_option(c, "weights"));
    keep(t, text, sizeof text, list);
    memcpy(queue_text, p->queues, sizeof queue_text);
    memcpy(kind_text, p->kinds, sizeof kind_text);
    memcpy(weight_text, p->weights, sizeof weight_text);
    p->slots = (uint32_t)command_number(t, c, "slots", p->slots);
    uint64_t number =
        command_number(t, c, "number", part && part[0] != '0' ? p->hello : p->hello + 1);
    if (number > p->hello)
        p->hello = number;
    uint32_t weight_count = trace_list(weight_text, weight_items, ITEMS_MAX);
    for (uint32_t i = 0; i < weight_count; i++)
        weights[i] = (uint32_t)trace_number(t, weight_items[i]);
    struct hello_text h = {.session = p->session,
                           .number = number,
                           .results_next = command_number(t, c, "results_next", p->number + 1),
                           .part = part ? (uint32_t)(part[0] - '0') : 0,
                           .parts = part ? (uint32_t)(part[2] - '0') : 1,
                           .slots = p->slots,
                           .strict = command_has(c, "strict"),
                           .draining = command_has(c, "draining"),
                           .name = p->name,
                           .queues = queues,
                           .kinds = kinds,
                           .weights = weight_count ? weights : NULL,
                           .held = held};
    h.queue_count = cut_slices(queue_text, queues, ITEMS_MAX);
    h.kind_count = cut_slices(kind_text, kinds, ITEMS_MAX);
    h.held_count = cut_held(t, text, held);
    struct event e = event_hello(p->route, &h);
    step(t, &e);
}

static void credit(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    struct event e = {.type = EV_CREDIT, .route = p->route};
    e.credit.hello = command_number(t, c, "hello", p->hello);
    e.credit.credit = (uint32_t)trace_number(t, command_word(t, c, 1));
    step(t, &e);
}

static const struct {
    const char *name;
    uint8_t outcome;
} outcomes[] = {{"ok", OUTCOME_COMPLETED},        {"fail", OUTCOME_FAILED},
                {"park", OUTCOME_PARKED},         {"discard", OUTCOME_DISCARDED},
                {"snooze", OUTCOME_SNOOZED},      {"release", OUTCOME_RELEASED},
                {"cancelled", OUTCOME_CANCELLED}, {"timeout", OUTCOME_TIMEOUT}};

/* "A.2=fail:3s": job, outcome, and a delay. */
static struct result_text cut_result(struct trace *t, char *text)
{
    struct result_text r = {0};
    char *outcome = strchr(text, '=');
    *outcome++ = '\0';
    char *delay = strchr(outcome, ':');
    if (delay)
        *delay++ = '\0';
    r.id = trace_run(t, text, &r.run);
    r.has_delay = delay != NULL;
    r.delay_ms = delay ? trace_time(t, delay) : 0;
    for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++)
        if (strcmp(outcome, outcomes[i].name) == 0) {
            r.outcome = outcomes[i].outcome;
            r.result = r.outcome == OUTCOME_COMPLETED ? "done" : NULL;
            return r;
        }
    trace_wrong(t, "%s is no outcome", outcome);
}

static void results(struct trace *t, const struct command *c)
{
    struct result_text texts[TRACE_WORDS];
    uint32_t count = 0;
    struct peer *p = who(t, c);
    uint64_t number = command_number(t, c, "number", p->number + 1);
    uint64_t said = command_number(t, c, "hello", p->hello);
    for (uint32_t i = 2; i < c->count; i++) {
        const char *word = c->words[i];
        if (strchr(word, '=') && strncmp(word, "number=", 7) != 0 &&
            strncmp(word, "hello=", 6) != 0)
            texts[count++] = cut_result(t, c->words[i]);
    }
    if (number > p->number)
        p->number = number;
    struct event e = event_results(p->route, said, number, texts, count);
    step(t, &e);
}

static void beat(struct trace *t, const struct command *c)
{
    for (uint32_t i = 0; i < command_plain(c); i++) {
        const struct peer *p = trace_peer(t, command_word(t, c, i));
        struct event e = {.type = p->name[0] == 'w' ? EV_WORKER_HEARTBEAT : EV_CLIENT_HEARTBEAT,
                          .route = p->route};
        step(t, &e);
    }
}

static void goodbye(struct trace *t, const struct command *c)
{
    struct peer *p = who(t, c);
    struct event e = {.type = p->name[0] == 'w' ? EV_WORKER_GOODBYE : EV_CLIENT_GOODBYE,
                      .route = p->route};
    step(t, &e);
}

/* ---- clients ---- */

static void client(struct trace *t, const struct command *c)
{
    struct peer *p = who(t, c);
    struct event e = {.type = EV_CLIENT_HELLO, .route = p->route};
    p->hello = command_number(t, c, "number", p->hello + 1);
    e.client_hello.session = p->session;
    e.client_hello.number = p->hello;
    e.client_hello.submit_confirmed = command_number(t, c, "submit_confirmed", 0);
    e.client_hello.done_confirmed = command_number(t, c, "done_confirmed", 0);
    step(t, &e);
}

static uint64_t at_option(const struct trace *t, const struct command *c)
{
    uint64_t in = command_time(t, c, "at", 0);
    return in ? harness_wall_ms(&t->h) + in : 0;
}

/* submit c1 A,B,C ...; "A*300": A0 to A299 */
static uint32_t cut_jobs(struct trace *t, char *text, char *keys, struct job_text *to)
{
    static char names[BATCH_JOBS_MAX][NAME_BYTES];
    char *items[BATCH_JOBS_MAX], *key_items[BATCH_JOBS_MAX];
    uint32_t count = trace_list(text, items, BATCH_JOBS_MAX), made = 0;
    uint32_t key_count = trace_list(keys, key_items, BATCH_JOBS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char *star = strchr(items[i], '*');
        uint64_t copies = star ? trace_number(t, star + 1) : 1;
        if (star)
            *star = '\0';
        for (uint64_t n = 0; n < copies && made < BATCH_JOBS_MAX; n++, made++) {
            if (star)
                snprintf(names[made], NAME_BYTES, "%.16s%u", items[i], (unsigned)n);
            else
                keep(t, names[made], NAME_BYTES, items[i]);
            trace_job(t, names[made]);
            to[made] = (struct job_text){.args = names[made]};
            if (i < key_count && strcmp(key_items[i], "-") != 0)
                to[made].key = key_items[i];
        }
    }
    return made;
}

static void submit(struct trace *t, const struct command *c)
{
    static struct job_text jobs[BATCH_JOBS_MAX];
    char text[4096] = "", keys[4096] = "";
    struct peer *p = who(t, c);
    struct submit_text s = {.number = command_number(t, c, "number", p->number + 1),
                            .confirmed = command_number(t, c, "confirmed", 0),
                            .queue = command_option(c, "queue"),
                            .kind = command_option(c, "kind"),
                            .priority = (uint8_t)command_number(t, c, "priority", 5),
                            .delay_ms = command_time(t, c, "delay", 0),
                            .at_ms = at_option(t, c),
                            .expires_in_ms = command_time(t, c, "expires", 0),
                            .notify = command_has(c, "notify"),
                            .spec = JOB_SPEC_DEFAULT,
                            .jobs = jobs};
    const char *backoff = command_option(c, "backoff");
    s.queue = s.queue ? s.queue : "q";
    s.kind = s.kind ? s.kind : "a";
    s.spec.max_attempts = (uint32_t)command_number(t, c, "max_attempts", MAX_ATTEMPTS_DEFAULT);
    s.spec.run_timeout_ms = (uint32_t)command_time(t, c, "timeout", RUN_TIMEOUT_DEFAULT_MS);
    if (backoff && backoff_parse(backoff, &s.spec.backoff) != 0)
        trace_wrong(t, "%s is no backoff", backoff);
    if (s.number > p->number)
        p->number = s.number;
    keep(t, text, sizeof text, command_word(t, c, 1));
    keep(t, keys, sizeof keys, command_option(c, "keys"));
    s.count = cut_jobs(t, text, keys, jobs);
    struct event e = event_submit(p->route, &s);
    step(t, &e);
}

static uint32_t cut_ids(struct trace *t, const struct command *c, uint64_t *ids)
{
    uint32_t count = 0, run;
    for (uint32_t i = 1; i < command_plain(c); i++)
        ids[count++] = trace_run(t, command_word(t, c, i), &run);
    return count;
}

/* By filter; one slice. */
static void cancel_all(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    const char *state = command_option(c, "state");
    struct event e = {.type = EV_CANCEL_ALL, .route = p->route};
    enum job_state parsed;
    e.cancel_all.state = -1;
    if (state && job_state_parse(slice_str(state), &parsed) == 0)
        e.cancel_all.state = (int)parsed;
    e.cancel_all.queue = slice_str(command_option(c, "queue"));
    e.cancel_all.kind = slice_str(command_option(c, "kind"));
    e.cancel_all.from.by_id = command_has(c, "by_id");
    step(t, &e);
}

static void by_ids(struct trace *t, const struct command *c)
{
    uint64_t ids[TRACE_WORDS];
    const struct peer *p = who(t, c);
    char first = c->words[0][0];
    enum event_type type = first == 'g' ? EV_GET : first == 'w' ? EV_WAIT : EV_CANCEL;
    uint32_t count = cut_ids(t, c, ids);
    struct event e = event_ids(type, p->route, ids, count);
    e.ids.hold_ms = (uint32_t)command_time(t, c, "hold", 0);
    step(t, &e);
}

static void parked(struct trace *t, const struct command *c)
{
    uint64_t ids[TRACE_WORDS];
    const struct peer *p = who(t, c);
    bool remove = c->words[0][0] == 'd', all = command_has(c, "all");
    uint32_t count = all ? 0 : cut_ids(t, c, ids);
    struct event e = event_parked(p->route, remove, ids, count);
    e.parked.all = all;
    e.parked.queue = slice_str(command_option(c, "queue"));
    step(t, &e);
}

static void pause_queue(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    struct event e = {.type = EV_PAUSE, .route = p->route};
    e.pause.queue = slice_str(command_word(t, c, 1));
    e.pause.paused = c->words[0][0] == 'p';
    step(t, &e);
}

static void list(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    const char *state = command_option(c, "state");
    struct event e = {.type = EV_LIST, .route = p->route};
    enum job_state parsed;
    e.list.state = -1;
    if (state && job_state_parse(slice_str(state), &parsed) == 0)
        e.list.state = (int)parsed;
    e.list.queue = slice_str(command_option(c, "queue"));
    e.list.kind = slice_str(command_option(c, "kind"));
    e.list.limit = (uint32_t)command_number(t, c, "limit", 100);
    step(t, &e);
}

static void ask(struct trace *t, const struct command *c)
{
    static const struct {
        const char *name;
        enum event_type type;
    } kinds[] = {{"queues", EV_QUEUES},
                 {"workers", EV_WORKERS},
                 {"stats", EV_STATS},
                 {"snapshot", EV_SNAPSHOT}};
    const struct peer *p = who(t, c);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(c->words[0], kinds[i].name) == 0) {
            struct event e = {.type = kinds[i].type, .route = p->route};
            step(t, &e);
        }
}

static void done_ack(struct trace *t, const struct command *c)
{
    const struct peer *p = who(t, c);
    struct event e = {.type = EV_DONE_ACK, .route = p->route};
    e.done_ack.number = trace_number(t, command_word(t, c, 1));
    step(t, &e);
}

bool trace_peer_command(struct trace *t, const struct command *c)
{
    static const struct {
        const char *name;
        void (*run)(struct trace *, const struct command *);
    } table[] = {
        {"hello", hello},
        {"credit", credit},
        {"results", results},
        {"beat", beat},
        {"client", client},
        {"goodbye", goodbye},
        {"submit", submit},
        {"get", by_ids},
        {"wait", by_ids},
        {"cancel", by_ids},
        {"cancel_all", cancel_all},
        {"retry", parked},
        {"delete", parked},
        {"list", list},
        {"pause", pause_queue},
        {"resume", pause_queue},
        {"queues", ask},
        {"workers", ask},
        {"stats", ask},
        {"snapshot", ask},
        {"done_ack", done_ack},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(c->words[0], table[i].name) == 0) {
            table[i].run(t, c);
            return true;
        }
    return false;
}
