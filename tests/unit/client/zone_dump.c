/* zone_dump.c: prints what the scheduler thinks of time zones, for a comparison with somebody
 * else's reading of the same files (tests/integration/test_zones.py).
 *
 * zone_dump DIRECTORY <names, one a line: of each, a line "zone NAME" and the periods from 1970 to
 * 2199 as lines "FROM UNTIL OFFSET DST ABBREVIATION"; or "error NAME: why". */
#include <inttypes.h>
#include <stdio.h>

#include "scheduler/zones.h"

#define FIRST 0          /* 1970-01-01T00:00:00Z */
#define END   7258118400 /* 2200-01-01T00:00:00Z */

static void dump(const struct zone *z)
{
    struct zone_period p;
    printf("zone %s\n", zone_name(z));
    for (int64_t utc = FIRST; utc < END; utc = p.until) {
        zone_period_at(z, utc, &p);
        printf("%" PRId64 " %" PRId64 " %" PRId32 " %d %s\n", p.from, p.until, p.offset, p.dst,
               p.abbreviation);
    }
}

int main(int argc, char **argv)
{
    struct zones *zones;
    char line[128];
    if (argc != 2 || zones_new(&zones, argv[1]))
        return 2;
    while (fgets(line, sizeof line, stdin)) {
        const struct zone *z;
        struct slice name = slice_of(line, strcspn(line, "\n"));
        if (zones_find(zones, name, &z))
            printf("error %.*s: %s\n", SLICE_FMT(name), zones_error(zones));
        else
            dump(z);
    }
    zones_free(zones);
    return 0;
}
