/* agenda.h: all schedules as the broker has told them, by the time of what each owes next. Pure: it
 * knows neither socket nor clock; all times are the broker's, in Unix milliseconds.
 *
 * Who drives it puts in what SCHEDULES tells, sends what agenda_due() gives as FIRE, and gives back
 * what the broker decided. A schedule whose nominal times are on the way is not given out again
 * before that. */
#ifndef SCHEDULER_AGENDA_H
#define SCHEDULER_AGENDA_H

#include "base/heap.h"
#include "base/map.h"
#include "scheduler/answers.h"
#include "scheduler/arrears.h"
#include "scheduler/zones.h"

#define AGENDA_LATER_MS 20   /* `later`: ask again in a moment */
#define AGENDA_FULL_MS  1000 /* `full`: there is no room for the job now */
#define AGENDA_WHY_SIZE 512

struct agenda {
    struct zones *zones;   /* borrowed */
    struct strmap by_name; /* struct agenda_entry, which it owns */
    struct idmap by_revision;
    struct heap due;  /* of those that owe something, now or later */
    struct heap late; /* of those among them that owe several nominal times already: in turns */
    bool late_first;
    uint64_t turns;
    struct strmap sources; /* their names, each once */
    uint64_t now_ms;       /* the last time heard of */
    size_t broken;         /* entries that cannot be fired: what they say cannot be read */
};

/* Nominal times on their way to the broker. */
struct agenda_fire {
    uint32_t count;
    uint64_t revisions[FIRE_MAX];
    struct due_item items[FIRE_MAX];
};

void agenda_init(struct agenda *a, struct zones *zones);
void agenda_fini(struct agenda *a);
/* Forgets all entries. */
void agenda_clear(struct agenda *a);

/* What SCHEDULES tells of one: it replaces what was known of that name. 0; MUSTER_EINVAL: it cannot
 * be fired, `why` says so, the others go on; MUSTER_ENOMEM. */
int agenda_put(struct agenda *a, const struct told_schedule *told,
               char why[AGENDA_WHY_SIZE]) MUSTER_MUSTCHECK;
/* The rules of time zones have changed. */
void agenda_recompute(struct agenda *a);

/* How many can be fired, those that are paused among them. */
size_t agenda_count(const struct agenda *a);
/* Who owns a schedule; NULL: there is none of that name. */
const char *agenda_source_of(const struct agenda *a, struct slice name);
/* Walks all: start with *cursor = 0; false at the end. */
bool agenda_each(const struct agenda *a, size_t *cursor, struct slice *ret_name,
                 const char **ret_source);

/* When agenda_due() has something to do next; UINT64_MAX: not before something is put. */
uint64_t agenda_deadline_ms(const struct agenda *a);
/* What is to be sent now; false: nothing (the deadline says when to ask again: it may be now). */
bool agenda_due(struct agenda *a, uint64_t now_ms, struct agenda_fire *ret);
/* What the broker decided. */
void agenda_judged(struct agenda *a, const struct agenda_fire *fire,
                   const struct fire_answer *answer);
/* The broker refused to judge, or its answer cannot be read: all of it again, a second later. */
void agenda_refused(struct agenda *a, const struct agenda_fire *fire, uint64_t now_ms);

#endif
