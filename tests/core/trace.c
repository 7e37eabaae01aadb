/* trace.c: plays a script against a core and compares what is said with what the script expects.
 *
 *   core_trace FILE            0: as expected
 *   core_trace --write FILE    writes what was said into the script, to be read and judged */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>

static struct buf script; /* the script with what was really said */
static unsigned wrong;

/* Lines beginning with > after a command are what it expects. */
static void compare(struct trace *t, const struct buf *expected, bool writes)
{
    struct slice said = buf_slice(&t->out);
    buf_append(&script, said.data, said.len);
    if (!writes && !slice_eq(said, buf_slice(expected))) {
        fprintf(stderr, "%s:%u: expected\n%.*sbut it said\n%.*s", t->file, t->line,
                SLICE_FMT(buf_slice(expected)), SLICE_FMT(said));
        wrong++;
    }
    buf_reset(&t->out);
}

static void play(struct trace *t, const char *line)
{
    static struct command c;
    bool goes_on = line[0] == '+'; /* the turn does not end after it */
    command_cut(t, &c, goes_on ? line + 1 : line);
    if (c.count == 0)
        return;
    if (!trace_peer_command(t, &c) && !trace_schedule_command(t, &c) &&
        !trace_broker_command(t, &c))
        trace_wrong(t, "there is no command %s", c.words[0]);
    if (goes_on)
        return;
    harness_turn(&t->h);
    if (t->settles)
        harness_settle(&t->h);
}

static void run(struct trace *t, FILE *file, bool writes)
{
    static char line[4096];
    struct buf expected;
    bool open = false;
    buf_init(&expected, 1 << 20);
    for (unsigned at = 1; fgets(line, sizeof line, file); at++) {
        if (line[0] == '>') {
            buf_printf(&expected, "%s", line);
            continue;
        }
        if (open)
            compare(t, &expected, writes);
        buf_reset(&expected);
        buf_printf(&script, "%s", line);
        t->line = at;
        open = line[0] != '#' && line[0] != '\n';
        if (open)
            play(t, line);
    }
    if (open)
        compare(t, &expected, writes);
    buf_fini(&expected);
}

static int write_back(const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return 1;
    size_t written = fwrite(script.data, 1, script.len, file);
    return fclose(file) == 0 && written == script.len ? 0 : 1;
}

int main(int argc, char **argv)
{
    static struct trace t;
    struct core_options options = CORE_OPTIONS_DEFAULT;
    bool writes = argc > 2 && strcmp(argv[1], "--write") == 0;
    t.file = argv[argc - 1];
    FILE *file = argc > 1 ? fopen(t.file, "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: core_trace [--write] FILE\n");
        return 2;
    }
    buf_init(&t.out, 1 << 24);
    buf_init(&script, 1 << 24);
    trace_boot(&t, &options);
    buf_reset(&t.out);
    run(&t, file, writes);
    fclose(file);
    harness_stop(&t.h);
    int status = writes ? write_back(t.file) : wrong != 0;
    buf_fini(&t.out);
    buf_fini(&script);
    return status;
}
