/* serve_child.h: one child of --serve: started by the supervisor under a reaper of its own, told to
 * end, noticed when it has ended, started again. A child belongs to one thread at a time: to the
 * one that runs a job on it, or to the keeper of serve_pool.h. Nothing here blocks. */
#ifndef WORKER_SERVE_CHILD_H
#define WORKER_SERVE_CHILD_H

#include <poll.h>

#include "base/list.h"
#include "capture.h"
#include "exec.h"

/* What all children of a worker share. */
struct serve_host {
    const struct supervisor *supervisor;
    struct exec_grace grace;
    /* As in struct muster_worker_options; any thread. */
    void (*on_log)(void *user, bool trouble, const char *text);
    void (*on_orphaned)(void *user); /* see struct exec_handler */
    void *user;
};

struct serve_program;

enum { SERVE_CONTROL, SERVE_OUT, SERVE_ERR, SERVE_FDS };

struct serve_child {
    const struct serve_host *host;
    struct serve_program *program;
    const char *name; /* the command, for people */
    size_t command;   /* its number at the supervisor */
    uint32_t number;  /* among the command's children, from 1 */
    bool up;          /* there is a process, perhaps one that is ending */
    bool ending;      /* it was told to end */
    bool leaving;     /* the worker ends: it is not started again, and not told of */
    bool in_job;      /* what it logs is the job's; else it is passed on to our standard error */
    int in, fds[SERVE_FDS];      /* -1: closed */
    uint64_t kill_ms;            /* ending: when SIGKILL is due; UINT64_MAX: not, or it was sent */
    uint64_t closed_ms;          /* standard output is closed: when that becomes a fault */
    uint64_t start_ms;           /* when it was started; down: when it may be started again */
    uint64_t jobs;               /* finished since it was started */
    uint32_t failures;           /* starts in a row after which no job was finished */
    struct reaper_report report; /* of the last end */
    bool report_lost;            /* its reaper died without one */
    struct buf input, output, scratch; /* a job's line; what was read; a decoded answer */
    struct capture log;                /* standard error since the job began */
    struct list link;                  /* the rest is serve_pool.c's */
    uint64_t idle_ms;
    bool idle;
};

/* Fills it in, down, to be started at once. 0 or MUSTER_ENOMEM. */
int serve_child_init(struct serve_child *c, const struct serve_host *host, const char *name,
                     size_t command, uint32_t number);
void serve_child_fini(struct serve_child *c);

/* Starts it if that is due; true when it is up. What hinders is logged, and tried again later. */
bool serve_child_start(struct serve_child *c, uint64_t now_ms);
/* SIGTERM for its group, if it is the first time, and SIGKILL for everything after grace_ms. */
void serve_child_end(struct serve_child *c, uint64_t now_ms, uint32_t grace_ms);
/* Lets it end by itself: there are no more jobs. */
void serve_child_leave(struct serve_child *c);
/* True when every signal that was sent has arrived, so that a child which answered all the same can
 * be given another job; waits up to a second. */
bool serve_child_settled(struct serve_child *c);

/* For poll(): its descriptors; revents 0. */
void serve_child_items(const struct serve_child *c, struct pollfd items[SERVE_FDS]);
/* When serve_child_tick() has something to do; UINT64_MAX: never. */
uint64_t serve_child_due(const struct serve_child *c);
/* Sends the SIGKILL that is due, and ends a child that closed its standard output and lives. */
void serve_child_tick(struct serve_child *c, uint64_t now_ms);
/* Reads what is there of its log, up to a bound. */
void serve_child_read_log(struct serve_child *c);
/* Reads into `output` up to a chunk. False when there is nothing now, or no room (output.error). */
bool serve_child_read_output(struct serve_child *c, uint64_t now_ms);
/* True when it has ended, with all that it had started: `report` is filled in. */
bool serve_child_ended(struct serve_child *c);
/* After that: closes what is left, says what happened, and when it starts again. */
void serve_child_down(struct serve_child *c, uint64_t now_ms);
/* From now on what it logs is a job's, and an answer of up to `line_max` bytes is wanted. */
void serve_child_job_begins(struct serve_child *c, size_t line_max);
/* Its log goes to the attempt, or, when no attempt was made of it (NULL), is passed on. */
void serve_child_job_ends(struct serve_child *c, muster_run_t *run);
/* Without a job: what lies in `output`, if it is not blank, is a fault. */
void serve_child_stray(struct serve_child *c, uint64_t now_ms);
/* For a child without a job: output, end, log, time. `items` are those that poll() filled in. */
void serve_child_tend(struct serve_child *c, const struct pollfd items[SERVE_FDS], uint64_t now_ms);

/* How it ended, for people: "exit status 3". */
void serve_child_describe_end(const struct serve_child *c, char *out, size_t out_size);

#endif
