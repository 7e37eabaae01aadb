/* trace_words.c: the words of a command. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "trace.h"

void trace_wrong(const struct trace *t, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%u: ", t->file, t->line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

void command_cut(struct trace *t, struct command *c, const char *line)
{
    if (strlen(line) >= sizeof c->text)
        trace_wrong(t, "the line is too long");
    memcpy(c->text, line, strlen(line) + 1);
    c->count = 0;
    for (char *at = c->text; *at;) {
        at += strspn(at, " \t\n");
        if (!*at)
            break;
        if (c->count == TRACE_WORDS)
            trace_wrong(t, "there are too many words");
        c->words[c->count++] = at;
        at += strcspn(at, " \t\n");
        if (*at)
            *at++ = '\0';
    }
}

const char *command_option(const struct command *c, const char *key)
{
    size_t len = strlen(key);
    for (uint32_t i = 1; i < c->count; i++)
        if (strncmp(c->words[i], key, len) == 0 && c->words[i][len] == '=')
            return c->words[i] + len + 1;
    return NULL;
}

bool command_has(const struct command *c, const char *word)
{
    for (uint32_t i = 1; i < c->count; i++)
        if (strcmp(c->words[i], word) == 0)
            return true;
    return false;
}

uint64_t trace_number(const struct trace *t, const char *text)
{
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end)
        trace_wrong(t, "%s is no number", text);
    return value;
}

uint64_t trace_time(const struct trace *t, const char *text)
{
    uint64_t ms;
    if (duration_parse(text, &ms) != 0)
        trace_wrong(t, "%s is no duration", text);
    return ms;
}

uint64_t command_number(const struct trace *t, const struct command *c, const char *key,
                        uint64_t otherwise)
{
    const char *value = command_option(c, key);
    return value ? trace_number(t, value) : otherwise;
}

uint64_t command_time(const struct trace *t, const struct command *c, const char *key,
                      uint64_t otherwise)
{
    const char *value = command_option(c, key);
    return value ? trace_time(t, value) : otherwise;
}

const char *command_word(const struct trace *t, const struct command *c, uint32_t n)
{
    for (uint32_t i = 1; i < c->count; i++)
        if (!strchr(c->words[i], '=') && n-- == 0)
            return c->words[i];
    trace_wrong(t, "%s wants more", c->words[0]);
}

uint32_t command_plain(const struct command *c)
{
    uint32_t count = 0;
    for (uint32_t i = 1; i < c->count; i++)
        count += strchr(c->words[i], '=') == NULL;
    return count;
}

uint32_t trace_list(char *text, char **items, uint32_t max)
{
    uint32_t count = 0;
    while (*text && count < max) {
        items[count++] = text;
        text += strcspn(text, ",");
        if (*text)
            *text++ = '\0';
    }
    return count;
}
