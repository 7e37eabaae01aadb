/* help.c: words in lines of one width. */
#include "base/help.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define HELP_WIDTH 98

void help_print(const char *text, int column)
{
    size_t at = (size_t)column;
    for (size_t len; *text; text += len) {
        bool space = *text == ' ';
        text += space;
        len = strcspn(text, " ");
        if (at + space + len > HELP_WIDTH) {
            printf("\n%*s", column, "");
            at = (size_t)column;
            space = false;
        }
        printf("%s%.*s", space ? " " : "", (int)len, text);
        at += space + len;
    }
    (void)putchar('\n');
}
