/* settings.c: the table of settings: each takes its value as text. */
#include "settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/nearest.h"
#include "base/text.h"
#include "endpoint.h"

/* ---- growing lists ---- */

static void *grow(void *list, size_t count, size_t entry)
{
    return realloc(list, (count + 1) * entry);
}

void settings_fini(struct settings *s)
{
    for (size_t i = 0; i < s->broker_count; i++)
        free(s->brokers[i]);
    for (size_t i = 0; i < s->queue_count; i++)
        free((void *)(uintptr_t)s->queues[i].name);
    for (size_t i = 0; i < s->exec_count; i++) {
        free(s->execs[i].kind);
        free(s->execs[i].command);
    }
    free(s->brokers);
    free(s->queues);
    free(s->execs);
    free(s->name);
    memset(s, 0, sizeof *s);
}

/* ---- values ---- */

static int refuse(char *why, size_t why_size, const char *value, const char *rule)
{
    snprintf(why, why_size, "\"%.200s\": %s", value, rule);
    return MUSTER_EINVAL;
}

static const char name_rule[] =
    "a name is 1 to 128 of A-Z a-z 0-9 . _ : / -, the first a letter or digit";

static int take_broker(struct settings *s, const char *value, char *why, size_t why_size)
{
    char **grown;
    int err = endpoint_check(value, why, why_size);

    if (err)
        return err;
    grown = grow(s->brokers, s->broker_count, sizeof *grown);
    if (!grown)
        return MUSTER_ENOMEM;
    s->brokers = grown;
    grown[s->broker_count] = strdup(value);
    return grown[s->broker_count++] ? 0 : MUSTER_ENOMEM;
}

/* NAME[:WEIGHT]: digits after the last colon are a weight. */
static int split_weight(const char *value, size_t *ret_name_len, uint32_t *ret_weight)
{
    const char *colon = strrchr(value, ':');
    unsigned long weight;

    *ret_name_len = strlen(value);
    *ret_weight = 1;
    if (!colon || !colon[1] || strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return 0;
    errno = 0;
    weight = strtoul(colon + 1, NULL, 10);
    if (errno || weight < 1 || weight > WEIGHT_MAX)
        return MUSTER_EINVAL;
    *ret_name_len = (size_t)(colon - value);
    *ret_weight = (uint32_t)weight;
    return 0;
}

static int take_queue(struct settings *s, const char *value, char *why, size_t why_size)
{
    struct muster_worker_queue *grown;
    uint32_t weight;
    size_t len;
    char *name;

    if (split_weight(value, &len, &weight))
        return refuse(why, why_size, value, "a weight is a number from 1 to 1000000");
    if (!name_valid(slice_of(value, len)))
        return refuse(why, why_size, value, name_rule);
    for (size_t i = 0; i < s->queue_count; i++)
        if (slice_is(slice_of(value, len), s->queues[i].name))
            return refuse(why, why_size, value, "the queue is named twice");
    if (s->queue_count == QUEUES_PER_WORKER)
        return refuse(why, why_size, value, "a worker serves 256 queues at most");
    grown = grow(s->queues, s->queue_count, sizeof *grown);
    if (grown)
        s->queues = grown;
    name = grown ? strndup(value, len) : NULL;
    if (!name)
        return MUSTER_ENOMEM;
    grown[s->queue_count++] = (struct muster_worker_queue){name, weight};
    return 0;
}

static int take_strict(struct settings *s, const char *value, char *why, size_t why_size)
{
    s->strict = !strcmp(value, "true");
    if (!s->strict && strcmp(value, "false") != 0)
        return refuse(why, why_size, value, "true or false");
    return 0;
}

static int take_slots(struct settings *s, const char *value, char *why, size_t why_size)
{
    unsigned long slots = strtoul(value, NULL, 10);

    if (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 5 || slots < 1 ||
        slots > SLOTS_MAX)
        return refuse(why, why_size, value, "slots is a number from 1 to 65536");
    s->slots = (uint32_t)slots;
    return 0;
}

static int take_name(struct settings *s, const char *value, char *why, size_t why_size)
{
    if (!name_valid(slice_str(value)))
        return refuse(why, why_size, value, name_rule);
    free(s->name);
    s->name = strdup(value);
    return s->name ? 0 : MUSTER_ENOMEM;
}

int settings_take_command(struct settings *s, bool serve, struct slice kind, const char *command,
                          char *why, size_t why_size)
{
    struct exec_setting *grown;
    struct exec_setting one = {strndup((const char *)kind.data, kind.len), strdup(command), serve};
    const char *wrong = NULL;

    if (!slice_is(kind, "*") && !name_valid(kind))
        wrong = "the kind before = is a name, or * for all others";
    else if (!command[strspn(command, " \t\r\n")])
        wrong = "the command is empty";
    else if (s->exec_count == KINDS_PER_WORKER)
        wrong = "a worker handles 1024 kinds at most";
    for (size_t i = 0; i < s->exec_count; i++)
        if (slice_is(kind, s->execs[i].kind))
            wrong = "the kind has a command already";
    grown = one.kind && one.command ? grow(s->execs, s->exec_count, sizeof *grown) : NULL;
    if (grown)
        s->execs = grown;
    if (grown && !wrong) {
        grown[s->exec_count++] = one;
        return 0;
    }
    if (wrong)
        refuse(why, why_size, one.kind ? one.kind : "", wrong);
    free(one.kind);
    free(one.command);
    return wrong ? MUSTER_EINVAL : MUSTER_ENOMEM;
}

static int take_command(struct settings *s, bool serve, const char *value, char *why,
                        size_t why_size)
{
    const char *equals = strchr(value, '=');

    if (!equals)
        return refuse(why, why_size, value, "KIND=COMMAND, for instance email.send=./send-mail");
    return settings_take_command(s, serve, slice_of(value, (size_t)(equals - value)), equals + 1,
                                 why, why_size);
}

static int take_exec(struct settings *s, const char *value, char *why, size_t why_size)
{
    return take_command(s, false, value, why, why_size);
}

static int take_serve(struct settings *s, const char *value, char *why, size_t why_size)
{
    return take_command(s, true, value, why, why_size);
}

/* ---- the table ---- */

typedef int take_fn(struct settings *s, const char *value, char *why, size_t why_size);

const struct setting_row setting_rows[] = {
    {"broker", true}, {"queue", true}, {"strict", false}, {"slots", false},
    {"name", false},  {"exec", true},  {"serve", true},
};
const size_t setting_row_count = sizeof setting_rows / sizeof *setting_rows;

static take_fn *const takers[] = {take_broker, take_queue, take_strict, take_slots,
                                  take_name,   take_exec,  take_serve};

_Static_assert(sizeof takers / sizeof *takers == sizeof setting_rows / sizeof *setting_rows,
               "a taker for each row");

const struct setting_row *settings_find(const char *key)
{
    for (size_t i = 0; i < setting_row_count; i++)
        if (!strcmp(setting_rows[i].key, key))
            return &setting_rows[i];
    return NULL;
}

int settings_take(struct settings *s, const char *key, const char *value, char *why,
                  size_t why_size)
{
    const struct setting_row *row = settings_find(key);

    return row ? takers[row - setting_rows](s, value, why, why_size) : MUSTER_EINVAL;
}

const char *settings_nearest(const char *key)
{
    struct nearest nearest;

    nearest_init(&nearest, slice_str(key));
    for (size_t i = 0; i < setting_row_count; i++)
        nearest_offer(&nearest, setting_rows[i].key);
    return nearest.best;
}
