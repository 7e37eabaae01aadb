/* zones.h: the time zones of this machine's tzdata, each read when it is first asked for and kept.
 * UTC (also as Etc/UTC) is there without any file. */
#ifndef SCHEDULER_ZONES_H
#define SCHEDULER_ZONES_H

#include "scheduler/zone.h"

struct zones;

/* `directory` is where the files are; NULL: $TZDIR, or /usr/share/zoneinfo. It need not exist: then
 * there is UTC alone. The caller calls zones_free(). 0, MUSTER_ENOMEM, MUSTER_ETOOBIG (its path).
 */
int zones_new(struct zones **ret, const char *directory);
void zones_free(struct zones *zs); /* NULL is fine; frees its zones */
/* The zone of that name; it stays valid until zones_free(). MUSTER_ENOTFOUND; MUSTER_EINVAL: what
 * can be no name ("../x", "localtime"), or a file that counts leap seconds; MUSTER_EDAMAGED,
 * MUSTER_EIO, MUSTER_ETOOBIG (the file); MUSTER_ENOMEM. zones_error() has the reason. What was not
 * there is remembered: it is looked for again after zones_reload(). */
int zones_find(struct zones *zs, struct slice name, const struct zone **ret);
/* The last error of zones_find() or zones_reload() as a sentence for people, with the nearest name
 * or what to do: `there is no time zone "Asia/Tokio" in /usr/share/zoneinfo; the nearest is
 * "Asia/Tokyo"`. Empty when the last call went well; valid until the next one. */
const char *zones_error(const struct zones *zs);
/* The name nearest to a mistyped one, or NULL when none is near enough; valid until zones_reload().
 * Case does not count, and "Tokyo" is near to Asia/Tokyo. */
const char *zones_nearest(struct zones *zs, struct slice name);
/* Reads the files again that changed since they were read: zones keep their place in memory, only
 * their content is replaced. A file that vanished or broke leaves its zone as it was, and is told
 * by zones_error(). True when a zone has other rules than before. */
bool zones_reload(struct zones *zs);

#endif
