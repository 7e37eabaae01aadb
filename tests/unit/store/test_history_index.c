/* test_history_index.c: the index against a plain array. */
#include "fixture.h"

#include <stdlib.h>

#include "base/rng.h"

#define MODEL_MAX 200000

struct model {
    struct history_index index;
    struct history_entry *all;
    size_t count;
    uint32_t first, next; /* rows */
    struct rng rng;
};

static void add_row(struct model *m, size_t count, uint64_t base, uint64_t spread)
{
    struct history_entry entries[600];
    for (size_t i = 0; i < count; i++) {
        uint64_t id = base + i * 256 + rng_below(&m->rng, spread) * 256 * 600;
        entries[i] = (struct history_entry){.id = id, .row = m->next, .place = (uint32_t)i};
    }
    history_sort(entries, count);
    assert_int_equal(history_index_add(&m->index, entries, count, m->first), 0);
    memcpy(m->all + m->count, entries, count * sizeof(*entries));
    m->count += count;
    m->next++;
}

static void trim_row(struct model *m)
{
    uint64_t jobs = 0;
    for (size_t i = 0; i < m->count; i++)
        jobs += m->all[i].row == m->first;
    m->first++;
    size_t kept = 0;
    for (size_t i = 0; i < m->count; i++)
        if (!history_row_gone(m->all[i].row, m->first))
            m->all[kept++] = m->all[i];
    m->count = kept;
    history_index_trimmed(&m->index, jobs, m->first);
}

static void check_seek(struct model *m, uint64_t id)
{
    struct history_entry found;
    const struct history_entry *best = NULL;
    for (size_t i = 0; i < m->count; i++)
        if (m->all[i].id >= id && (!best || m->all[i].id < best->id))
            best = &m->all[i];
    assert_int_equal(history_index_seek(&m->index, id, m->first, &found), best != NULL);
    if (best)
        assert_int_equal(found.id, best->id);
}

static void run(uint64_t spread, uint32_t first_row)
{
    struct model m = {.rng = {spread + 1}, .first = first_row, .next = first_row};
    m.all = malloc(MODEL_MAX * sizeof(*m.all));
    history_index_init(&m.index);
    for (int round = 0; round < 300; round++) {
        add_row(&m, 1 + (size_t)rng_below(&m.rng, 500), (uint64_t)round * 256 * 600, spread);
        if (round > 150)
            trim_row(&m);
        for (int n = 0; n < 3; n++)
            check_seek(&m, rng_below(&m.rng, (uint64_t)(round + 2) * 256 * 600));
    }
    assert_int_equal(m.index.live, m.count);
    while (m.first != m.next)
        trim_row(&m);
    check_seek(&m, 0);
    history_index_fini(&m.index);
    free(m.all);
}

static void in_order(void **state)
{
    (void)state;
    run(1, 1);
}

static void far_out_of_order(void **state)
{
    (void)state;
    run(250, 1);
}

static void row_numbers_wrap(void **state)
{
    (void)state;
    run(20, UINT32_MAX - 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),
        cmocka_unit_test(far_out_of_order),
        cmocka_unit_test(row_numbers_wrap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
