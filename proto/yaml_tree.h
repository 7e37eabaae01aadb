/* yaml_tree.h: a file of YAML as a tree of maps, lists and texts, each with its place in the file.
 *
 * One document of at most 64 MiB, in UTF-8. Keys are texts, each once in its map. An alias (*name)
 * is a node of its own, with the content of the anchor's (&name); `<<` merges maps, and is gone
 * from the tree. The bounds below hold for the file with all aliases written out, so whoever walks
 * the tree needs none. Tags are refused. What a text means (a number, null) is for the reader to
 * say: see yaml_value.h. */
#ifndef PROTO_YAML_TREE_H
#define PROTO_YAML_TREE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/nearest.h"
#include "yaml_fault.h"

#define YAML_FILE_MAX  (64u << 20)
#define YAML_NODES_MAX (8u << 20)
#define YAML_DEPTH_MAX 64

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };
enum yaml_style { YAML_PLAIN, YAML_QUOTED, YAML_BLOCK };

/* 20 bytes, since a file may have millions of them. */
struct yaml_node {
    uint32_t line; /* from 1 */
    uint32_t column : 27;
    uint32_t apart : 1; /* the place is that of an anchor or alias, not where the text begins */
    uint32_t kind : 2, style : 2;
    uint32_t next;  /* of the same list or map: its number in the tree; 0: none */
    uint32_t first; /* the first inside, or where the text begins */
    uint32_t count; /* nodes inside (in a map keys and values in turn), or bytes of the text */
};

struct yaml_tree {
    struct yaml_node *nodes; /* the root is number 1, 0 is none */
    uint32_t count, cap;
    struct buf text; /* all texts, each with a NUL behind it */
};

/* Reads a file. 0: the tree is there, and may have faults (keys that stand twice) all the same.
 * Else MUSTER_EINVAL, MUSTER_EIO, MUSTER_ETOOBIG or MUSTER_ENOMEM, with a fault that says why, and
 * no tree. The caller calls yaml_tree_fini(). */
int yaml_tree_read(struct yaml_tree *ret, const char *path,
                   struct yaml_faults *faults) MUSTER_MUSTCHECK;
/* The same of bytes in memory. */
int yaml_tree_parse(struct yaml_tree *ret, struct slice bytes,
                    struct yaml_faults *faults) MUSTER_MUSTCHECK;
void yaml_tree_fini(struct yaml_tree *t);
/* For those that build a tree: copies a node to its end. 0; MUSTER_ETOOBIG: YAML_NODES_MAX;
 * MUSTER_ENOMEM. */
int yaml_tree_add(struct yaml_tree *t, const struct yaml_node *node,
                  uint32_t *ret_number) MUSTER_MUSTCHECK;

/* NULL: there is nothing in the file but comments, or a null. */
const struct yaml_node *yaml_root(const struct yaml_tree *t);
/* The text of a node, "" for lists and maps. It holds no NUL, and one follows it. */
struct slice yaml_text(const struct yaml_tree *t, const struct yaml_node *node);
const char *yaml_cstr(const struct yaml_tree *t, const struct yaml_node *node);
/* A plain null: nothing, ~ or null. */
bool yaml_is_null(const struct yaml_tree *t, const struct yaml_node *node);

/* Walks a list: NULL is before its first and behind its last node. */
const struct yaml_node *yaml_next(const struct yaml_tree *t, const struct yaml_node *list,
                                  const struct yaml_node *node);
struct yaml_pair {
    const struct yaml_node *key, *value;
};
/* Walks a map: begin with a zeroed pair; false at the end. */
bool yaml_next_pair(const struct yaml_tree *t, const struct yaml_node *map, struct yaml_pair *pair);

#endif
