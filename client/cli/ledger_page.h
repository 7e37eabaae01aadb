/* ledger_page.h: the ledger of a schedule, asked page by page. */
#ifndef CLI_LEDGER_PAGE_H
#define CLI_LEDGER_PAGE_H

#include <jansson.h>

#include "cli/cli.h"

#define LEDGER_PAGE_ROWS 1000

struct ledger_question {
    const char *name;            /* of the schedule */
    uint64_t before_ms, from_ms; /* nominal times of [from, before); 0: no bound */
    uint32_t limit;              /* rows of a page */
};

/* The next rows, newest first, as maps of the protocol; `before_ms` goes on to the page after them.
 * 0, or the exit status after it has said what is wrong. *ret_more: there are further rows. The
 * caller releases *ret_rows, which is NULL after an error. */
int ledger_page_read(struct cli *cli, struct ledger_question *q, json_t **ret_rows, bool *ret_more);
/* A number of a row; 0: none, or nil. */
uint64_t ledger_number(const json_t *row, const char *key);

#endif
