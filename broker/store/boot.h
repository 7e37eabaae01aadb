/* boot.h: reading what the core starts from. */
#ifndef STORE_BOOT_H
#define STORE_BOOT_H

#include "store/inner.h"

/* Fills *ret inside a transaction. After an error ret->memory may be set: call boot_free. */
int boot_read(struct store *s, struct boot *ret) MUSTER_MUSTCHECK;
/* The counters of all queues as this transaction leaves them. */
int queues_copy(struct store *s, struct page *page, struct queue_info **ret,
                uint32_t *ret_count) MUSTER_MUSTCHECK;

/* The schedules, and the highest number that one ever had. */
int boot_schedules(struct store *s, struct page *page, struct boot *ret) MUSTER_MUSTCHECK;

#endif
