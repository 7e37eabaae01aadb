/* options.h: the command line of musterd. */
#ifndef RUN_OPTIONS_H
#define RUN_OPTIONS_H

#include "run/config.h"

enum options_verdict {
    OPTIONS_RUN,     /* start with the settings */
    OPTIONS_VERIFY,  /* check c->data */
    OPTIONS_RESTORE, /* restore c->restore into c->data */
    OPTIONS_DONE,    /* --help, --version or --check-config has been answered: exit with 0 */
    OPTIONS_WRONG    /* what is wrong was said on stderr: exit with 2 */
};

/* Reads flags, environment and file into `c`, which config_fini releases whatever the verdict. */
enum options_verdict options_read(struct config *c, int argc, char **argv);

#endif
