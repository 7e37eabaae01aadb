/* options.h: muster-worker's command line. */
#ifndef WORKER_OPTIONS_H
#define WORKER_OPTIONS_H

#include "settings.h"

/* Flags before environment before file before default. Ends the program with status 2 after saying
 * what is wrong, with 0 after --help and --version. */
void options_read(int argc, char **argv, struct settings *ret);

#endif
