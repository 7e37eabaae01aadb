/* agenda_rig.h: an agenda in virtual time, and a broker of a few lines that judges as the real one
 * does: by the nominal time judged before. */
#ifndef TESTS_AGENDA_RIG_H
#define TESTS_AGENDA_RIG_H

#include "base/rng.h"
#include "scheduler/agenda.h"

#define ENTRIES 3000
#define HOUR    UINT64_C(3600)
#define DAY     (24 * HOUR)
#define NOON    UINT64_C(1700049600) /* 2023-11-15T12:00:00Z, in seconds */

/* What the broker knows of a schedule. */
struct known {
    uint64_t revision, through_ms, window_ms;
    uint64_t fired, missed, dropped; /* nominal times, those in rows for many counted */
    uint64_t rows, spans;
    uint64_t last_span_ms, last_first_ms, last_count;
    uint64_t last_fired_ms;
};

struct rig {
    struct agenda agenda;
    struct zones *zones;
    struct known known[ENTRIES];
    size_t known_count;
    uint64_t revision;
    uint8_t verdicts[FIRE_MAX];
    uint8_t through[8 * FIRE_MAX];
    struct agenda_fire fire;
    char why[AGENDA_WHY_SIZE];
    struct rng rng;
    int refuse_one_in; /* verdicts that are none; 0: never */
};

extern struct rig *rig;

int rig_set_up(void **state);
int rig_tear_down(void **state);

/* Judges rig->fire and tells the agenda. */
void judge(uint64_t now_ms);
/* Sends and judges until nothing is due any more; how many FIREs that were. */
int settle(uint64_t now_ms);
/* A verdict for one of rig->fire, and with all of them the answer. */
void set_answer(uint32_t i, uint8_t verdict, uint64_t through_ms);
struct fire_answer answer_at(uint64_t now_ms);
/* One verdict for all of rig->fire. */
void answer_all(uint8_t verdict, uint64_t through_ms, uint64_t now_ms);

/* A schedule without its rule. */
struct msg_schedule base_of(const char *name);
/* Puts it into the agenda, as SCHEDULES tells it; what agenda_put() says. */
int tell(const struct msg_schedule *schedule, uint64_t through_ms, bool paused);
/* What was told last the broker knows, too. */
struct known *keep(uint64_t through_ms, uint64_t window_ms);
/* A schedule that both sides know; `when`: a cron expression, or NULL: each second. */
struct known *put(const char *name, const char *when, const char *zone, enum catch_up catch_up,
                  uint64_t window_ms, uint64_t through_ms);
void assert_item(uint32_t i, uint64_t previous_ms, uint64_t nominal_ms, enum fire_ask ask);

#endif
