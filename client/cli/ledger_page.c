/* ledger_page.c: LEDGER and its answer. */
#include "cli/ledger_page.h"

#include "cli/schedules.h"
#include "json.h"

uint64_t ledger_number(const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    json_int_t number = json_integer_value(value);
    return number > 0 ? (uint64_t)number : 0;
}

static int take(struct cli *cli, struct ledger_question *q, const muster_reply_t *reply,
                json_t **ret_rows, bool *ret_more)
{
    json_t *rows = msgpack_to_jansson(cli_body(reply));
    size_t count = json_array_size(rows);
    uint64_t last = count ? ledger_number(json_array_get(rows, count - 1), "nominal") : 0;
    bool forward = count == 0 || (last && (!q->before_ms || last < q->before_ms));
    if (!json_is_array(rows) || !forward) {
        json_decref(rows);
        return cli_error(cli, MUSTER_EPROTO, "the broker's answer cannot be read");
    }
    if (count)
        q->before_ms = last;
    *ret_more = count && muster_reply_more(reply, NULL);
    *ret_rows = rows;
    return 0;
}

int ledger_page_read(struct cli *cli, struct ledger_question *q, json_t **ret_rows, bool *ret_more)
{
    muster_reply_t *reply;
    struct msg m = {.type = MSG_LEDGER};
    m.ledger.name = slice_str(q->name);
    m.ledger.before_ms = q->before_ms;
    m.ledger.from_ms = q->from_ms;
    m.ledger.limit = q->limit;
    *ret_rows = NULL;
    *ret_more = false;
    int error = schedules_ask(cli, &m, &reply);
    int status = error == MUSTER_ENOTFOUND ? schedules_not_found(cli, q->name)
                 : error                   ? cli_reply_error(cli, error, reply, "")
                                           : take(cli, q, reply, ret_rows, ret_more);
    muster_reply_destroy(&reply);
    return status;
}
