/* file_watch.h: whether a file has another content than before, however that came: written in
 * place, renamed over, or behind a symbolic link that was switched (as Kubernetes does). It is
 * looked at now and then instead of being listened to, which works on every file system. */
#ifndef SCHEDULER_FILE_WATCH_H
#define SCHEDULER_FILE_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define FILE_WATCH_LOOK_MS 500 /* from look to look */

struct file_watch {
    const char *path; /* borrowed */
    struct stat stat; /* all zero: it is not there */
    uint64_t hash;    /* of the content that is known */
    bool there;       /* that content could be read */
    bool unsettled;   /* it has changed at the last look: perhaps it is still being written */
};

/* What the file has now is known. To be called before it is read, so that no change is missed. */
void file_watch_begin(struct file_watch *w, const char *path);
/* Whether it has something else now (or is gone, or back), and has been left alone since the look
 * before. That is known then. */
bool file_watch_look(struct file_watch *w);

#endif
