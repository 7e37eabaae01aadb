/* broker.h: everything of one running broker, for the files of this folder. One thread owns it; the
 * store and a backup have threads of their own. */
#ifndef RUN_BROKER_H
#define RUN_BROKER_H

#include "core/core.h"
#include "net/feed.h"
#include "net/router.h"
#include "run/config.h"
#include "run/jobs_frame.h"
#include "run/store_thread.h"
#include "run/translate.h"

/* Counts refused frames by what was wrong with them; error numbers are -1, -2, ... */
#define REFUSAL_COUNT 64

struct broker {
    const struct config *config;
    struct core *core;
    struct router *sides[SIDE_COUNT]; /* backend and frontend */
    struct feed *feed;
    struct store_thread *store;
    struct backup_task *backup;
    uint64_t epoch;

    /* of this turn */
    uint64_t now_ms;  /* monotonic */
    uint64_t wall_ms; /* Unix */

    struct translator translator;
    struct refusal refusal;
    struct jobs_frame jobs;
    struct buf frame, body; /* for encoding, used again and again */

    uint64_t started_ms, second_ms; /* when it started, when the last beat was */
    uint64_t peers_ms;              /* when `peers` was counted */
    uint64_t peers;                 /* sessions of both sides, about */
    uint64_t refused[SIDE_COUNT][REFUSAL_COUNT];
    uint64_t put_off[REFUSAL_COUNT]; /* SUBMITs that the core answered by BUSY */
    struct drop_report *drops;       /* drops.h */

    uint64_t schedule_lines_ms; /* the second in which so many lines of schedules were logged */
    uint32_t schedule_lines;

    int exit_code;    /* EXIT_NOT_YET while it runs */
    bool stopping;    /* a signal came: nothing new is read */
    uint64_t stop_ms; /* when at the latest it ends */
};

#define EXIT_STOPPED 0
#define EXIT_STORE   1
#define EXIT_USAGE   2
#define EXIT_DATA    3
#define EXIT_BIND    4
#define EXIT_NOT_YET (-1)

#endif
