/* yaml_tree.c: makes a tree of libyaml's events, and says what is wrong in words for people. */
#include "yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include "base/file.h"
#include "utf8.h"

#define TEXT_MAX    (4 * (size_t)YAML_FILE_MAX) /* an escape may be shorter than what it means */
#define FIRST_NODES 256
#define UTF8_BOM    "\xef\xbb\xbf"

struct builder {
    yaml_parser_t parser;
    struct yaml_tree *tree;
    struct yaml_faults *faults;
    struct slice bytes;
    /* Lists and maps that are open, the outermost first, and the last node in each so far. */
    uint32_t open[YAML_DEPTH_MAX], last[YAML_DEPTH_MAX];
    uint32_t depth;
    uint32_t documents;
    /* Keys of the map that is closed just now. */
    uint32_t *keys;
    size_t keys_cap;
};

/* ---- what is wrong ---- */

static int refuse(struct builder *b, yaml_mark_t at, const char *what)
{
    yaml_faults_add(b->faults, (uint32_t)at.line + 1, (uint32_t)at.column + 1, "%s", what);
    return MUSTER_EINVAL;
}

static int no_memory(struct yaml_faults *faults)
{
    yaml_faults_add(faults, 0, 0, "out of memory");
    return MUSTER_ENOMEM;
}

/* The place of a byte that the parser never came to. */
static int refuse_byte(struct yaml_faults *faults, struct slice bytes, size_t offset,
                       const char *what)
{
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (bytes.data[i] == '\n') {
            line++;
            column = 1;
        } else if ((bytes.data[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    yaml_faults_add(faults, line, column, "%s", what);
    return MUSTER_EINVAL;
}

static size_t bom_of(struct slice bytes)
{
    size_t len = sizeof UTF8_BOM - 1;
    return bytes.len >= len && memcmp(bytes.data, UTF8_BOM, len) == 0 ? len : 0;
}

/* The byte at a mark, or 0 at the end: marks count characters. */
static uint8_t byte_at(struct slice bytes, size_t index)
{
    size_t at = bom_of(bytes);
    while (at < bytes.len && index-- > 0)
        at += utf8_sequence(slice_of(bytes.data + at, bytes.len - at));
    return at < bytes.len ? bytes.data[at] : 0;
}

/* A character that can begin no value. */
static int refuse_character(struct builder *b, yaml_mark_t at)
{
    uint8_t byte = byte_at(b->bytes, at.index);
    char what[96] = "YAML does not take this character here";
    if (byte == '\t')
        (void)snprintf(what, sizeof what, "a tab: YAML indents with spaces");
    else if (byte && strchr("@`%", byte))
        (void)snprintf(what, sizeof what, "what begins with %c stands in quotes: \"%c...\"", byte,
                       byte);
    return refuse(b, at, what);
}

/* libyaml's error. */
static int refuse_syntax(struct builder *b)
{
    const yaml_parser_t *p = &b->parser;
    const char *problem = p->problem ? p->problem : "not YAML";
    char what[256];
    if (p->error == YAML_MEMORY_ERROR)
        return no_memory(b->faults);
    if (p->error == YAML_READER_ERROR)
        return refuse_byte(b->faults, b->bytes, p->problem_offset, problem);
    if (p->context && strcmp(p->context, "while scanning an alias") == 0)
        return refuse(b, p->context_mark,
                      "what begins with * stands in quotes, as in cron: \"*/5 * * * *\"");
    if (strcmp(problem, "found character that cannot start any token") == 0)
        return refuse_character(b, p->problem_mark);
    (void)snprintf(what, sizeof what, "%s%s%s", problem, p->context ? " " : "",
                   p->context ? p->context : "");
    return refuse(b, p->problem_mark, what);
}

/* ---- nodes ---- */

/* A new node behind those that there are. */
static int add_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
                    uint32_t *ret_number)
{
    struct yaml_tree *t = b->tree;
    if (t->count == YAML_NODES_MAX)
        return refuse(b, event->start_mark, "more than 8388608 values in one file");
    if (t->count >= t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : FIRST_NODES;
        struct yaml_node *nodes = realloc(t->nodes, cap * sizeof *nodes);
        if (!nodes)
            return no_memory(b->faults);
        t->nodes = nodes;
        t->cap = cap;
    }
    t->nodes[t->count] = (struct yaml_node){
        .line = (uint32_t)event->start_mark.line + 1,
        .column = ((uint32_t)event->start_mark.column + 1) & 0xfffffff,
        .kind = kind & 3,
    };
    *ret_number = t->count++;
    return 0;
}

/* Puts the node into the innermost open list or map. */
static int link_node(struct builder *b, const yaml_event_t *event, uint32_t number)
{
    struct yaml_node *nodes = b->tree->nodes;
    if (b->depth == 0)
        return 0; /* the root */
    struct yaml_node *parent = &nodes[b->open[b->depth - 1]];
    bool is_key = parent->kind == YAML_MAP && parent->count % 2 == 0;
    if (is_key && nodes[number].kind != YAML_TEXT)
        return refuse(b, event->start_mark, "a key is a plain word");
    if (parent->count++)
        nodes[b->last[b->depth - 1]].next = number;
    else
        parent->first = number;
    b->last[b->depth - 1] = number;
    return 0;
}

static unsigned style_of(yaml_scalar_style_t style)
{
    if (style == YAML_PLAIN_SCALAR_STYLE)
        return YAML_PLAIN;
    bool block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE;
    return block ? YAML_BLOCK : YAML_QUOTED;
}

static int take_text(struct builder *b, const yaml_event_t *event)
{
    struct buf *text = &b->tree->text;
    const char *value = (const char *)event->data.scalar.value;
    size_t len = event->data.scalar.length;
    uint32_t number;
    if (memchr(value, '\0', len))
        return refuse(b, event->start_mark, "a NUL in a text");
    int error = add_node(b, event, YAML_TEXT, &number);
    if (error)
        return error;
    struct yaml_node *node = &b->tree->nodes[number];
    node->style = style_of(event->data.scalar.style) & 3;
    node->first = (uint32_t)text->len;
    node->count = (uint32_t)len;
    if (buf_append(text, value, len) || buf_append(text, "", 1))
        return no_memory(b->faults);
    return link_node(b, event, number);
}

static int open_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind)
{
    uint32_t number;
    if (b->depth == YAML_DEPTH_MAX)
        return refuse(b, event->start_mark, "lists and maps nested more than 64 deep");
    int error = add_node(b, event, kind, &number);
    if (!error)
        error = link_node(b, event, number);
    if (!error)
        b->open[b->depth++] = number;
    return error;
}

/* ---- keys that stand twice ---- */

static int compare_keys(const void *a, const void *b, void *tree)
{
    const struct yaml_tree *t = tree;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    struct slice left = yaml_text(t, &t->nodes[x]), right = yaml_text(t, &t->nodes[y]);
    if (left.len != right.len)
        return left.len < right.len ? -1 : 1;
    int order = memcmp(left.data, right.data, left.len);
    return order ? order : (x > y) - (x < y);
}

static int room_for_keys(struct builder *b, size_t count)
{
    if (count <= b->keys_cap)
        return 0;
    uint32_t *keys = realloc(b->keys, 2 * count * sizeof *keys);
    if (!keys)
        return no_memory(b->faults);
    b->keys = keys;
    b->keys_cap = 2 * count;
    return 0;
}

static int check_keys(struct builder *b, const struct yaml_node *map)
{
    struct yaml_pair pair = {0};
    size_t count = 0;
    int error = room_for_keys(b, map->count / 2);
    if (error)
        return error;
    while (yaml_next_pair(b->tree, map, &pair))
        b->keys[count++] = (uint32_t)(pair.key - b->tree->nodes);
    if (count > 1)
        qsort_r(b->keys, count, sizeof *b->keys, compare_keys, b->tree);
    for (size_t i = 1; i < count; i++) {
        const struct yaml_node *first = &b->tree->nodes[b->keys[i - 1]];
        const struct yaml_node *again = &b->tree->nodes[b->keys[i]];
        if (slice_eq(yaml_text(b->tree, first), yaml_text(b->tree, again)))
            yaml_faults_add(b->faults, again->line, again->column,
                            "\"%.128s\" is set in line %u already", yaml_cstr(b->tree, again),
                            first->line);
    }
    return 0;
}

static int close_node(struct builder *b)
{
    const struct yaml_node *node = &b->tree->nodes[b->open[--b->depth]];
    return node->kind == YAML_MAP ? check_keys(b, node) : 0;
}

/* ---- events ---- */

static bool has_mark(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default:
        return false;
    }
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
    if (has_mark(event))
        return refuse(b, event->start_mark,
                      "anchors (&name) and tags (!name) are not taken; a text that begins with "
                      "one of these characters stands in quotes");
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->documents++ == 0
                   ? 0
                   : refuse(b, event->start_mark, "a second document begins here; one is taken");
    case YAML_ALIAS_EVENT:
        return refuse(b, event->start_mark,
                      "aliases (*name) are not taken: write it out. A text that begins with * "
                      "stands in quotes");
    case YAML_SCALAR_EVENT:
        return take_text(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(b, event, YAML_LIST);
    case YAML_MAPPING_START_EVENT:
        return open_node(b, event, YAML_MAP);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_node(b);
    default:
        return 0;
    }
}

static int build(struct builder *b)
{
    bool done = false;
    int error = 0;
    while (!done && !error) {
        yaml_event_t event;
        if (!yaml_parser_parse(&b->parser, &event))
            return refuse_syntax(b);
        done = event.type == YAML_STREAM_END_EVENT;
        error = take_event(b, &event);
        yaml_event_delete(&event);
    }
    return error;
}

/* ---- files ---- */

/* libyaml would guess at another encoding, and end at a NUL. */
static int check_text(struct slice bytes, struct yaml_faults *faults)
{
    if (utf8_is_text(bytes))
        return 0;
    for (size_t at = 0; at < bytes.len;) {
        size_t length = utf8_sequence(slice_of(bytes.data + at, bytes.len - at));
        if (length == 0)
            return refuse_byte(faults, bytes, at, "this is not UTF-8");
        if (bytes.data[at] == '\0')
            return refuse_byte(faults, bytes, at, "a NUL byte");
        at += length;
    }
    return 0;
}

int yaml_tree_parse(struct yaml_tree *ret, struct slice bytes, struct yaml_faults *faults)
{
    struct builder b = {.tree = ret, .faults = faults, .bytes = bytes};
    *ret = (struct yaml_tree){.count = 1};
    buf_init(&ret->text, TEXT_MAX);
    int error = check_text(bytes, faults);
    if (error)
        return error;
    if (!yaml_parser_initialize(&b.parser))
        return no_memory(faults);
    yaml_parser_set_input_string(&b.parser, bytes.data, bytes.len);
    error = build(&b);
    yaml_parser_delete(&b.parser);
    free(b.keys);
    if (error)
        yaml_tree_fini(ret);
    return error;
}

int yaml_tree_read(struct yaml_tree *ret, const char *path, struct yaml_faults *faults)
{
    struct buf bytes;
    buf_init(&bytes, YAML_FILE_MAX);
    *ret = (struct yaml_tree){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? MUSTER_EIO : file_read_all(fd, &bytes);
    if (error == MUSTER_EIO)
        yaml_faults_add(faults, 0, 0, "cannot be read: %s", strerror(errno));
    else if (error == MUSTER_ETOOBIG)
        yaml_faults_add(faults, 0, 0, "larger than %u MiB", YAML_FILE_MAX >> 20);
    else if (error)
        (void)no_memory(faults);
    else
        error = yaml_tree_parse(ret, buf_slice(&bytes), faults);
    if (fd >= 0)
        (void)close(fd);
    buf_fini(&bytes);
    return error;
}

void yaml_tree_fini(struct yaml_tree *t)
{
    free(t->nodes);
    buf_fini(&t->text);
    *t = (struct yaml_tree){0};
}

/* ---- walking ---- */

const struct yaml_node *yaml_root(const struct yaml_tree *t)
{
    return t->count > 1 && !yaml_is_null(t, &t->nodes[1]) ? &t->nodes[1] : NULL;
}

struct slice yaml_text(const struct yaml_tree *t, const struct yaml_node *node)
{
    return node->kind == YAML_TEXT ? slice_of(t->text.data + node->first, node->count)
                                   : SLICE_EMPTY;
}

const char *yaml_cstr(const struct yaml_tree *t, const struct yaml_node *node)
{
    return node->kind == YAML_TEXT ? (const char *)t->text.data + node->first : "";
}

bool yaml_is_null(const struct yaml_tree *t, const struct yaml_node *node)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    if (node->kind != YAML_TEXT || node->style != YAML_PLAIN)
        return false;
    for (size_t i = 0; i < sizeof nulls / sizeof nulls[0]; i++)
        if (slice_is(yaml_text(t, node), nulls[i]))
            return true;
    return false;
}

const struct yaml_node *yaml_next(const struct yaml_tree *t, const struct yaml_node *list,
                                  const struct yaml_node *node)
{
    uint32_t number = node ? node->next : list->kind == YAML_TEXT ? 0 : list->first;
    return number ? &t->nodes[number] : NULL;
}

bool yaml_next_pair(const struct yaml_tree *t, const struct yaml_node *map, struct yaml_pair *pair)
{
    pair->key = map->kind == YAML_MAP ? yaml_next(t, map, pair->value) : NULL;
    pair->value = pair->key ? yaml_next(t, map, pair->key) : NULL;
    return pair->key != NULL;
}
