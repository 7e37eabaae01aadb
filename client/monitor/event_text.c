/* event_text.c: a line for each event, from the maps of EVENTS. */
#include "monitor/event_text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"
#include "json.h"
#include "wire.h"

#define CLOCK_AT     11 /* in an RFC 3339 time: hours to milliseconds */
#define CLOCK_LEN    12
#define TOPIC_COLUMN 26

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* ---- events ---- */

/* The middle word of a topic says what happened: it has the colour. */
static const char *topic_colour(const struct cli *cli, const char *topic)
{
    char word[32] = "";
    const char *dot = strchr(topic, '.');
    if (dot)
        (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(dot + 1, "."), dot + 1);
    return table_state_colour(cli, word);
}

static void print_extra(const struct cli *cli, const char *key, const json_t *value)
{
    static const char *const shown[] = {"time", "topic", "id", "kind", "queue"};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (strcmp(shown[i], key) == 0)
            return;
    char *cell = table_cell(value);
    printf("  %s%s=%s%s", cli_colour(cli, "dim"), key, cli_colour(cli, "reset"), cell ? cell : "?");
    free(cell);
}

static void print_event(const struct cli *cli, const json_t *event)
{
    const char *time = text_of(event, "time"), *topic = text_of(event, "topic");
    const char *clock = strlen(time) >= CLOCK_AT + CLOCK_LEN ? time + CLOCK_AT : time;
    const char *colour = topic_colour(cli, topic);
    const char *key;
    json_t *value;
    printf("%s%.*s%s %s%-*s%s", cli_colour(cli, "dim"), CLOCK_LEN, clock, cli_colour(cli, "reset"),
           colour, TOPIC_COLUMN, topic, *colour ? cli_colour(cli, "reset") : "");
    if (*text_of(event, "id"))
        printf(" %s %s", text_of(event, "id"), text_of(event, "kind"));
    json_object_foreach((json_t *)event, key, value) print_extra(cli, key, value);
    (void)putchar('\n');
}

static void show_item(const struct cli *cli, struct slice item)
{
    if (cli->json) {
        cli_print_json(item);
        return;
    }
    json_t *event = msgpack_to_jansson(item);
    if (event)
        print_event(cli, event);
    json_decref(event);
}

uint64_t event_text_show(const struct cli *cli, struct slice topic, const struct msg_events *events,
                         uint64_t max)
{
    if (events->elided) {
        if (cli->json)
            printf("{\"topic\":\"%.*s\",\"count\":%" PRIu64 ",\"elided\":true}\n", SLICE_FMT(topic),
                   events->count);
        else
            printf("%*s %-*.*s %" PRIu64 " events, too many to tell\n", CLOCK_LEN, "...",
                   TOPIC_COLUMN, SLICE_FMT(topic), events->count);
        return events->count < max ? events->count : max;
    }
    struct wire_reader r = {events->items};
    struct wire_token array;
    uint64_t shown = 0;
    if (wire_read(&r, &array) || array.kind != WIRE_ARRAY)
        return 0;
    for (uint32_t i = 0; i < array.count && shown < max; i++) {
        struct slice item;
        if (wire_skip(&r, &item))
            break;
        show_item(cli, item);
        shown++;
    }
    return shown;
}

void event_text_beat(const struct cli *cli, const struct msg_beat *beat)
{
    if (cli->json)
        printf("{\"topic\":\"broker.beat\",\"epoch\":%" PRIu64 ",\"turn\":%" PRIu64 "}\n",
               beat->epoch, beat->turn);
    else
        printf("%*s %-*s  epoch=%" PRIu64 "  turn=%" PRIu64 "\n", CLOCK_LEN, "", TOPIC_COLUMN,
               "broker.beat", beat->epoch, beat->turn);
}

/* ---- snapshot and gaps ---- */

static void print_queue(const struct cli *cli, const json_t *q)
{
    static const char *const counts[] = {"ready",     "running", "scheduled", "parked",
                                         "completed", "failed",  "lost"};
    bool paused = json_is_true(json_object_get(q, "paused"));
    printf("  queue %s%s%s:", text_of(q, "queue"), paused ? " " : "", paused ? "(paused)" : "");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        json_int_t count = json_integer_value(json_object_get(q, counts[i]));
        const char *colour = count ? table_state_colour(cli, counts[i]) : "";
        printf("%s %s%" JSON_INTEGER_FORMAT " %s%s", i ? "," : "", colour, count, counts[i],
               *colour ? cli_colour(cli, "reset") : "");
    }
    (void)putchar('\n');
}

static void print_worker(const struct cli *cli, const json_t *w)
{
    const char *state = text_of(w, "state");
    const char *colour = table_state_colour(cli, state);
    printf("  worker %s: %s%s%s, %zu of %" JSON_INTEGER_FORMAT " slots busy\n", text_of(w, "name"),
           colour, state, *colour ? cli_colour(cli, "reset") : "",
           json_array_size(json_object_get(w, "jobs")),
           json_integer_value(json_object_get(w, "slots")));
}

void event_text_snapshot(const struct cli *cli, const muster_reply_t *reply)
{
    size_t index;
    json_t *item;
    if (cli->json) {
        printf("{\"snapshot\":");
        cli_print_json_raw(cli_body(reply));
        printf("}\n");
        return;
    }
    json_t *tree = msgpack_to_jansson(cli_body(reply));
    const json_t *queues = json_object_get(tree, "queues"),
                 *workers = json_object_get(tree, "workers");
    size_t q = json_array_size(queues), w = json_array_size(workers);
    printf("%s%zu queue%s, %zu worker%s%s\n", cli_colour(cli, "bold"), q, q == 1 ? "" : "s", w,
           w == 1 ? "" : "s", cli_colour(cli, "reset"));
    json_array_foreach(queues, index, item) print_queue(cli, item);
    json_array_foreach(workers, index, item) print_worker(cli, item);
    json_decref(tree);
}

void event_text_gap(const struct cli *cli, struct slice topic, uint64_t turns, const char *reason)
{
    char count[48] = "";
    (void)fflush(stdout);
    if (cli->json) {
        if (turns)
            (void)snprintf(count, sizeof count, "\"turns\":%" PRIu64 ",", turns);
        printf("{\"gap\":{\"topic\":\"%.*s\",%s\"reason\":\"%s\"}}\n", SLICE_FMT(topic), count,
               reason);
        return;
    }
    if (turns)
        (void)snprintf(count, sizeof count, " (%" PRIu64 " turn%s)", turns, turns == 1 ? "" : "s");
    fprintf(stderr, "muster: gap%s%.*s%s: %s\n", topic.len ? " on " : "", SLICE_FMT(topic), count,
            reason);
}
