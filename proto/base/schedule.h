/* schedule.h: the numbers that the wire, the store and the core share for schedules, and their
 * names in JSON, in files and on the command line. */
#ifndef BASE_SCHEDULE_H
#define BASE_SCHEDULE_H

#include "base/slice.h"

/* What becomes of a run when one before it has not ended. */
enum overlap {
    OVERLAP_SKIP,
    OVERLAP_QUEUE_ONE,  /* one waits until they have ended, later ones are skipped */
    OVERLAP_ALLOW,      /* runs side by side */
    OVERLAP_CANCEL_OLD, /* they are cancelled */
    OVERLAP_COUNT
};

/* What becomes of nominal times that passed while nobody fired them. */
enum catch_up {
    CATCH_UP_LATEST, /* the newest runs */
    CATCH_UP_NONE,   /* the newest runs if it is hardly late */
    CATCH_UP_ALL,    /* all run */
    CATCH_UP_COUNT
};

/* SCHEDULE_ACT.action */
enum schedule_action { SCHEDULE_PAUSE = 1, SCHEDULE_RESUME, SCHEDULE_DELETE };

/* What FIRE is for, in FIRE.mode. */
enum fire_mode { FIRE_DUE, FIRE_BACKFILL, FIRE_TRIGGER, FIRE_MODE_COUNT };

/* What FIRE asks for a nominal time, in FIRE.asks. */
enum fire_ask {
    FIRE_RUN,
    FIRE_MISSED, /* a newer one is due */
    FIRE_GAP,    /* its local time fell into a gap of the clock */
    FIRE_ASK_COUNT
};

/* What was decided for a nominal time. */
enum fire_verdict {
    /* stored in the ledger: a number never changes its meaning */
    VERDICT_FIRED,
    VERDICT_SKIPPED,
    VERDICT_MISSED,
    VERDICT_WAITING, /* runs when the run before it has ended */
    VERDICT_STORED_COUNT,
    /* answers to FIRE */
    VERDICT_KNOWN = VERDICT_STORED_COUNT, /* judged before */
    VERDICT_LATER,                        /* not judged: ask again in a moment */
    VERDICT_EARLY,  /* not judged: by the broker's clock it is still to come */
    VERDICT_BEHIND, /* not judged: the time before it is not the one judged last */
    VERDICT_STALE,  /* not judged: the schedule is gone or another one by now */
    VERDICT_FULL,   /* not judged: there is no room for its job */
    VERDICT_COUNT
};

/* Why. Stored: a number never changes its meaning. */
enum fire_reason {
    REASON_DUE,
    REASON_OVERLAP,    /* a run before it had not ended */
    REASON_GAP,        /* dropped: its local time fell into a gap of 3 h or more */
    REASON_WINDOW,     /* too late for the catch-up window */
    REASON_SUPERSEDED, /* a newer one was due as well */
    REASON_BACKFILL,
    REASON_TRIGGER,
    REASON_COUNT
};

/* Nominal times are whole seconds. Other milliseconds are other rows of the ledger. */
#define NOMINAL_SPAN_MS     1   /* of the last second of a span of missed times */
#define NOMINAL_TRIGGER_MIN 2   /* runs by hand */
#define NOMINAL_TRIGGER_MAX 998 /* up to here */
#define NOMINAL_GAP_MS      999 /* of the second before the gap ends: what it dropped */

#define CATCH_UP_WINDOW_DEFAULT_MS 3600000ull
#define CATCH_UP_NONE_WINDOW_MS    60000ull    /* catch_up none: a run may be this late */
#define LEDGER_BEYOND_WINDOW_MS    86400000ull /* the ledger keeps rows for the window and this */

const char *overlap_name(enum overlap overlap);
const char *catch_up_name(enum catch_up catch_up);
const char *fire_verdict_name(enum fire_verdict verdict);
const char *fire_reason_name(enum fire_reason reason);
/* MUSTER_EINVAL when `name` is none. */
int overlap_parse(struct slice name, enum overlap *ret);
int catch_up_parse(struct slice name, enum catch_up *ret);

#endif
