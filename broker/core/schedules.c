/* schedules.c: schedules and what is asked about them. */
#include "core/state.h"

#define NOT_YET(name)                                                                              \
    void core_on_##name(struct core *core, const struct event *e)                                  \
    {                                                                                              \
        struct action *a = core_emit(core, ACT_REPLY_CODE, e->route, e->request);                  \
        a->reply.error = MUSTER_ESTATE;                                                            \
    }
NOT_YET(schedule_put)
NOT_YET(schedules)
NOT_YET(schedule_act)
NOT_YET(fire)
NOT_YET(ledger)
NOT_YET(notice)
