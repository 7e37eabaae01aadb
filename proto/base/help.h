/* help.h: how the texts of --help are laid out. */
#ifndef BASE_HELP_H
#define BASE_HELP_H

/* Prints words in lines that begin at `column`, where the cursor stands, and a newline. */
void help_print(const char *text, int column);

#endif
