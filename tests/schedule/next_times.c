/* next_times.c: for test_cases.py: when entries are due, many in one process. A line in:
 * expression, time zone, start (seconds), `next` or `previous`, count, with tabs between; a line
 * out: the UTC seconds with "/gap" or "/overlap", or "refused: " and why. argv[1]: the folder of
 * the zones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scheduler/cron.h"
#include "scheduler/plan.h"
#include "scheduler/zones.h"

enum { EXPRESSION, ZONE, START, DIRECTION, COUNT, PARTS };

/* What zones_new() gave, and one line's parts. */
struct question {
    struct zones *zones;
    char *part[PARTS];
};

static bool split(char *line, struct question *ret)
{
    for (int i = 0; i < PARTS; i++) {
        ret->part[i] = line;
        line += strcspn(line, i < PARTS - 1 ? "\t" : "\n");
        if (*line == '\0')
            return false;
        *line++ = '\0';
    }
    return true;
}

static void print_times(const struct plan *p, int64_t at, bool previous, int count)
{
    static const char *const mark[] = {
        [PLAN_DST_NONE] = "", [PLAN_DST_GAP] = "/gap", [PLAN_DST_OVERLAP] = "/overlap"};

    for (int i = 0; i < count; i++) {
        struct occurrence found;

        if (!(previous ? plan_previous(p, at, &found) : plan_next(p, at, &found)))
            break;
        printf("%s%lld%s", i > 0 ? " " : "", (long long)found.utc, mark[found.dst]);
        at = found.utc;
    }
    putchar('\n');
}

static int answer(const struct question *q)
{
    struct plan p = {0};
    struct cron_error error;

    if (cron_parse(slice_str(q->part[EXPRESSION]), &p.cron, &error) != 0) {
        printf("refused: %s\n", error.text);
        return 0;
    }
    if (zones_find(q->zones, slice_str(q->part[ZONE]), &p.zone) != 0) {
        fprintf(stderr, "next_times: %s\n", zones_error(q->zones));
        return 1;
    }
    print_times(&p, strtoll(q->part[START], NULL, 10), strcmp(q->part[DIRECTION], "previous") == 0,
                (int)strtol(q->part[COUNT], NULL, 10));
    return 0;
}

int main(int argc, char **argv)
{
    struct question q = {0};
    char line[1024];
    int status = 0;

    if (argc != 2 || zones_new(&q.zones, argv[1]) != 0)
        return 2;
    while (status == 0 && fgets(line, sizeof line, stdin) != NULL) {
        if (split(line, &q)) {
            status = answer(&q);
        } else {
            fprintf(stderr, "next_times: a line needs %d parts\n", PARTS);
            status = 2;
        }
    }
    zones_free(q.zones);
    return status;
}
