/* yaml_keys.c: sorts a map's keys to find those that stand twice, and merges maps.
 *
 * In a map the order of the keys is that of their nodes' numbers, also of those that are merged in:
 * they are copied behind all others. So where two keys are equal, the lower number wins. */
#include "yaml_keys.h"

#include <stdlib.h>

#define MERGE_KEY "<<"

void yaml_keys_fini(struct yaml_keys *k)
{
    free(k->numbers);
    *k = (struct yaml_keys){0};
}

/* Quoted it is a key like any other. */
static bool is_merge(const struct yaml_tree *t, const struct yaml_node *key)
{
    return key->style == YAML_PLAIN && slice_is(yaml_text(t, key), MERGE_KEY);
}

/* ---- sorting ---- */

static int compare_numbers(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static int compare_keys(const void *a, const void *b, void *tree)
{
    const struct yaml_tree *t = tree;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    struct slice left = yaml_text(t, &t->nodes[x]), right = yaml_text(t, &t->nodes[y]);
    if (left.len != right.len)
        return left.len < right.len ? -1 : 1;
    int order = memcmp(left.data, right.data, left.len);
    if (order == 0)
        order = is_merge(t, &t->nodes[x]) - is_merge(t, &t->nodes[y]);
    return order ? order : compare_numbers(a, b);
}

static bool same_key(const struct yaml_tree *t, uint32_t a, uint32_t b)
{
    return is_merge(t, &t->nodes[a]) == is_merge(t, &t->nodes[b]) &&
           slice_eq(yaml_text(t, &t->nodes[a]), yaml_text(t, &t->nodes[b]));
}

/* The map's keys by text; equal ones by number. */
static int sort_keys(struct yaml_keys *k, struct yaml_tree *t, const struct yaml_node *map)
{
    struct yaml_pair pair = {0};
    size_t count = map->count / 2;
    if (count > k->cap) {
        uint32_t *numbers = realloc(k->numbers, 2 * count * sizeof *numbers);
        if (!numbers)
            return MUSTER_ENOMEM;
        k->numbers = numbers;
        k->cap = 2 * count;
    }
    k->count = 0;
    while (yaml_next_pair(t, map, &pair))
        k->numbers[k->count++] = (uint32_t)(pair.key - t->nodes);
    if (count > 1)
        qsort_r(k->numbers, count, sizeof *k->numbers, compare_keys, t);
    return 0;
}

static void note_doubles(const struct yaml_keys *k, const struct yaml_tree *t,
                         struct yaml_faults *faults)
{
    for (size_t i = 1; i < k->count; i++) {
        const struct yaml_node *first = &t->nodes[k->numbers[i - 1]];
        const struct yaml_node *again = &t->nodes[k->numbers[i]];
        if (same_key(t, k->numbers[i - 1], k->numbers[i]))
            yaml_faults_add(faults, again->line, again->column,
                            "\"%.128s\" is set in line %u already", yaml_cstr(t, again),
                            first->line);
    }
}

/* ---- merging ---- */

/* Copies the pairs of another map behind the last node of this one. */
static int append_pairs(struct yaml_tree *t, uint32_t map, uint32_t *last, uint32_t source)
{
    for (uint32_t from = t->nodes[source].first; from; from = t->nodes[from].next) {
        struct yaml_node copy = t->nodes[from];
        uint32_t number;
        copy.next = 0;
        int error = yaml_tree_add(t, &copy, &number);
        if (error)
            return error;
        t->nodes[*last].next = number;
        *last = number;
        t->nodes[map].count++;
    }
    return 0;
}

/* `value`: of a merge key. */
static int append_value(struct yaml_tree *t, uint32_t map, uint32_t *last, uint32_t value,
                        struct yaml_faults *faults)
{
    bool many = t->nodes[value].kind == YAML_LIST;
    uint32_t source = many ? t->nodes[value].first : value;
    int error = 0;
    while (!error && source) {
        const struct yaml_node *node = &t->nodes[source];
        if (node->kind != YAML_MAP) {
            yaml_faults_add(faults, node->line, node->column,
                            MERGE_KEY " takes a map or a list of maps: " MERGE_KEY ": *name");
            return MUSTER_EINVAL;
        }
        error = append_pairs(t, map, last, source);
        source = many ? t->nodes[source].next : 0;
    }
    return error;
}

/* The last node in the map. */
static uint32_t last_of(const struct yaml_tree *t, uint32_t map)
{
    uint32_t last = t->nodes[map].first;
    while (t->nodes[last].next)
        last = t->nodes[last].next;
    return last;
}

/* Chains the map anew: without merge keys, and of equal keys with the first alone. */
static void drop_keys(struct yaml_keys *k, struct yaml_tree *t, uint32_t map)
{
    size_t kept = 0;
    uint32_t before = 0, *link = &t->nodes[map].first;
    for (size_t i = 0; i < k->count; i++) {
        uint32_t key = k->numbers[i];
        bool first = before == 0 || !same_key(t, before, key);
        if (first && !is_merge(t, &t->nodes[key]))
            k->numbers[kept++] = key;
        before = key;
    }
    qsort(k->numbers, kept, sizeof *k->numbers, compare_numbers);
    for (size_t i = 0; i < kept; i++) {
        *link = k->numbers[i];
        link = &t->nodes[t->nodes[k->numbers[i]].next].next;
    }
    *link = 0;
    t->nodes[map].count = (uint32_t)(2 * kept);
}

static int merge(struct yaml_keys *k, struct yaml_tree *t, uint32_t map, struct yaml_faults *faults)
{
    uint32_t last = last_of(t, map);
    int error = 0;
    for (uint32_t key = t->nodes[map].first; !error && key;) {
        uint32_t value = t->nodes[key].next;
        if (is_merge(t, &t->nodes[key]))
            error = append_value(t, map, &last, value, faults);
        key = t->nodes[value].next;
    }
    if (!error)
        error = sort_keys(k, t, &t->nodes[map]);
    if (!error)
        drop_keys(k, t, map);
    return error;
}

int yaml_keys_close(struct yaml_keys *k, struct yaml_tree *t, uint32_t map,
                    struct yaml_faults *faults)
{
    bool merges = false;
    int error = sort_keys(k, t, &t->nodes[map]);
    if (error)
        return error;
    note_doubles(k, t, faults);
    for (size_t i = 0; i < k->count; i++)
        merges = merges || is_merge(t, &t->nodes[k->numbers[i]]);
    return merges ? merge(k, t, map, faults) : 0;
}
