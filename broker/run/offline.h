/* offline.h: what musterd does with a data directory instead of serving it. */
#ifndef RUN_OFFLINE_H
#define RUN_OFFLINE_H

/* Each prints what it found on stdout, errors on stderr, progress on a terminal, and returns the
 * exit status: 0; EXIT_STORE, it cannot be read or written; EXIT_USAGE, there is nothing to check,
 * or the place is taken; EXIT_DATA, damaged, in use or newer. */
int offline_verify(const char *data);
int offline_restore(const char *backup, const char *data);

#endif
