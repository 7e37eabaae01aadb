/* schedules.c: SCHEDULES asked and its answers read. */
#include "cli/schedules.h"

#include "base/nearest.h"
#include "base/text.h"
#include "scheduler/plan_of.h"

#define BEGUN_MAX 16 /* times that a broker may begin anew while it is read */

int schedules_ask(struct cli *cli, struct msg *request, muster_reply_t **ret_reply)
{
    struct call *call;
    *ret_reply = NULL;
    int error = client_ask(cli->client, request, 0, -1, &call);
    return error ? error : client_take(cli->client, call, cli_timeout_ms(cli), ret_reply);
}

int schedules_check_names(const struct cli *cli, const char *command, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        if (!name_valid(slice_str(words[i])))
            return cli_usage(cli, command, "\"%s\" is no name of a schedule", words[i]);
    }
    return 0;
}

int schedules_zones(const struct cli *cli, struct zones **ret)
{
    int error = zones_new(ret, NULL);
    return error ? cli_error(cli, error, "time zones: %s", err_text(error)) : 0;
}

static int no_answer(const struct cli *cli)
{
    return cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
}

/* What it says: the definition may be of a newer program, and the zone of another machine. */
static void read_definition(struct schedule_seen *seen, struct zones *zones)
{
    int error =
        wire_decode_schedule(seen->told.definition, &seen->definition, seen->why, sizeof seen->why);
    seen->readable = !error;
    if (error)
        return;
    error = plan_of(zones, &seen->definition, &seen->plan, seen->why, sizeof seen->why);
    seen->planned = !error;
    if (error && !seen->why[0])
        (void)snprintf(seen->why, sizeof seen->why, "%s", err_text(error));
}

/* As schedules_answer_next(). */
static int read_next(struct schedules_answer *answer, struct zones *zones,
                     struct schedule_seen *ret)
{
    struct wire_reader ahead = answer->items;
    *ret = (struct schedule_seen){.now_ms = answer->now_ms, .epoch = answer->epoch};
    if (answer->left && wire_skip(&ahead, &ret->raw))
        return MUSTER_EPROTO;
    int more = schedules_answer_next(answer, &ret->told);
    if (more == 1 && zones && !ret->told.deleted)
        read_definition(ret, zones);
    return more;
}

int schedules_find(struct cli *cli, struct zones *zones, const char *name,
                   struct schedule_seen *ret, muster_reply_t **ret_reply)
{
    struct schedules_answer answer;
    struct msg m = {.type = MSG_SCHEDULES};
    m.schedules.name = slice_str(name);
    int error = schedules_ask(cli, &m, ret_reply);
    if (error == MUSTER_ENOTFOUND)
        return schedules_not_found(cli, name);
    if (error)
        return cli_reply_error(cli, error, *ret_reply, "");
    if (schedules_answer_read(cli_body(*ret_reply), &answer) || read_next(&answer, zones, ret) != 1)
        return no_answer(cli);
    return ret->told.deleted ? schedules_not_found(cli, name) : 0;
}

/* Goes on in *at: 0, or the exit status. */
static int read_page(struct cli *cli, struct zones *zones, const struct schedules_reader *reader,
                     struct msg_schedules *at, const muster_reply_t *reply)
{
    struct schedules_answer answer;
    struct schedule_seen seen;
    int more = 0, error = 0;
    if (schedules_answer_read(cli_body(reply), &answer))
        return no_answer(cli);
    if (answer.reset && at->after)
        reader->forget(reader->user);
    else if (muster_reply_more(reply, NULL) && answer.revision <= at->after)
        return no_answer(cli); /* it would never end */
    while (!error && (more = read_next(&answer, zones, &seen)) == 1)
        error = reader->take(reader->user, &seen);
    if (error)
        return cli_error(cli, error, "%s", err_text(error));
    at->epoch = answer.epoch;
    at->after = answer.revision;
    if (answer.reset || !at->since)
        at->since = answer.newest;
    return more < 0 ? no_answer(cli) : 0;
}

int schedules_read_all(struct cli *cli, struct zones *zones, const struct schedules_reader *reader)
{
    struct msg_schedules at = {0};
    unsigned begun = 0;
    bool more = true;
    int status = 0;
    while (more && !status) {
        muster_reply_t *reply;
        struct msg m = {.type = MSG_SCHEDULES, .schedules = at};
        uint64_t before = at.after;
        int error = schedules_ask(cli, &m, &reply);
        status = error ? cli_reply_error(cli, error, reply, "")
                       : read_page(cli, zones, reader, &at, reply);
        more = !status && muster_reply_more(reply, NULL);
        begun += more && at.after <= before;
        if (begun > BEGUN_MAX)
            status = no_answer(cli);
        muster_reply_destroy(&reply);
    }
    return status;
}

/* ---- names that are not there ---- */

struct search {
    struct nearest nearest;
    char best[NAME_MAX_BYTES + 1], name[NAME_MAX_BYTES + 1];
};

static int offer(void *user, const struct schedule_seen *seen)
{
    struct search *s = user;
    if (seen->told.deleted || seen->told.name.len >= sizeof s->name)
        return 0;
    (void)snprintf(s->name, sizeof s->name, "%.*s", SLICE_FMT(seen->told.name));
    nearest_offer(&s->nearest, s->name);
    if (s->nearest.best == s->name) {
        (void)snprintf(s->best, sizeof s->best, "%s", s->name);
        s->nearest.best = s->best;
    }
    return 0;
}

/* Names from before a broker was started anew do no harm. */
static void forget_none(void *user)
{
    (void)user;
}

int schedules_not_found(struct cli *cli, const char *name)
{
    struct search s;
    const struct schedules_reader reader = {.take = offer, .forget = forget_none, .user = &s};
    nearest_init(&s.nearest, slice_str(name));
    int status = schedules_read_all(cli, NULL, &reader);
    const char *near = nearest_close(&s.nearest);
    if (status)
        return status;
    return cli_error(cli, MUSTER_ENOTFOUND, "%s: there is no such schedule%s%s%s", name,
                     near ? "; the nearest is \"" : "", near ? near : "", near ? "\"" : "");
}
