/* ends.c: ends by job id, and those that were told too early. */
#include "ends.h"

#include <stdlib.h>

#include "base/err.h"

struct end_waiter {
    muster_end_fn *on_end;
    void *user;
    struct end_waiter *next; /* in ends.spare */
};

void ends_init(struct ends *e, ends_deliver_fn *deliver, void *context)
{
    e->deliver = deliver;
    e->context = context;
    idmap_init(&e->waiting);
    e->spare = NULL;
    list_init(&e->early);
}

void ends_forget_early(struct ends *e)
{
    LIST_FOREACH_SAFE (it, &e->early) {
        list_remove(it);
        free(CONTAINER_OF(it, struct end_copy, link));
    }
}

void ends_fini(struct ends *e)
{
    size_t cursor = 0;
    void *waiter;
    while ((waiter = idmap_next(&e->waiting, &cursor, NULL)))
        free(waiter);
    idmap_fini(&e->waiting);
    while (e->spare) {
        struct end_waiter *w = e->spare;
        e->spare = w->next;
        free(w);
    }
    ends_forget_early(e);
}

int ends_expect(struct ends *e, uint64_t id, muster_end_fn *on_end, void *user)
{
    LIST_FOREACH (it, &e->early) {
        struct end_copy *early = CONTAINER_OF(it, struct end_copy, link);
        if (early->end.id != id)
            continue;
        list_remove(it);
        e->deliver(e->context, on_end, user, &early->end);
        free(early);
        return 0;
    }
    struct end_waiter *w = idmap_get(&e->waiting, id);
    if (w) { /* a broker that gives an id twice: the last one hears */
        *w = (struct end_waiter){on_end, user, NULL};
        return 0;
    }
    w = e->spare;
    if (w)
        e->spare = w->next;
    else if (!(w = malloc(sizeof *w)))
        return MUSTER_ENOMEM;
    *w = (struct end_waiter){on_end, user, NULL};
    int error = idmap_put(&e->waiting, id, w);
    if (error)
        free(w);
    return error;
}

struct end_copy *end_copy_new(const struct muster_end *end)
{
    size_t code = strlen(end->code) + 1, message = strlen(end->message) + 1;
    struct end_copy *copy = malloc(sizeof *copy + end->result_bytes + code + message);
    if (!copy)
        return NULL;
    char *text = (char *)(copy + 1);
    *copy = (struct end_copy){.end = *end};
    copy->end.code = memcpy(text, end->code, code);
    copy->end.message = memcpy(text + code, end->message, message);
    copy->end.result = NULL;
    if (end->result_bytes)
        copy->end.result = memcpy(text + code + message, end->result, end->result_bytes);
    list_init(&copy->link);
    return copy;
}

static int keep_early(struct ends *e, const struct muster_end *end)
{
    struct end_copy *early = end_copy_new(end);
    if (!early)
        return MUSTER_ENOMEM;
    list_push_back(&e->early, &early->link);
    return 0;
}

int ends_tell(struct ends *e, const struct muster_end *end, bool keep)
{
    struct end_waiter *w = idmap_remove(&e->waiting, end->id);
    if (!w)
        return keep ? keep_early(e, end) : 0;
    muster_end_fn *on_end = w->on_end;
    void *user = w->user;
    w->next = e->spare;
    e->spare = w;
    e->deliver(e->context, on_end, user, end);
    return 0;
}
