/* record.h: what lies in the values of the tables, as structs, and their encodings.
 *
 * How to change the disk format: a job's head and spec, a queue's counters and most small records
 * are lists of fields in record.c. A field that is added gets the next free bit of its list and a
 * default that is not written, so that old records stay readable; a bit never changes its meaning.
 * Old programs refuse records with bits that they do not know, so a release that writes new bits
 * also raises STORE_FORMAT, which old programs refuse at opening (MUSTER_ENEWER). What cannot be
 * said by a field gets a new FRAME_VERSION, and the reader of the old one stays.
 * tests/unit/store/test_record.c holds bytes of each format that ever shipped. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "core/batch.h"
#include "store/codec.h"
#include "store/keys.h"

/* Of the whole data file, in table meta. 2: schedules. */
#define STORE_FORMAT 2

/* The first byte of a READY or JOB record. */
enum row_kind {
    ROW_JOB = 1,      /* a whole job with the default spec */
    ROW_JOB_SPEC = 2, /* a whole job */
    ROW_REF = 3,      /* READY only: an id; the job has a row in JOB */
};

struct lane_record {
    struct slice queue, kind, group;
    uint16_t priorities; /* bits: which priorities ever had rows */
    uint64_t rows;       /* jobs of this lane in JOB */
};

struct queue_record {
    bool paused;
    struct queue_counters counters;
    uint64_t parked_bytes;
};

struct client_record {
    uint64_t confirmed, used_ms, done_taken, done_last;
};

struct key_record {
    uint64_t id, hash, created_ms;
};

struct parked_record {
    uint64_t at_ms, bytes;
    uint32_t lane;
};

struct schedule_record {
    struct slice name, source, definition;
};

struct schedule_state {
    bool paused;
    uint64_t through_ms, waiting_ms;
    struct slice runs;      /* ids, 8 bytes each, little-endian */
    struct ledger_row last; /* judged_ms 0: there is none */
};

/* Content of records. `*_bound` is enough room for the encoding. */
size_t spec_bound(const struct job_spec *spec);
void spec_encode(struct enc *e, const struct job_spec *spec);
/* Slices borrow from the record. */
void spec_decode(struct dec *d, struct job_spec *ret);
/* True when every field has its default. */
bool spec_is_default(const struct job_spec *spec);

/* The head and spec of a job; its args follow as the rest of the record. */
size_t job_bound(const struct job_spec *spec);
void job_encode(struct enc *e, const struct job_head *head, const struct job_spec *spec);
/* Where job_encode puts the id: bytes after the start of the content. */
#define JOB_ID_OFFSET 1
bool job_decode(struct dec *d, struct record *ret);
void ref_encode(struct enc *e, uint64_t id);
#define REF_BYTES 9
/* The kind of a READY or JOB record without checking it; 0 when there is none. */
uint8_t row_kind(struct slice value);

size_t attempt_bound(const struct attempt *a);
void attempt_encode(struct enc *e, const struct attempt *a);
bool attempt_decode(struct dec *d, struct attempt *ret);

size_t lane_bound(const struct lane_record *r);
void lane_encode(struct enc *e, const struct lane_record *r);
bool lane_decode(struct dec *d, struct lane_record *ret);
#define QUEUE_BOUND 160
void queue_encode(struct enc *e, const struct queue_record *r);
bool queue_decode(struct dec *d, struct queue_record *ret);
#define CLIENT_BOUND 64
void client_encode(struct enc *e, const struct client_record *r);
bool client_decode(struct dec *d, struct client_record *ret);
#define KEY_BOUND 48
void key_encode(struct enc *e, const struct key_record *r);
bool key_decode(struct dec *d, struct key_record *ret);
#define PARKED_BOUND 48
void parked_encode(struct enc *e, const struct parked_record *r);
bool parked_decode(struct dec *d, struct parked_record *ret);

size_t submitted_bound(const struct client_number *r);
void submitted_encode(struct enc *e, const struct client_number *r);
/* Outcomes and ids (8 bytes each, little-endian) borrow from the record; empty when all are new. */
bool submitted_decode(struct dec *d, struct client_number *ret, struct slice *ret_outcomes,
                      struct slice *ret_ids);
size_t done_bound(const struct done_row *r);
void done_encode(struct enc *e, const struct done_row *r);
bool done_decode(struct dec *d, struct done_row *ret);
size_t worker_bound(struct slice name);
void worker_encode(struct enc *e, bool lapsed, uint64_t results_next, struct slice name);
bool worker_decode(struct dec *d, struct boot_worker *ret);

size_t schedule_bound(const struct schedule_record *r);
void schedule_encode(struct enc *e, const struct schedule_record *r);
/* Slices borrow from the record, as in schedule_state_decode. */
bool schedule_decode(struct dec *d, struct schedule_record *ret);
size_t schedule_state_bound(const struct schedule_state *r);
void schedule_state_encode(struct enc *e, const struct schedule_state *r);
bool schedule_state_decode(struct dec *d, struct schedule_state *ret);
/* Without the nominal time, which stands in the key. */
#define LEDGER_BOUND 48
void ledger_encode(struct enc *e, const struct ledger_row *r);
bool ledger_decode(struct dec *d, uint64_t nominal_ms, struct ledger_row *ret);

#endif
