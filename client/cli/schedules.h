/* schedules.h: what the broker tells of its schedules, asked by commands. */
#ifndef CLI_SCHEDULES_H
#define CLI_SCHEDULES_H

#include "cli/cli.h"
#include "client.h"
#include "scheduler/answers.h"
#include "scheduler/entry.h"
#include "scheduler/plan.h"
#include "scheduler/zones.h"

#define SCHEDULE_WHY_SIZE (ZONE_WHY_SIZE + ENTRY_WHY_SIZE)

/* One schedule. Everything is borrowed from the answer that it was in, and from the zones. */
struct schedule_seen {
    uint64_t now_ms, epoch; /* of that answer */
    struct told_schedule told;
    struct slice raw;               /* the map that the broker sent */
    struct msg_schedule definition; /* if it is readable */
    struct plan plan;               /* if it is planned */
    bool readable, planned;
    char why[SCHEDULE_WHY_SIZE]; /* not planned: why this program cannot say when it is due */
};

/* Asks, and waits for --timeout. 0, or what the REPLY says; *ret_reply may be NULL. The caller
 * destroys it. */
int schedules_ask(struct cli *cli, struct msg *request, muster_reply_t **ret_reply);
/* Whether all words are names of schedules. 0, or the exit status after it has said which is not.
 */
int schedules_check_names(const struct cli *cli, const char *command, char **words, int count);

/* The time zones of this machine. 0, or the exit status after it has said what is wrong. */
int schedules_zones(const struct cli *cli, struct zones **ret);

/* Says that there is none of this name, and which one may be meant; the exit status. */
int schedules_not_found(struct cli *cli, const char *name);

/* One schedule by its name; without zones its definition is not read. 0, or the exit status after
 * it has said what is wrong. *ret borrows from *ret_reply, which the caller destroys in any case.
 */
int schedules_find(struct cli *cli, struct zones *zones, const char *name,
                   struct schedule_seen *ret, muster_reply_t **ret_reply);

/* All schedules, page by page, by rising revision: one that is changed meanwhile may come twice,
 * and one that is deleted meanwhile comes as deleted. `forget`: the broker was started anew, what
 * was told counts no more. `take` returns 0 or an error. As above. */
struct schedules_reader {
    int (*take)(void *user, const struct schedule_seen *seen);
    void (*forget)(void *user);
    void *user;
};
int schedules_read_all(struct cli *cli, struct zones *zones, const struct schedules_reader *reader);

#endif
