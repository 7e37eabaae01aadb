/* translate_parts.h: what the files of translate.c share. */
#ifndef RUN_TRANSLATE_PARTS_H
#define RUN_TRANSLATE_PARTS_H

#include "base/err.h"
#include "base/text.h"
#include "run/translate.h"

/* One message on its way to become an event. */
struct request {
    struct translator *translator;
    const struct msg *msg;
    struct blob *frame;
    struct event *event;
    char *why; /* WHY_BYTES */
};

/* Writes `why` and returns `error`. */
int refuse(struct request *r, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int check_name(struct request *r, const char *field, struct slice name);

int take_worker_hello(struct request *r);
int take_client_hello(struct request *r);
int take_credit(struct request *r);
int take_results(struct request *r);
int take_submit(struct request *r);

#endif
