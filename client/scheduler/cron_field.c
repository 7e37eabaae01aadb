/* cron_field.c: the table of fields. */
#include "scheduler/cron_field.h"

#include <strings.h>

#define WORD_BYTES 3

const struct cron_field_rule *cron_field_rule(enum cron_field field)
{
    static const struct cron_field_rule rules[CRON_FIELDS + 1] = {
        [CRON_SECOND] = {"second", 0, 59, ""},
        [CRON_MINUTE] = {"minute", 0, 59, ""},
        [CRON_HOUR] = {"hour", 0, 23, ""},
        [CRON_DAY] = {"day of month", 1, 31, ""},
        [CRON_MONTH] = {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"},
        [CRON_WEEKDAY] = {"day of week", 0, 7, "sunmontuewedthufrisat"},
        [CRON_FIELDS] = {"expression", 0, 0, ""},
    };
    return &rules[field];
}

int cron_field_word(enum cron_field field, struct slice word)
{
    const struct cron_field_rule *rule = cron_field_rule(field);
    if (word.len != WORD_BYTES)
        return -1;
    for (int i = 0; rule->words[i * WORD_BYTES]; i++)
        if (strncasecmp((const char *)word.data, rule->words + i * WORD_BYTES, WORD_BYTES) == 0)
            return rule->min + i;
    return -1;
}
