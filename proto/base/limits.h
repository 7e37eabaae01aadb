/* limits.h: every bound that both sides of the wire, or several modules, must agree on. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define PROTOCOL_VERSION       1
#define PROTOCOL_MAGIC         "MUSTER"
#define SESSION_ID_BYTES       16
#define PRIORITY_COUNT         10
#define PRIORITY_DEFAULT       5
#define BATCH_JOBS_MAX         512    /* most jobs in one SUBMIT, JOBS or RESULTS */
#define BATCH_BYTES_TARGET     65536  /* a sender closes a batch at about this size */
#define FRAME_OVERHEAD_BYTES   65536  /* a frame may exceed the payload limit by this much */
#define MAX_PAYLOAD_DEFAULT    262144 /* args or result of one job */
#define META_MAX_BYTES         1024
#define KEY_MAX_BYTES          256   /* idempotency key */
#define CODE_MAX_BYTES         128   /* error code of an attempt */
#define MESSAGE_MAX_BYTES      1024  /* error message of an attempt */
#define RESULT_MAX_BYTES       65536 /* an exec handler's result */
#define LOG_LAST_BYTES         65536 /* log kept of the last attempt */
#define LOG_EARLIER_BYTES      1024  /* log kept of earlier attempts */
#define ATTEMPTS_KEPT          100   /* newest attempts kept of a job */
#define QUEUES_PER_WORKER      256
#define KINDS_PER_WORKER       1024
#define WEIGHT_MAX             1000000 /* of a worker's queue */
#define SLOTS_MAX              65536
#define CREDIT_MAX             1000000
#define IDS_PER_REQUEST        1000 /* GET, WAIT, CANCEL, PARKED */
#define LIST_MAX               1000
#define LIST_DEFAULT           100  /* jobs of a LIST without a limit */
#define CLIENT_WINDOW_SUBMITS  1024 /* unconfirmed SUBMITs of a client session */
#define CLIENT_WINDOW_BYTES    (8 << 20)
#define RESULTS_WINDOW_BYTES   (64 << 20) /* unacknowledged RESULTS, shared by all sessions */
#define HELLO_HELD_MAX         8192       /* held jobs in one part of a HELLO */
#define MAX_ATTEMPTS_DEFAULT   25
#define MAX_ATTEMPTS_MAX       1000000
#define MAX_LOSSES             3
#define RUN_TIMEOUT_DEFAULT_MS 1800000
#define RUN_TIMEOUT_MAX_MS     4294967294u     /* 49 days: fits a u32 column */
#define DELAY_MAX_MS           315360000000ull /* ten years */
#define REPLY_HOLD_MS          60000 /* a held reply is answered after this time at the latest */
#define SCHEDULES_MAX          1000000
#define SCHEDULES_BYTES_MAX    (256u << 20) /* definitions of all schedules */
#define SCHEDULE_RUNS_MAX      1000         /* runs of a schedule that overlap looks at */
#define FIRE_MAX               512          /* nominal times in one FIRE */
#define SCHEDULES_PER_PUT      512
#define SCHEDULES_PAGE         1000
#define LEDGER_PAGE            1000
#define LANES_MAX              100000
#define LANE_NUMBER_MAX        0xffffff /* beyond it a stored number is damage */
#define TOPIC_MAX_BYTES        200
#define STRS_ENTRY_MAX_BYTES   255 /* one string of an array of strings on the wire */

#endif
