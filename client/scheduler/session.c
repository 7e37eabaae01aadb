/* session.c: requests out, answers in. */
#include "scheduler/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "scheduler/fire_message.h"
#include "scheduler/log.h"

#define HOLD_MS     1000  /* a jump of the broker's clock shows after this at the latest */
#define SLACK_MS    10000 /* beyond the hold, before an answer counts as lost */
#define RETRY_MS    1000  /* after an answer that was none */
#define AWAY_MS     1000  /* so long without a broker is worth a line */
#define TURN_MAX_MS 1000  /* then the connection is looked at */
#define FINISH_MS   2000

#define CLOCK_MAX_MS UINT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

int session_init(struct session *s, muster_client_t *client, int signal_fd, struct zones *zones)
{
    *s = (struct session){.client = client, .signal_fd = signal_fd, .begun_ms = clock_ms()};
    agenda_init(&s->agenda, zones);
    s->answer_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s->answer_fd < 0 ? MUSTER_EIO : 0;
}

static void let_go(struct session *s, struct call **call)
{
    muster_reply_t *reply = NULL;
    if (*call)
        (void)!client_take(s->client, *call, 0, &reply);
    muster_reply_destroy(&reply);
    *call = NULL;
}

void session_fini(struct session *s)
{
    let_go(s, &s->poll);
    let_go(s, &s->notice);
    for (size_t i = 0; i < SESSION_FIRES; i++)
        let_go(s, &s->flights[i].call);
    agenda_fini(&s->agenda);
    if (s->answer_fd >= 0)
        (void)close(s->answer_fd);
}

/* ---- time ---- */

/* Never ahead of the broker: its answers are a little old when they come, and cut to milliseconds.
 */
static uint64_t broker_ms(const struct session *s)
{
    return (uint64_t)((int64_t)clock_us() + s->clock_ahead_us) / 1000;
}

/* A clock of nonsense is not followed: what was known before stays. */
static void hear_clock(struct session *s, uint64_t broker_now_ms)
{
    if (broker_now_ms > CLOCK_MAX_MS)
        return;
    s->clock_ahead_us = (int64_t)broker_now_ms * 1000 - (int64_t)clock_us();
    s->clock_known = true;
}

/* ---- answers that are none ---- */

/* Says it when it is another one than before. */
static void tell_trouble(struct session *s, const char *what, int error,
                         const muster_reply_t *reply)
{
    const char *code = muster_reply_code(reply), *text = muster_reply_text(reply);
    code = *code ? code : err_code(error);
    if (strcmp(code, s->trouble) == 0)
        return;
    (void)snprintf(s->trouble, sizeof s->trouble, "%s", code);
    scheduler_log("warn", "%s: the broker says: %s (%s)", what, *text ? text : err_text(error),
                  code);
}

/* Takes an answer. 0; else it is told, and s->failed is set if there is no going on. */
static int take(struct session *s, struct call **call, const char *what, muster_reply_t **ret_reply)
{
    int error = client_take(s->client, *call, 0, ret_reply);
    *call = NULL;
    if (!error) {
        s->trouble[0] = '\0';
        return 0;
    }
    struct muster_client_status status;
    if (!*ret_reply && !muster_client_status(s->client, &status) && status.error == error)
        s->failed = error;
    tell_trouble(s, what, error, *ret_reply);
    return error;
}

/* ---- SCHEDULES ---- */

static void send_poll(struct session *s)
{
    struct msg m = {.type = MSG_SCHEDULES};
    uint64_t hold_ms = s->synced && !s->read_again ? HOLD_MS : 0;
    if (s->read_again)
        s->after = s->since = 0;
    s->read_again = false;
    m.schedules.epoch = s->epoch;
    m.schedules.after = s->after;
    m.schedules.since = s->since;
    m.schedules.hold_ms = hold_ms;
    s->poll_fresh = !s->synced;
    s->poll_held = hold_ms > 0;
    s->poll_sent_ms = clock_ms();
    if (client_ask(s->client, &m, hold_ms + SLACK_MS, s->answer_fd, &s->poll)) {
        s->poll = NULL;
        s->poll_at_ms = clock_ms() + RETRY_MS;
    }
}

/* What was read before means nothing any more; nor do answers about it. */
static void start_over(struct session *s, uint64_t epoch)
{
    agenda_clear(&s->agenda);
    for (size_t i = 0; i < SESSION_FIRES; i++)
        s->flights[i].fire.count = 0;
    s->renewed = s->renewed || (s->epoch && s->epoch != epoch);
    s->synced = s->synced && s->epoch == epoch;
    s->epoch = epoch;
}

static void tell_unreadable(struct session *s, const struct told_schedule *told, const char *why)
{
    char text[SESSION_NOTICE_TEXT], source[NAME_MAX_BYTES + 1];
    (void)snprintf(text, sizeof text, "schedule %.*s of %.*s cannot be run here: %s",
                   SLICE_FMT(told->name), SLICE_FMT(told->source), why);
    (void)snprintf(source, sizeof source, "%.*s", SLICE_FMT(told->source));
    scheduler_log("error", "%s", text);
    session_notice(s, source, text);
}

static int take_schedules(struct session *s, struct schedules_answer *a)
{
    struct told_schedule told;
    char why[AGENDA_WHY_SIZE];
    int one;
    while ((one = schedules_answer_next(a, &told)) > 0) {
        int error = agenda_put(&s->agenda, &told, why);
        if (error == MUSTER_EINVAL)
            tell_unreadable(s, &told, why);
        else if (error)
            return error;
    }
    return one;
}

static void on_poll(struct session *s)
{
    muster_reply_t *reply = NULL;
    struct schedules_answer a;
    int error = take(s, &s->poll, "SCHEDULES", &reply);
    if (!error) {
        error = schedules_answer_read(buf_slice(&reply->body), &a);
        if (!error) {
            hear_clock(s, a.now_ms);
            if (a.reset || a.epoch != s->epoch)
                start_over(s, a.epoch);
            error = take_schedules(s, &a);
        }
        if (error)
            tell_trouble(s, "SCHEDULES", error, NULL);
    }
    if (error) { /* all of it again: part of it may have been missed */
        s->poll_at_ms = clock_ms() + RETRY_MS;
        session_read_again(s);
    } else {
        bool empty = !a.reset && a.revision == s->after && !reply->more;
        if (empty && s->poll_held) /* a broker that does not hold it is not asked at once again */
            s->poll_at_ms = s->poll_sent_ms + RETRY_MS;
        s->after = a.revision;
        if (!reply->more)
            s->since = 0;
        else if (a.reset || !s->since)
            s->since = a.newest;
        s->synced = s->synced || (s->poll_fresh && !reply->more);
    }
    muster_reply_destroy(&reply);
}

void session_read_again(struct session *s)
{
    s->read_again = true; /* not by `after`: an answer on its way sets that */
}

/* ---- FIRE ---- */

static bool send_fire(struct session *s, struct flight *f)
{
    if (!agenda_due(&s->agenda, broker_ms(s), &f->fire))
        return false;
    if (fire_message_send(s->client, s->epoch, &f->fire, s->answer_fd, &f->call)) {
        f->call = NULL;
        agenda_refused(&s->agenda, &f->fire, broker_ms(s));
        return false;
    }
    return true;
}

static void send_fires(struct session *s)
{
    for (size_t i = 0; i < SESSION_FIRES; i++)
        if (!s->flights[i].call && !send_fire(s, &s->flights[i]))
            return;
}

static bool has_free_flight(const struct session *s)
{
    for (size_t i = 0; i < SESSION_FIRES; i++)
        if (!s->flights[i].call)
            return true;
    return false;
}

static void on_fired(struct session *s, struct flight *f)
{
    muster_reply_t *reply = NULL;
    struct fire_answer answer;
    int error = take(s, &f->call, "FIRE", &reply);
    if (!error && f->fire.count) {
        error = fire_answer_read(buf_slice(&reply->body), f->fire.count, &answer);
        if (error)
            tell_trouble(s, "FIRE", error, NULL);
    }
    if (error) {
        agenda_refused(&s->agenda, &f->fire, broker_ms(s));
    } else if (f->fire.count) {
        hear_clock(s, answer.now_ms);
        agenda_judged(&s->agenda, &f->fire, &answer);
    }
    f->fire.count = 0;
    muster_reply_destroy(&reply);
}

/* ---- NOTICE ---- */

/* One line without control characters, cut between characters. */
static void copy_line(char *to, size_t size, const char *from)
{
    size_t len = strlen(from);
    if (len >= size) {
        len = size - 1;
        while (len > 0 && ((unsigned char)from[len] & 0xc0) == 0x80)
            len--;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)from[i], next = (unsigned char)from[i + 1];
        bool two = c == 0xc2 && next >= 0x80 && next < 0xa0;
        to[i] = c < ' ' || c == 0x7f ? ' ' : from[i];
        if (two) { /* U+0080 to U+009F */
            to[i++] = ' ';
            to[i] = ' ';
        }
    }
    to[len] = '\0';
}

void session_notice(struct session *s, const char *source, const char *text)
{
    source = source ? source : s->source;
    if (!source || s->notice_count == SESSION_NOTICES)
        return;
    (void)snprintf(s->notices[s->notice_count].source, NAME_MAX_BYTES + 1, "%s", source);
    copy_line(s->notices[s->notice_count].text, sizeof s->notices[0].text, text);
    s->notice_count++;
}

static void send_notice(struct session *s)
{
    struct msg m = {.type = MSG_NOTICE};
    m.notice.source = slice_str(s->notices[0].source);
    m.notice.code = slice_str(err_code(MUSTER_EINVAL));
    m.notice.text = slice_str(s->notices[0].text);
    if (client_ask(s->client, &m, 0, s->answer_fd, &s->notice))
        s->notice = NULL;
    s->notice_count--;
    memmove(&s->notices[0], &s->notices[1], s->notice_count * sizeof s->notices[0]);
}

/* ---- turns ---- */

/* What was on its way may wait there for long: when the broker is back, other nominal times may be
 * owed, by a clock that has jumped. So it is asked anew then; twice does no harm. */
static void forget_fires(struct session *s)
{
    for (size_t i = 0; i < SESSION_FIRES; i++) {
        if (!s->flights[i].call)
            continue;
        let_go(s, &s->flights[i].call);
        agenda_refused(&s->agenda, &s->flights[i].fire, broker_ms(s));
        s->flights[i].fire.count = 0;
    }
    s->clock_known = false;
}

static void look_at_connection(struct session *s, uint64_t now_ms)
{
    bool connected = client_first_connected(s->client);
    if (connected && s->away_told)
        scheduler_log("info", "the broker at %s answers", s->broker);
    if (!connected && !s->away_told && (s->connected || now_ms >= s->begun_ms + AWAY_MS)) {
        scheduler_log("warn", "no broker answers at %s: waiting for it", s->broker);
        s->away_told = true;
    }
    if (!connected && s->connected)
        forget_fires(s);
    s->away_told = s->away_told && !connected;
    s->connected = connected;
}

static void take_signals(struct session *s)
{
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            s->reload = true;
        else
            s->stop = true;
    }
}

static void take_answers(struct session *s)
{
    uint64_t count;
    (void)!read(s->answer_fd, &count, sizeof count);
    for (size_t i = 0; i < SESSION_FIRES; i++)
        if (s->flights[i].call && client_answered(s->client, s->flights[i].call))
            on_fired(s, &s->flights[i]);
    if (s->poll && client_answered(s->client, s->poll))
        on_poll(s);
    if (s->notice && client_answered(s->client, s->notice)) {
        muster_reply_t *reply = NULL;
        (void)!take(s, &s->notice, "NOTICE", &reply);
        muster_reply_destroy(&reply);
    }
}

static void send_all(struct session *s, uint64_t now_ms)
{
    if (s->firing && s->clock_known && !s->stop)
        send_fires(s);
    if (!s->poll && !s->stop && now_ms >= s->poll_at_ms)
        send_poll(s);
    if (!s->notice && s->notice_count)
        send_notice(s);
}

/* How long nothing is to be done. */
static int pause_ms(const struct session *s, uint64_t until_ms)
{
    uint64_t now_ms = clock_ms(), end_ms = now_ms + TURN_MAX_MS;
    if (until_ms < end_ms)
        end_ms = until_ms;
    if (!s->poll && !s->stop && s->poll_at_ms < end_ms)
        end_ms = s->poll_at_ms;
    if (s->firing && s->clock_known && !s->stop && has_free_flight(s)) {
        uint64_t due_ms = agenda_deadline_ms(&s->agenda), broker_now_ms = broker_ms(s);
        if (due_ms <= broker_now_ms)
            return 0;
        if (due_ms - broker_now_ms < end_ms - (now_ms < end_ms ? now_ms : end_ms))
            end_ms = now_ms + (due_ms - broker_now_ms);
    }
    return end_ms > now_ms ? (int)(end_ms - now_ms) : 0;
}

void session_turn(struct session *s, uint64_t until_ms)
{
    uint64_t now_ms = clock_ms();
    struct pollfd fds[] = {{.fd = s->answer_fd, .events = POLLIN},
                           {.fd = s->signal_fd, .events = POLLIN}};
    look_at_connection(s, now_ms);
    send_all(s, now_ms);
    if (poll(fds, sizeof fds / sizeof fds[0], pause_ms(s, until_ms)) < 0 && errno != EINTR)
        s->failed = MUSTER_EIO;
    take_signals(s);
    take_answers(s);
}

/* ---- what the caller asks ---- */

int session_ask(struct session *s, struct msg *request, muster_reply_t **ret_reply)
{
    struct call *call;
    *ret_reply = NULL;
    int error = client_ask(s->client, request, 0, s->answer_fd, &call);
    if (error)
        return error;
    while (!s->stop && !s->failed && !client_answered(s->client, call))
        session_turn(s, UINT64_MAX);
    if (client_answered(s->client, call))
        return client_take(s->client, call, 0, ret_reply);
    let_go(s, &call);
    return s->failed ? s->failed : MUSTER_ECLOSED;
}

int session_sync(struct session *s)
{
    s->synced = false;
    if (!s->poll_fresh)
        let_go(s, &s->poll); /* it is held */
    while (!s->synced && !s->stop && !s->failed)
        session_turn(s, UINT64_MAX);
    return s->failed ? s->failed : s->synced ? 0 : MUSTER_ECLOSED;
}

static bool is_flying(const struct session *s)
{
    for (size_t i = 0; i < SESSION_FIRES; i++)
        if (s->flights[i].call)
            return true;
    return s->notice || s->notice_count;
}

void session_finish(struct session *s)
{
    uint64_t end_ms = clock_ms() + FINISH_MS;
    s->stop = true;
    while (!s->failed && s->connected && is_flying(s) && clock_ms() < end_ms)
        session_turn(s, end_ms);
}
