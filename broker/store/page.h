/* page.h: the memory behind the store's answers: an arena that is a blob, so that the core can hold
 * it for as long as anything in it is needed. */
#ifndef STORE_PAGE_H
#define STORE_PAGE_H

#include "core/batch.h"

struct page; /* begins with its struct blob */

struct page *page_new(void); /* NULL when out of memory */
/* Aligned and zeroed memory that lives as long as the blob; NULL when out of memory. */
void *page_alloc(struct page *p, size_t size);
/* A copy; with data NULL and a length of 0 when out of memory. */
struct slice page_copy(struct page *p, struct slice bytes);
/* Copies what the spec's slices point to; false when out of memory. */
bool page_spec(struct page *p, struct job_spec *spec);
/* Hands over the one reference. blob->bytes.len says how much memory it holds. */
struct blob *page_blob(struct page *p);
/* Bytes taken so far. */
size_t page_used(const struct page *p);
void page_free(struct page *p);

#endif
