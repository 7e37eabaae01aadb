/* yaml_tree.c: makes a tree of libyaml's events, and says what is wrong in words for people. */
#include "yaml_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <yaml.h>

#include "base/file.h"
#include "utf8.h"
#include "yaml_anchor.h"
#include "yaml_keys.h"

#define TEXT_MAX    (4 * (size_t)YAML_FILE_MAX) /* an escape may be shorter than what it means */
#define FIRST_NODES 256
#define UTF8_BOM    "\xef\xbb\xbf"

/* What a walk over the tree so far comes to: nodes, and bytes of texts, aliases written out. */
struct extent {
    uint64_t nodes, bytes;
};

/* A list or map that is open. */
struct level {
    uint32_t number;            /* its node */
    uint32_t last;              /* the last node in it so far */
    uint32_t height;            /* lists and maps in each other inside of it */
    struct extent before;       /* all that stands before it */
    struct yaml_anchor *anchor; /* its own, or NULL */
};

struct builder {
    yaml_parser_t parser;
    struct yaml_tree *tree;
    struct yaml_faults *faults;
    struct slice bytes;
    struct level open[YAML_DEPTH_MAX]; /* the outermost first */
    uint32_t depth;
    uint32_t documents;
    struct extent extent;
    struct yaml_anchors anchors;
    struct yaml_keys keys;
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

static int refuse_depth(struct builder *b, yaml_mark_t at)
{
    return refuse(b, at, "lists and maps nested more than 64 deep");
}

static int refuse_count(struct builder *b, yaml_mark_t at)
{
    return refuse(b, at, "more than 8388607 values in one file, aliases written out");
}

/* ---- nodes ---- */

/* Counts what a walk will meet. */
static int count_in(struct builder *b, yaml_mark_t at, struct extent more)
{
    b->extent.nodes += more.nodes;
    b->extent.bytes += more.bytes;
    return b->extent.nodes < YAML_NODES_MAX ? 0 : refuse_count(b, at);
}

/* A new node behind those that there are. */
static int add_node(struct builder *b, yaml_mark_t at, struct yaml_node node, uint32_t *ret_number)
{
    node.line = (uint32_t)at.line + 1;
    node.column = ((uint32_t)at.column + 1) & 0x7ffffff;
    int error = yaml_tree_add(b->tree, &node, ret_number);
    if (error == MUSTER_ETOOBIG)
        return refuse_count(b, at);
    return error ? no_memory(b->faults) : 0;
}

/* Puts the node into the innermost open list or map. */
static int link_node(struct builder *b, yaml_mark_t at, uint32_t number)
{
    struct yaml_node *nodes = b->tree->nodes;
    if (b->depth == 0)
        return 0; /* the root */
    struct level *level = &b->open[b->depth - 1];
    struct yaml_node *parent = &nodes[level->number];
    bool is_key = parent->kind == YAML_MAP && parent->count % 2 == 0;
    if (is_key && nodes[number].kind != YAML_TEXT)
        return refuse(b, at, "a key is a plain word");
    if (parent->count++)
        nodes[level->last].next = number;
    else
        parent->first = number;
    level->last = number;
    return 0;
}

/* ---- anchors and aliases ---- */

/* Gives the node its name, if it has one. */
static int take_anchor(struct builder *b, const yaml_char_t *name, struct yaml_anchor anchor,
                       struct yaml_anchor **ret)
{
    *ret = NULL;
    if (!name)
        return 0;
    *ret = yaml_anchors_add(&b->anchors, (const char *)name);
    if (!*ret)
        return no_memory(b->faults);
    **ret = anchor;
    return 0;
}

/* An alias whose anchor is not there, or is not complete. */
static int refuse_alias(struct builder *b, const yaml_event_t *event, bool open)
{
    const char *name = (const char *)event->data.alias.anchor;
    char what[256];
    if (open)
        (void)snprintf(what, sizeof what, "*%.64s stands inside of what &%.64s names", name, name);
    else
        (void)snprintf(what, sizeof what,
                       "*%.64s: there is no &%.64s above; a text that begins with * stands in "
                       "quotes",
                       name, name);
    return refuse(b, event->start_mark, what);
}

/* As much as the anchor's node: the file is bounded as if it were written out. */
static int take_extent(struct builder *b, yaml_mark_t at, const struct yaml_anchor *anchor)
{
    int error = count_in(b, at, (struct extent){anchor->nodes, anchor->bytes});
    if (error)
        return error;
    if (b->extent.bytes > YAML_FILE_MAX)
        return refuse(b, at, "more than 64 MiB of text, aliases written out");
    if (b->depth + anchor->height > YAML_DEPTH_MAX)
        return refuse_depth(b, at);
    if (b->depth && b->open[b->depth - 1].height < anchor->height)
        b->open[b->depth - 1].height = anchor->height;
    return 0;
}

/* A node with the content of the anchor's. */
static int take_alias(struct builder *b, const yaml_event_t *event)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct yaml_anchor *anchor = yaml_anchors_find(&b->anchors, name);
    uint32_t number;
    if (!anchor || anchor->open)
        return refuse_alias(b, event, anchor != NULL);
    int error = take_extent(b, event->start_mark, anchor);
    if (error)
        return error;
    struct yaml_node copy = b->tree->nodes[anchor->number];
    copy.next = 0;
    copy.apart = 1;
    error = add_node(b, event->start_mark, copy, &number);
    return error ? error : link_node(b, event->start_mark, number);
}

/* ---- texts, lists and maps ---- */

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
    struct yaml_node node = {.kind = YAML_TEXT,
                             .style = style_of(event->data.scalar.style) & 3,
                             .apart = event->data.scalar.anchor != NULL,
                             .first = (uint32_t)text->len,
                             .count = (uint32_t)len};
    struct yaml_anchor anchor = {.nodes = 1, .bytes = (uint32_t)len}, *named;
    if (memchr(value, '\0', len))
        return refuse(b, event->start_mark, "a NUL in a text");
    int error = count_in(b, event->start_mark, (struct extent){1, len});
    if (!error)
        error = add_node(b, event->start_mark, node, &anchor.number);
    if (error)
        return error;
    if (buf_append(text, value, len) || buf_append(text, "", 1))
        return no_memory(b->faults);
    error = take_anchor(b, event->data.scalar.anchor, anchor, &named);
    return error ? error : link_node(b, event->start_mark, anchor.number);
}

static int open_node(struct builder *b, const yaml_event_t *event, enum yaml_kind kind,
                     const yaml_char_t *name)
{
    struct level level = {.before = b->extent};
    if (b->depth == YAML_DEPTH_MAX)
        return refuse_depth(b, event->start_mark);
    int error = count_in(b, event->start_mark, (struct extent){1, 0});
    if (!error)
        error = add_node(b, event->start_mark, (struct yaml_node){.kind = kind & 3}, &level.number);
    if (!error)
        error = link_node(b, event->start_mark, level.number);
    if (!error)
        error = take_anchor(b, name, (struct yaml_anchor){.number = level.number, .open = true},
                            &level.anchor);
    if (!error)
        b->open[b->depth++] = level;
    return error;
}

static int close_node(struct builder *b, const yaml_event_t *event)
{
    const struct level *level = &b->open[--b->depth];
    struct yaml_anchor *anchor = level->anchor;
    uint32_t height = level->height + 1;
    if (b->depth && b->open[b->depth - 1].height < height)
        b->open[b->depth - 1].height = height;
    /* A node inside may have got the name since. */
    if (anchor && anchor->number == level->number)
        *anchor = (struct yaml_anchor){
            .number = level->number,
            .height = height,
            .nodes = (uint32_t)(b->extent.nodes - level->before.nodes),
            .bytes = (uint32_t)(b->extent.bytes - level->before.bytes),
        };
    if (b->tree->nodes[level->number].kind != YAML_MAP)
        return 0;
    int error = yaml_keys_close(&b->keys, b->tree, level->number, b->faults);
    if (error == MUSTER_ETOOBIG)
        return refuse_count(b, event->start_mark);
    return error == MUSTER_ENOMEM ? no_memory(b->faults) : error;
}

/* ---- events ---- */

static bool has_tag(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.tag;
    default:
        return false;
    }
}

static int take_event(struct builder *b, const yaml_event_t *event)
{
    if (has_tag(event))
        return refuse(b, event->start_mark,
                      "tags (!name) are not taken; a text that begins with ! stands in quotes");
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        return b->documents++ == 0
                   ? 0
                   : refuse(b, event->start_mark, "a second document begins here; one is taken");
    case YAML_ALIAS_EVENT:
        return take_alias(b, event);
    case YAML_SCALAR_EVENT:
        return take_text(b, event);
    case YAML_SEQUENCE_START_EVENT:
        return open_node(b, event, YAML_LIST, event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return open_node(b, event, YAML_MAP, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return close_node(b, event);
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
    yaml_anchors_init(&b.anchors);
    int error = check_text(bytes, faults);
    if (error)
        return error;
    if (!yaml_parser_initialize(&b.parser))
        return no_memory(faults);
    yaml_parser_set_input_string(&b.parser, bytes.data, bytes.len);
    error = build(&b);
    yaml_parser_delete(&b.parser);
    yaml_keys_fini(&b.keys);
    yaml_anchors_fini(&b.anchors);
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

int yaml_tree_add(struct yaml_tree *t, const struct yaml_node *node, uint32_t *ret_number)
{
    if (t->count == YAML_NODES_MAX)
        return MUSTER_ETOOBIG;
    if (t->count >= t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : FIRST_NODES;
        struct yaml_node *nodes = realloc(t->nodes, cap * sizeof *nodes);
        if (!nodes)
            return MUSTER_ENOMEM;
        t->nodes = nodes;
        t->cap = cap;
    }
    t->nodes[t->count] = *node;
    *ret_number = t->count++;
    return 0;
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
