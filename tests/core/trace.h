/* trace.h: a script of what happens to one core, and what it says to that. README.md has the
 * language. */
#ifndef CORE_TESTS_TRACE_H
#define CORE_TESTS_TRACE_H

#include "base/buf.h"
#include "events.h"
#include "harness.h"

#define TRACE_WORDS 64
#define TRACE_PEERS 16
#define TRACE_JOBS  4096
#define NAME_BYTES  32
#define TRACE_FIRES 64  /* FIREs on their way */
#define TRACE_FIRED 600 /* times in one */
#define TRACE_TOLD  256

/* A command, cut at its blanks: words, and options key=value. */
struct command {
    char text[4096];
    char *words[TRACE_WORDS];
    uint32_t count;
};

struct peer { /* a worker or a client */
    char name[NAME_BYTES];
    uint8_t session[SESSION_ID_BYTES];
    route_t route;
    uint64_t hello, number; /* of the last HELLO; of the last RESULTS or SUBMIT */
    /* what a worker says of itself, until it says otherwise */
    uint32_t slots;
    char queues[256], kinds[256], weights[64];
    bool strict, draining, full;
    /* what a scheduler knows of all schedules */
    uint64_t epoch, revision;
};

struct named_job {
    char name[NAME_BYTES];
    uint64_t id; /* 0: not known yet */
    bool stored;
    uint32_t run; /* the last one seen in JOBS */
};

struct fired { /* a FIRE that is to be answered */
    uint64_t request;
    struct peer *peer;
    uint32_t count;
    char names[TRACE_FIRED][NAME_BYTES];
};

struct through { /* what a peer was told last of how far a schedule is judged */
    const struct peer *peer;
    char name[NAME_BYTES];
    uint64_t ms;
};

struct trace {
    const char *file;
    unsigned line;
    struct harness h;
    bool settles;    /* after each command */
    uint32_t refuse; /* so many SUBMITs and verdicts more are refused by the store */
    bool refusing;   /* the store says with each commit that it has no room */
    route_t last_route;
    struct peer peers[TRACE_PEERS];
    uint32_t peer_count;
    struct named_job jobs[TRACE_JOBS];
    uint32_t job_count;
    uint64_t last_request;
    struct fired fires[TRACE_FIRES];
    struct through told[TRACE_TOLD];
    uint32_t told_count;
    struct buf out; /* what was said since the command began */
};

/* Ends the program: the script is wrong. */
_Noreturn void trace_wrong(const struct trace *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* trace_words.c */
void command_cut(struct trace *t, struct command *c, const char *line);
/* The value of key=value, or NULL. */
const char *command_option(const struct command *c, const char *key);
bool command_has(const struct command *c, const char *word);
uint64_t command_number(const struct trace *t, const struct command *c, const char *key,
                        uint64_t otherwise);
uint64_t command_time(const struct trace *t, const struct command *c, const char *key,
                      uint64_t otherwise);
/* The n-th word that is no option, from 0; ends the program when there are fewer. */
const char *command_word(const struct trace *t, const struct command *c, uint32_t n);
uint32_t command_plain(const struct command *c);
uint64_t trace_number(const struct trace *t, const char *text);
uint64_t trace_time(const struct trace *t, const char *text);
/* Cuts "a,b,c" in place; returns how many. */
uint32_t trace_list(char *text, char **items, uint32_t max);

/* trace_names.c */
struct peer *trace_peer(struct trace *t, const char *name);
struct peer *trace_peer_on(struct trace *t, route_t route);
struct named_job *trace_job(struct trace *t, const char *name);
/* "A" or "A.2": the job, and the run that is meant. */
uint64_t trace_run(struct trace *t, const char *text, uint32_t *ret_run);
/* Names get their ids when a batch is sealed, and lose them when it comes to nothing. */
void trace_learn(struct trace *t, const struct batch *b);
void trace_learn_stored(struct trace *t, const struct batch *b);
void trace_unlearn(struct trace *t);
struct namer trace_namer(struct trace *t);

/* trace_peers.c, trace_schedules.c, trace_broker.c: commands; false: there is no such one */
bool trace_peer_command(struct trace *t, const struct command *c);
bool trace_schedule_command(struct trace *t, const struct command *c);
bool trace_broker_command(struct trace *t, const struct command *c);
/* An answer about schedules has come: scripts go on from what it says. */
void trace_schedules_said(struct trace *t, const struct action *a);
extern const struct harness_hooks trace_hooks;
void trace_boot(struct trace *t, const struct core_options *options);

#endif
