/* store_thread.c: two lists under one lock; an eventfd wakes the loop, a condition wakes the
 * thread. */
#include "run/store_thread.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define GROUP_MAX 256 /* batches in one transaction */
#define WHY_BYTES 512

struct batch_list {
    struct batch *head, **tail;
};

struct store_thread {
    pthread_t thread;
    pthread_mutex_t lock; /* guards the lists, `stop`, `error` and `why` */
    pthread_cond_t wake;
    struct batch_list todo, done;
    bool stop;
    int error;
    char why[WHY_BYTES];
    int fd;
    struct store *store;
    uint32_t in_flight; /* the loop's own */
};

static void list_clear(struct batch_list *list)
{
    list->head = NULL;
    list->tail = &list->head;
}

static void list_add(struct batch_list *list, struct batch *batch)
{
    batch->next = NULL;
    *list->tail = batch;
    list->tail = &batch->next;
}

/* Waits for work; 0 when it is time to stop and all is done. */
static size_t gather(struct store_thread *t, struct batch *group[GROUP_MAX])
{
    size_t count = 0;
    pthread_mutex_lock(&t->lock);
    while (!t->todo.head && !t->stop)
        pthread_cond_wait(&t->wake, &t->lock);
    while (t->todo.head && count < GROUP_MAX) {
        group[count++] = t->todo.head;
        t->todo.head = t->todo.head->next;
    }
    if (!t->todo.head)
        list_clear(&t->todo);
    pthread_mutex_unlock(&t->lock);
    return count;
}

static void give_back(struct store_thread *t, struct batch *group[], size_t count, int error,
                      const char *why)
{
    pthread_mutex_lock(&t->lock);
    if (error) {
        t->error = error;
        snprintf(t->why, sizeof t->why, "%s", why);
    }
    for (size_t i = 0; i < count; i++)
        list_add(error ? &t->todo : &t->done, group[i]); /* not durable: never shown to the core */
    pthread_mutex_unlock(&t->lock);
    uint64_t one = 1;
    ssize_t written = write(t->fd, &one, sizeof one);
    (void)written; /* fails only when it is readable anyway */
}

static void *run(void *data)
{
    struct store_thread *t = data;
    struct batch *group[GROUP_MAX];
    char why[WHY_BYTES] = "";
    size_t count;
    while ((count = gather(t, group)) > 0) {
        int error = store_commit(t->store, group, count, why, sizeof why);
        give_back(t, group, count, error, why);
        if (error)
            break;
    }
    return NULL;
}

int store_thread_start(struct store_thread **ret, struct store *store)
{
    struct store_thread *t = calloc(1, sizeof *t);
    if (!t)
        return MUSTER_ENOMEM;
    t->store = store;
    list_clear(&t->todo);
    list_clear(&t->done);
    pthread_mutex_init(&t->lock, NULL);
    pthread_cond_init(&t->wake, NULL);
    t->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (t->fd >= 0 && pthread_create(&t->thread, NULL, run, t) == 0) {
        *ret = t;
        return 0;
    }
    if (t->fd >= 0)
        close(t->fd);
    free(t);
    return MUSTER_EIO;
}

int store_thread_stop(struct store_thread **thread)
{
    struct store_thread *t = *thread;
    if (!t)
        return 0;
    pthread_mutex_lock(&t->lock);
    t->stop = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    int error = t->error;
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    close(t->fd);
    free(t);
    *thread = NULL;
    return error;
}

void store_thread_give(struct store_thread *t, struct batch *batch)
{
    pthread_mutex_lock(&t->lock);
    bool first = !t->todo.head;
    list_add(&t->todo, batch);
    if (first)
        pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    t->in_flight++;
}

int store_thread_fd(const struct store_thread *t)
{
    return t->fd;
}

struct batch *store_thread_take(struct store_thread *t)
{
    uint64_t count;
    ssize_t got = read(t->fd, &count, sizeof count);
    (void)got; /* the list says what there is */
    pthread_mutex_lock(&t->lock);
    struct batch *head = t->done.head;
    list_clear(&t->done);
    pthread_mutex_unlock(&t->lock);
    for (struct batch *b = head; b; b = b->next)
        t->in_flight--;
    return head;
}

uint32_t store_thread_in_flight(const struct store_thread *t)
{
    return t->in_flight;
}

int store_thread_error(struct store_thread *t, char *why, size_t why_size)
{
    pthread_mutex_lock(&t->lock);
    int error = t->error;
    if (error)
        snprintf(why, why_size, "%s", t->why);
    pthread_mutex_unlock(&t->lock);
    return error;
}
