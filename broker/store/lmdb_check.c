/* lmdb_check.c: the page checker. The layout is that of LMDB 0.9 (data version 1) on a 64-bit
 * machine; files of another version are left to LMDB, which refuses what it does not know. */
#include "store/lmdb_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"

#define MAGIC       0xBEEFC0DEu
#define VERSION     1u
#define PAGE_HEAD   16u /* u64 number, u16, u16 flags, then u16 lower and u16 upper, or u32 pages */
#define NODE_HEAD   8u /* u16 low, u16 high (of a size or page number), u16 flags, u16 key length */
#define DB_BYTES    48u
#define DEPTH_MAX   32u
#define PAGE_MAX    65536u
#define PAGE_BRANCH 1u
#define PAGE_LEAF   2u
#define PAGE_LARGE  4u
#define PAGE_META   8u
#define NODE_LARGE  1u
#define NODE_DB     2u
#define NO_ROOT     UINT64_MAX

struct db { /* the root of one tree */
    uint16_t flags, depth;
    uint64_t branches, leaves, large, entries, root;
};

struct meta {
    uint64_t txn, last_page;
    uint32_t page_bytes;
    uint8_t free_db[DB_BYTES], main_db[DB_BYTES];
};

struct checking {
    const uint8_t *map;
    uint64_t size, pages; /* bytes of the file; pages in use */
    uint32_t page_bytes;
    uint8_t *seen; /* a bit a page */
    uint64_t bad_page;
    const char *fault; /* NULL: none */
};

enum tree { TREE_FREE, TREE_MAIN, TREE_TABLE };

struct walk { /* of one tree */
    enum tree tree;
    uint64_t branches, leaves, large, entries;
};

static uint64_t number_at(const uint8_t *p, unsigned bytes)
{
    uint64_t value = 0;
    memcpy(&value, p, bytes); /* the file is in the machine's own order, which is little-endian */
    return value;
}

static bool bad(struct checking *c, uint64_t page, const char *fault)
{
    if (!c->fault) {
        c->fault = fault;
        c->bad_page = page;
    }
    return false;
}

/* Takes a page into account: each is in one place. */
static bool claim(struct checking *c, uint64_t page)
{
    if (page < 2 || page >= c->pages)
        return bad(c, page, "a reference leads out of the file");
    uint8_t bit = (uint8_t)(1u << (page & 7));
    if (c->seen[page >> 3] & bit)
        return bad(c, page, "a page is used twice");
    c->seen[page >> 3] |= bit;
    return true;
}

static const uint8_t *page_at(const struct checking *c, uint64_t page)
{
    return c->map + page * c->page_bytes;
}

static struct db db_at(const uint8_t *p)
{
    return (struct db){.flags = (uint16_t)number_at(p + 4, 2),
                       .depth = (uint16_t)number_at(p + 6, 2),
                       .branches = number_at(p + 8, 8),
                       .leaves = number_at(p + 16, 8),
                       .large = number_at(p + 24, 8),
                       .entries = number_at(p + 32, 8),
                       .root = number_at(p + 40, 8)};
}

static int key_order(enum tree tree, struct slice a, struct slice b)
{
    if (tree == TREE_FREE) {
        uint64_t l = number_at(a.data, 8), r = number_at(b.data, 8);
        return (l > r) - (l < r);
    }
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.data, b.data, shorter) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool check_tree(struct checking *c, const uint8_t *db, enum tree tree);

/* A value in pages of its own: *ret is its bytes. */
static bool check_large(struct checking *c, struct walk *w, uint64_t page, uint64_t size,
                        struct slice *ret)
{
    uint64_t count = (PAGE_HEAD - 1 + size) / c->page_bytes + 1;
    for (uint64_t i = 0; i < count; i++)
        if (!claim(c, page + i))
            return false;
    const uint8_t *p = page_at(c, page);
    if (number_at(p, 8) != page || number_at(p + 10, 2) != PAGE_LARGE ||
        number_at(p + 12, 4) != count)
        return bad(c, page, "the head of a large value is wrong");
    w->large += count;
    *ret = slice_of(p + PAGE_HEAD, (size_t)size);
    return true;
}

/* A list of free pages, greatest first: LMDB will write into them. */
static bool check_free_list(struct checking *c, uint64_t page, struct slice list)
{
    uint64_t count = list.len >= 8 ? number_at(list.data, 8) : UINT64_MAX;
    if (count > list.len / 8 - (list.len >= 8))
        return bad(c, page, "a list of free pages is cut");
    uint64_t before = UINT64_MAX;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t free_page = number_at(list.data + i * 8, 8);
        if (free_page >= before)
            return bad(c, page, "a list of free pages is out of order");
        if (!claim(c, free_page))
            return false;
        before = free_page;
    }
    return true;
}

static bool check_leaf_node(struct checking *c, struct walk *w, uint64_t page, const uint8_t *node,
                            struct slice key, uint32_t room, uint32_t *ret_size)
{
    uint64_t size = number_at(node, 4), flags = number_at(node + 4, 2);
    uint64_t inside = flags & NODE_LARGE ? 8 : size;
    if (flags & ~(uint64_t)(NODE_LARGE | NODE_DB) || (flags & NODE_DB && size != DB_BYTES) ||
        (flags & NODE_DB) != (w->tree == TREE_MAIN ? NODE_DB : 0))
        return bad(c, page, "a row is of no known sort");
    if (inside > room - NODE_HEAD - key.len)
        return bad(c, page, "a row is longer than its page");
    *ret_size = (uint32_t)(NODE_HEAD + key.len + inside);
    struct slice value = slice_of(key.data + key.len, (size_t)inside);
    if (flags & NODE_LARGE && !check_large(c, w, number_at(value.data, 8), size, &value))
        return false;
    w->entries++;
    if (w->tree == TREE_FREE)
        return check_free_list(c, page, value);
    return w->tree == TREE_MAIN ? check_tree(c, value.data, TREE_TABLE) : true;
}

static bool check_page(struct checking *c, struct walk *w, uint64_t page, unsigned depth,
                       struct slice low, struct slice high);

struct node { /* one of a page */
    const uint8_t *at;
    struct slice key;
    uint32_t room; /* bytes from it to the end of the page */
};

static bool node_at(struct checking *c, enum tree tree, uint64_t page, const uint8_t *p,
                    uint32_t index, struct node *ret)
{
    uint32_t upper = (uint32_t)number_at(p + 14, 2);
    uint32_t offset = (uint32_t)number_at(p + PAGE_HEAD + index * 2, 2);
    if (offset < upper || offset & 1 || offset + NODE_HEAD > c->page_bytes)
        return bad(c, page, "a row lies outside of its page");
    ret->at = p + offset;
    ret->room = c->page_bytes - offset;
    uint32_t len = (uint32_t)number_at(ret->at + 6, 2);
    bool first_of_branch = index == 0 && number_at(p + 10, 2) == PAGE_BRANCH;
    if (len > ret->room - NODE_HEAD || (tree == TREE_FREE && len != 8 && !first_of_branch))
        return bad(c, page, "a key is longer than its page");
    ret->key = slice_of(ret->at + NODE_HEAD, len);
    return true;
}

/* The nodes of a page, in order and between the bounds that its parent gives. */
static bool check_nodes(struct checking *c, struct walk *w, uint64_t page, unsigned depth,
                        struct slice low, struct slice high, uint32_t count)
{
    const uint8_t *p = page_at(c, page);
    bool branch = depth > 1;
    struct slice before = low;
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct node n, next;
        if (!node_at(c, w->tree, page, p, i, &n))
            return false;
        bool implicit = branch && i == 0; /* stands for everything below the next key */
        if (!implicit) {
            int order = before.data ? key_order(w->tree, n.key, before) : 1;
            bool may_equal = i == 0; /* the parent's key is the first one here, or below it */
            if (order < 0 || (order == 0 && !may_equal) ||
                (high.data && key_order(w->tree, n.key, high) >= 0))
                return bad(c, page, "keys are out of order");
            before = n.key;
        }
        uint32_t size = (uint32_t)(NODE_HEAD + n.key.len);
        if (branch) {
            uint64_t child = number_at(n.at, 4) | number_at(n.at + 4, 2) << 32;
            struct slice to = high;
            if (i + 1 < count) {
                if (!node_at(c, w->tree, page, p, i + 1, &next))
                    return false;
                to = next.key;
            }
            if (!check_page(c, w, child, depth - 1, implicit ? low : n.key, to))
                return false;
        } else if (!check_leaf_node(c, w, page, n.at, n.key, n.room, &size)) {
            return false;
        }
        used += (size + 1) & ~1u;
    }
    return used == c->page_bytes - number_at(p + 14, 2) ||
           bad(c, page, "rows do not fill the page as it says");
}

static bool check_page(struct checking *c, struct walk *w, uint64_t page, unsigned depth,
                       struct slice low, struct slice high)
{
    if (!claim(c, page))
        return false;
    const uint8_t *p = page_at(c, page);
    uint32_t lower = (uint32_t)number_at(p + 12, 2), upper = (uint32_t)number_at(p + 14, 2);
    bool branch = depth > 1;
    if (number_at(p, 8) != page || number_at(p + 10, 2) != (branch ? PAGE_BRANCH : PAGE_LEAF))
        return bad(c, page, "it is not the page that it should be");
    if (lower <= PAGE_HEAD || lower & 1 || lower > upper || upper > c->page_bytes)
        return bad(c, page, "its bounds are wrong");
    if (branch)
        w->branches++;
    else
        w->leaves++;
    return check_nodes(c, w, page, depth, low, high, (lower - PAGE_HEAD) / 2);
}

static bool check_tree(struct checking *c, const uint8_t *at, enum tree tree)
{
    struct db db = db_at(at);
    struct walk w = {.tree = tree};
    if (db.root == NO_ROOT)
        return (db.depth == 0 && db.entries == 0) || bad(c, 0, "an empty tree has rows");
    if (db.depth == 0 || db.depth > DEPTH_MAX || (tree == TREE_TABLE && db.flags != 0))
        return bad(c, db.root, "the root of a tree is wrong");
    if (!check_page(c, &w, db.root, db.depth, SLICE_EMPTY, SLICE_EMPTY))
        return false;
    bool adds_up = w.branches == db.branches && w.leaves == db.leaves && w.large == db.large &&
                   w.entries == db.entries;
    return adds_up || bad(c, db.root, "the size of a tree is wrong");
}

static bool read_meta(struct checking *c, const uint8_t *page, uint64_t index, struct meta *ret)
{
    const uint8_t *m = page + PAGE_HEAD;
    if (number_at(page, 8) != index || number_at(page + 10, 2) != PAGE_META ||
        number_at(m, 4) != MAGIC)
        return bad(c, index, "it is no meta page");
    memcpy(ret->free_db, m + 24, DB_BYTES);
    memcpy(ret->main_db, m + 24 + DB_BYTES, DB_BYTES);
    ret->page_bytes = (uint32_t)number_at(m + 24, 4);
    ret->last_page = number_at(m + 24 + 2 * DB_BYTES, 8);
    ret->txn = number_at(m + 32 + 2 * DB_BYTES, 8);
    /* Transactions take turns at the two pages. */
    return ret->txn == 0 || ret->txn % 2 == index || bad(c, index, "its transaction is wrong");
}

static bool page_size_good(uint32_t bytes)
{
    return bytes >= 512 && bytes <= PAGE_MAX && (bytes & (bytes - 1)) == 0;
}

/* The newer of the two meta pages; between them lies one transaction. */
static bool choose_meta(struct checking *c, struct meta *ret)
{
    struct meta first, second;
    if (c->size < 2 * 512 || !read_meta(c, c->map, 0, &first))
        return bad(c, 0, "the file is cut");
    if (!page_size_good(first.page_bytes) || c->size < 2ull * first.page_bytes)
        return bad(c, 0, "the page size is wrong");
    c->page_bytes = first.page_bytes;
    if (!read_meta(c, c->map + first.page_bytes, 1, &second))
        return false;
    *ret = first.txn > second.txn ? first : second;
    uint64_t apart = first.txn > second.txn ? first.txn - second.txn : second.txn - first.txn;
    if (second.page_bytes != first.page_bytes || apart > 1 || (apart == 0 && first.txn != 0))
        return bad(c, 1, "the two meta pages do not fit");
    if (ret->last_page >= c->size / c->page_bytes)
        return bad(c, 1, "the file is cut");
    c->pages = ret->last_page + 1;
    return true;
}

static int check(struct checking *c, uint64_t max_bytes)
{
    struct meta meta;
    if (c->size >= PAGE_HEAD + 8 && number_at(c->map + PAGE_HEAD, 4) == MAGIC &&
        number_at(c->map + PAGE_HEAD + 4, 4) > VERSION)
        return 0; /* LMDB says what it thinks of that */
    if (!choose_meta(c, &meta))
        return MUSTER_EDAMAGED;
    if (c->pages * c->page_bytes > max_bytes)
        return 0;
    c->seen = calloc(c->pages / 8 + 1, 1);
    if (!c->seen)
        return MUSTER_ENOMEM;
    bool good = check_tree(c, meta.main_db, TREE_MAIN) && check_tree(c, meta.free_db, TREE_FREE);
    free(c->seen);
    return good ? 0 : MUSTER_EDAMAGED;
}

int lmdb_check(const char *path, uint64_t max_bytes, char *why, size_t why_size)
{
    struct stat st;
    struct checking c = {0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), error = 0;
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) != 0) {
        error = MUSTER_EIO;
    } else if (st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        c.size = (uint64_t)st.st_size;
        c.map = map;
        error = map == MAP_FAILED ? MUSTER_EIO : check(&c, max_bytes);
        if (map != MAP_FAILED)
            munmap(map, (size_t)st.st_size);
    }
    if (error == MUSTER_EDAMAGED)
        snprintf(why, why_size,
                 "page %llu of %s is damaged (%s): restore the directory from a copy",
                 (unsigned long long)c.bad_page, path, c.fault);
    else if (error)
        snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return error;
}
