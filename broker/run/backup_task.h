/* backup_task.h: the one backup that may be running: its thread, and who waits for it. */
#ifndef RUN_BACKUP_TASK_H
#define RUN_BACKUP_TASK_H

#include "base/err.h"
#include "core/action.h"

struct backup_task;
struct broker;
struct engine;

/* `engine` is the open store's and `data` its directory; both outlive the task. MUSTER_ENOMEM,
 * MUSTER_EIO. */
int backup_task_new(struct backup_task **ret, struct engine *engine,
                    const char *data) MUSTER_MUSTCHECK;
/* Breaks off what runs, and waits for that. */
void backup_task_free(struct backup_task **task);

/* Readable when the backup is over. */
int backup_task_fd(const struct backup_task *t);
bool backup_task_runs(const struct backup_task *t);
void backup_task_stop(struct backup_task *t);

/* ACT_BACKUP: begins one, or joins the one that was asked for under the same token; the answer is
 * held until it is over, or the time is. */
void backup_task_ask(struct broker *b, const struct action *a);
/* Answers whoever has waited long enough. */
void backup_task_turn(struct broker *b);
uint64_t backup_task_deadline(const struct backup_task *t);

#endif
