/* view.h: everything about one job, put together for people from its record and attempts. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include "store/inner.h"

/* Copies what `r` borrows into `page`; reads the attempts of a job with a row by id. */
int view_of_record(struct store *s, const struct record *r, struct page *page,
                   struct job_view *ret) MUSTER_MUSTCHECK;

#endif
