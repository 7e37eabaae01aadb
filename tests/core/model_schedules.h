/* model_schedules.h: what is known of every schedule from outside the core: its ledger as it was
 * committed, and how far it is judged. At most one run for a nominal time; what is told is stored;
 * nothing that was judged becomes unjudged. */
#ifndef CORE_TESTS_MODEL_SCHEDULES_H
#define CORE_TESTS_MODEL_SCHEDULES_H

#include "model.h"

struct known_row {
    struct ledger_row row;
    uint8_t ever; /* bits of verdicts that it has had */
};

struct known_schedule {
    uint32_t number;
    char name[32];
    uint8_t overlap;
    bool paused, dropped;
    uint64_t through_ms;
    struct idmap rows;     /* nominal time -> struct known_row */
    uint32_t row_count;    /* of them */
    uint32_t waiting_rows; /* of them */
};

void model_schedules_init(struct model *m);
void model_schedules_fini(struct model *m);
struct known_schedule *model_schedule(const struct model *m, uint32_t number);

/* Operations in the order of their commits; OP_SUBMIT: before and after its job is known. */
void model_commit_schedule(struct model *m, const struct op *op);
void model_commit_state(struct model *m, const struct op *op);
void model_commit_verdict(struct model *m, const struct op *op);
void model_commit_run(struct model *m, const struct op *op);
void model_run_known(struct model *m, const struct op *op, struct known_job *j);

/* An answer to FIRE, for one time. */
struct fire_told {
    const char *name;
    uint64_t nominal_ms, through_ms;
    uint8_t mode, verdict;
};
void model_fire_told(const struct model *m, const struct fire_told *told);
void model_through_told(const struct model *m, const char *name, uint64_t through_ms);
/* A page of the ledger from its newest row on; `limit` was asked for. `now`: nothing was judged
 * since it was read. */
void model_ledger_told(const struct model *m, const char *name, const struct action *a,
                       uint32_t limit, bool now);
void model_schedule_published(const struct model *m, const struct action *a);
/* Nothing is on its way: the core's memory says the same. */
void model_schedules_agree(const struct model *m, const struct core *core);

#endif
