/* schedule_text.c: see the header. */
#include "schedule_text.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"

void schedule_text_default(struct schedule_text *ret, const char *name)
{
    memset(ret, 0, sizeof *ret); /* also what lies between its fields: definitions are compared */
    snprintf(ret->name, sizeof ret->name, "%s", name);
    snprintf(ret->cron, sizeof ret->cron, "* * * * *");
    snprintf(ret->queue, sizeof ret->queue, "q");
    snprintf(ret->kind, sizeof ret->kind, "a");
    snprintf(ret->args, sizeof ret->args, "run");
    ret->window_ms = CATCH_UP_WINDOW_DEFAULT_MS;
    ret->priority = 5;
}

static struct slice text_at(struct slice bytes, size_t at, size_t size)
{
    const char *text = (const char *)bytes.data + at;
    return slice_of(text, strnlen(text, size));
}

#define TEXT_AT(bytes, field)                                                                      \
    text_at(bytes, offsetof(struct schedule_text, field), sizeof((struct schedule_text *)0)->field)

bool schedule_text_read(struct slice bytes, struct schedule_def *ret)
{
    struct schedule_text t;
    if (bytes.len < sizeof t)
        return false;
    memcpy(&t, bytes.data, sizeof t);
    *ret = (struct schedule_def){.name = TEXT_AT(bytes, name),
                                 .bytes = bytes,
                                 .cron = TEXT_AT(bytes, cron),
                                 .every_s = t.every_s,
                                 .queue = TEXT_AT(bytes, queue),
                                 .kind = TEXT_AT(bytes, kind),
                                 .args = TEXT_AT(bytes, args),
                                 .priority = t.priority,
                                 .delay_ms = t.delay_ms,
                                 .expires_in_ms = t.expires_in_ms,
                                 .spec = JOB_SPEC_DEFAULT,
                                 .overlap = t.overlap,
                                 .catch_up = t.catch_up,
                                 .window_ms = t.window_ms,
                                 .jitter_ms = t.jitter_ms,
                                 .paused = t.paused};
    return ret->name.len > 0;
}
