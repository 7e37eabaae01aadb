/* muster/error.h: the error numbers, and how functions are marked that the library offers.
 *
 * Functions return 0 or one of these negative numbers, unless they say otherwise. Numbers and codes
 * never change their meaning; later versions may add some. */
#ifndef MUSTER_ERROR_H
#define MUSTER_ERROR_H

/* Marks what the shared library offers; everything else in it is hidden. */
#if defined(__GNUC__)
#define MUSTER_API __attribute__((visibility("default")))
#else
#define MUSTER_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

#ifndef MUSTER_ERRORS_DEFINED
#define MUSTER_ERRORS_DEFINED
enum {
    MUSTER_OK = 0,
    MUSTER_EINVAL = -1,         /* "invalid": a value is not valid */
    MUSTER_ENOMEM = -2,         /* "no_memory" */
    MUSTER_EFULL = -3,          /* "full": a limit is reached */
    MUSTER_EPROTO = -4,         /* "malformed": the message is malformed */
    MUSTER_EVERSION = -5,       /* "version": no common protocol version */
    MUSTER_EUNKNOWN_TYPE = -6,  /* "unknown_type": the message type is unknown */
    MUSTER_EUNKNOWN_FIELD = -7, /* "unknown_field": a field that must be understood is not known */
    MUSTER_ETOOBIG = -8,        /* "too_big": larger than the limit */
    MUSTER_ENOTFOUND = -9,      /* "not_found": there is no such thing */
    MUSTER_EGONE = -10,         /* "gone": it has finished and is no longer kept */
    MUSTER_ECONFLICT = -11,     /* "key_conflict": the key was used with another body */
    MUSTER_EBUSY = -12,         /* "busy": try again later */
    MUSTER_ESTATE = -13,        /* "wrong_state": its state does not allow that */
    MUSTER_ETIMEOUT = -14,      /* "timeout": waiting time over */
    MUSTER_ENOBROKER = -15,     /* "no_broker": no broker answers */
    MUSTER_ECLOSED = -16,       /* "closed": the handle is destroyed */
    MUSTER_EIO = -17,           /* "io": input or output failed */
    MUSTER_EDAMAGED = -18,      /* "damaged": stored data is damaged */
    MUSTER_EINUSE = -19,        /* "in_use": another process uses it */
    MUSTER_ENEWER = -20,        /* "newer": written by a newer version */
    MUSTER_ENOSPACE = -21,      /* "disk_full": the broker's disk is full */
    MUSTER_EDENIED = -22,       /* "denied": not allowed */
    MUSTER_ELANES = -23,        /* "too_many_lanes": too many pairs of queue and kind */
    MUSTER_EPARKED_FULL = -24,  /* "parked_full": the queue's parked jobs fill their space */
    MUSTER_EDISK_RESERVE = -25, /* "disk_reserve": the disk reserve is reached */
    MUSTER_ESHUTDOWN = -26,     /* "shutting_down": the broker is stopping */
    MUSTER_EWINDOW = -27,       /* "window": more unconfirmed submits than the window allows */
    MUSTER_EOWNED = -28         /* "owned": it belongs to another source */
};
#endif

/* The code of an error as brokers, programs and JSON use it: "timeout", "no_broker"; "ok" for 0,
 * "unknown" for a number that this library does not know. A static string; any thread. */
MUSTER_API const char *muster_error_code(int error);
/* A sentence for people about an error. A static string; any thread. */
MUSTER_API const char *muster_error_text(int error);

#ifdef __cplusplus
}
#endif

#endif
