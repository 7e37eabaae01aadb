/* args_input.h: the ARGS of a command line: JSON, "-" for standard input, or @FILE. */
#ifndef CLI_ARGS_INPUT_H
#define CLI_ARGS_INPUT_H

#include "base/buf.h"
#include "cli/cli.h"

/* Appends it as msgpack. NULL is {}. 0, or the exit status after it has said what is wrong. */
int args_input_read(const struct cli *cli, const char *word, struct buf *out);

#endif
