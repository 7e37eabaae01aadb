/* entry_options.c: words of the command line to the fields of an entry. */
#include "cli/entry_options.h"

#include <stdio.h>

#include "json.h"
#include "wire.h"

#define ARGS_MAX ((size_t)64 << 20) /* above any payload limit; the broker's is checked there */

static int take_args(struct entry *e, const char *text, struct buf *args, char why[ENTRY_WHY_SIZE])
{
    char reason[256];
    int error = json_to_msgpack(text, strlen(text), args, reason, sizeof reason);
    if (error)
        (void)snprintf(why, ENTRY_WHY_SIZE,
                       "%s is not JSON: %s (a string needs quotes: '\"text\"')",
                       entry_field_name(e, ENTRY_args), reason);
    else
        entry_set_args(e, buf_slice(args));
    return error;
}

static int take_fields(struct entry *e, const struct entry_options *options, struct buf *args,
                       char why[ENTRY_WHY_SIZE])
{
    struct entry_fault fault;
    int error = 0;
    for (unsigned i = 0; i < ENTRY_FIELDS && !error; i++) {
        const char *text = options->flag[i] ? "true" : options->text[i];
        if (!text)
            continue;
        if (i == ENTRY_args) {
            error = take_args(e, text, args, why);
        } else if (entry_set(e, (enum entry_field)i, slice_str(text), &fault)) {
            (void)snprintf(why, ENTRY_WHY_SIZE, "%s", fault.text);
            error = MUSTER_EINVAL;
        }
    }
    return error;
}

/* Keeps the first. */
static void note(void *user, const struct entry_fault *fault)
{
    char *why = user;
    if (!*why)
        (void)snprintf(why, ENTRY_WHY_SIZE, "%s", fault->text);
}

int entry_options_read(const struct entry_options *options, const char *name, struct zones *zones,
                       int64_t now, struct buf *out, char why[ENTRY_WHY_SIZE])
{
    struct entry e;
    struct buf args;
    why[0] = '\0';
    buf_init(&args, ARGS_MAX);
    entry_init(&e, slice_str(name), true);
    int error = take_fields(&e, options, &args, why);
    if (!error)
        error = entry_check(&e, zones, now, note, why);
    if (!error && wire_encode_schedule(out, &e.schedule))
        error = out->error == MUSTER_ENOMEM ? MUSTER_ENOMEM : MUSTER_ETOOBIG;
    if (error && !*why)
        (void)snprintf(why, ENTRY_WHY_SIZE, "%s", err_text(error));
    buf_fini(&args);
    return error;
}
