/* test_yaml.c: files of YAML as trees, what is refused and where, anchors and
 * aliases, and values as msgpack. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/rng.h"
#include "json.h"
#include "wire.h"
#include "yaml_value.h"

#define BYTES(text)                                                                                \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

static struct yaml_tree tree;
static struct yaml_faults faults;

static int set_up(void **state)
{
    (void)state;
    tree = (struct yaml_tree){0};
    yaml_faults_init(&faults, 5);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    yaml_tree_fini(&tree);
    yaml_faults_fini(&faults);
    return 0;
}

/* Parses anew; the first fault as "line:column: what", or "". */
static const char *parse(struct slice text)
{
    static char out[400];
    (void)tear_down(NULL);
    yaml_faults_init(&faults, 5);
    int error = yaml_tree_parse(&tree, text, &faults);
    assert_true(!error || yaml_faults_any(&faults));
    out[0] = '\0';
    yaml_faults_sort(&faults);
    if (faults.count)
        yaml_fault_print(&faults.list[0], "", out, sizeof out);
    return *out == ':' ? out + 1 : out;
}

static const struct yaml_node *find(const struct yaml_node *map, const char *key)
{
    struct yaml_pair pair = {0};
    while (yaml_next_pair(&tree, map, &pair))
        if (slice_is(yaml_text(&tree, pair.key), key))
            return pair.value;
    fail_msg("no key %s", key);
    return NULL;
}

static void a_tree_has_texts_lists_maps_and_places(void **state)
{
    (void)state;
    assert_string_equal(parse(slice_str("# comment\na: one\nb:\n  - 'two'\n  - \"th\\u0072ee\"\n"
                                        "c: |\n  line\nd: {e: [], f: {}, \xc3\xa9: x}\n")),
                        "");
    const struct yaml_node *root = yaml_root(&tree);
    assert_int_equal(root->kind, YAML_MAP);
    assert_int_equal(root->count, 8);
    assert_int_equal(root->line, 2);
    const struct yaml_node *a = find(root, "a"), *b = find(root, "b"), *d = find(root, "d");
    assert_string_equal(yaml_cstr(&tree, a), "one");
    assert_int_equal(a->style, YAML_PLAIN);
    assert_int_equal(a->line, 2);
    assert_int_equal(a->column, 4);
    const struct yaml_node *two = yaml_next(&tree, b, NULL);
    assert_int_equal(two->style, YAML_QUOTED);
    const struct yaml_node *three = yaml_next(&tree, b, two);
    assert_string_equal(yaml_cstr(&tree, three), "three");
    assert_null(yaml_next(&tree, b, three));
    assert_int_equal(find(root, "c")->style, YAML_BLOCK);
    assert_string_equal(yaml_cstr(&tree, find(root, "c")), "line\n");
    assert_int_equal(find(d, "e")->count, 0);
    assert_null(yaml_next(&tree, find(d, "e"), NULL));
    /* Columns are characters. */
    assert_int_equal(find(d, "\xc3\xa9")->column, 22);
    /* Texts are no lists. */
    assert_null(yaml_next(&tree, a, NULL));
    assert_int_equal(yaml_text(&tree, b).len, 0);
}

static void nothing_is_no_root(void **state)
{
    (void)state;
    static const char *const empty[] = {"",  "# only this\n", "---\n",       "---\n...\n",
                                        "~", "null\n",        "\xef\xbb\xbf"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        assert_string_equal(parse(slice_str(empty[i])), "");
        assert_null(yaml_root(&tree));
    }
    assert_string_equal(parse(slice_str("''")), "");
    assert_non_null(yaml_root(&tree));
}

static void what_is_wrong_is_told_with_its_place(void **state)
{
    (void)state;
    static const struct {
        struct slice text;
        const char *told;
    } cases[] = {
        {BYTES("a: 1\nb: 2\na: 3\n"), "3:1: \"a\" is set in line 1 already"},
        {BYTES("x: {a: 1, b: 2, a: 3}\n"), "1:17: \"a\" is set in line 1 already"},
        {BYTES("a: !!str 1\n"),
         "1:4: tags (!name) are not taken; a text that begins with ! stands in quotes"},
        {BYTES("a: ! [1]\n"),
         "1:4: tags (!name) are not taken; a text that begins with ! stands in quotes"},
        {BYTES("a: 1\nb: *x\n"),
         "2:4: *x: there is no &x above; a text that begins with * stands in quotes"},
        {BYTES("cron: *5 * * * *\n"),
         "1:7: *5: there is no &5 above; a text that begins with * stands in quotes"},
        {BYTES("a: [*x]\nb: &x 1\n"),
         "1:5: *x: there is no &x above; a text that begins with * stands in quotes"},
        {BYTES("a: &x [1, {b: *x}]\n"), "1:15: *x stands inside of what &x names"},
        {BYTES("&x a: &y {*x : *y}\n"), "1:16: *y stands inside of what &y names"},
        {BYTES("&r a: &x {b: 1, <<: *x}\n"), "1:21: *x stands inside of what &x names"},
        {BYTES("a: &x [1]\n*x : 2\n"), "2:1: a key is a plain word"},
        {BYTES("a: &x k\nb: {k: 1, *x : 2}\n"), "2:11: \"k\" is set in line 2 already"},
        {BYTES("a: &x {k: 1}\nb: {<<: *x, c: 1, <<: *x}\n"),
         "2:19: \"<<\" is set in line 2 already"},
        {BYTES("a: &x {k: 1}\nb: {<<: *x, j: 1, j: 2}\n"), "2:19: \"j\" is set in line 2 already"},
        {BYTES("a: &x 1\nb: {<<: *x}\n"), "2:9: << takes a map or a list of maps: <<: *name"},
        {BYTES("a: &x {k: 1}\nb: {<<: [*x, [*x]]}\n"),
         "2:14: << takes a map or a list of maps: <<: *name"},
        {BYTES("<<:\n"), "1:4: << takes a map or a list of maps: <<: *name"},
        {BYTES("cron: * * * * *\n"),
         "1:7: what begins with * stands in quotes, as in cron: \"*/5 * * * *\""},
        {BYTES("cron: */5 * * * *\n"),
         "1:7: what begins with * stands in quotes, as in cron: \"*/5 * * * *\""},
        {BYTES("cron: @daily\n"), "1:7: what begins with @ stands in quotes: \"@...\""},
        {BYTES("a:\n\tb: 1\n"), "2:1: a tab: YAML indents with spaces"},
        {BYTES("\xef\xbb\xbf"
               "a:\n  \xc3\xa9: 1\n\tb: 1\n"),
         "3:1: found a tab character that violates indentation while scanning a plain scalar"},
        {BYTES("a: 1\n---\nb: 2\n"), "2:1: a second document begins here; one is taken"},
        {BYTES("? [a]\n: b\n"), "1:3: a key is a plain word"},
        {BYTES("a: \"x\\0y\"\n"), "1:4: a NUL in a text"},
        {BYTES("a: x\0y\n"), "1:5: a NUL byte"},
        {BYTES("a: 1\nb: \xc3\xa9\xff\n"), "2:5: this is not UTF-8"},
        {BYTES("\xff\xfe"
               "a\0:\0 \0b\0"),
         "1:1: this is not UTF-8"},
        {BYTES("a: 1\nb: x\x07\n"), "2:5: control characters are not allowed"},
        {BYTES("a: [1, 2\nb: 3\n"),
         "2:2: did not find expected ',' or ']' while parsing a flow sequence"},
        {BYTES("a: 'open\n"), "2:1: found unexpected end of stream while scanning a quoted scalar"},
        {BYTES("a: b: c\n"), "1:5: mapping values are not allowed in this context"},
        {BYTES("a: b\n c: d\n"), "2:3: mapping values are not allowed in this context"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(parse(cases[i].text), cases[i].told);
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * YAML_DEPTH_MAX + 3];
    memset(text, '[', YAML_DEPTH_MAX);
    memset(text + YAML_DEPTH_MAX, ']', YAML_DEPTH_MAX);
    assert_string_equal(parse(slice_of(text, (size_t)2 * YAML_DEPTH_MAX)), "");
    memset(text, '[', sizeof text);
    assert_string_equal(parse(slice_of(text, sizeof text)),
                        "1:65: lists and maps nested more than 64 deep");
}

static void further_faults_are_counted(void **state)
{
    (void)state;
    assert_string_equal(parse(slice_str("a: 1\na: 2\na: 3\nb: {c: 1, c: 1, c: 1, c: 1, c: 1}\n")),
                        "2:1: \"a\" is set in line 1 already");
    assert_int_equal(faults.count, 5);
    assert_int_equal(faults.more, 1);
    assert_int_equal(faults.list[1].line, 4);
}

/* ---- anchors, aliases, merge keys ---- */

/* The document's root as JSON. */
static const char *json_of(struct slice text)
{
    static char json[2048];
    const struct yaml_node *at;
    struct buf out, back;
    char why[200];
    if (*parse(text))
        fail_msg("%.*s: %s", SLICE_FMT(text), parse(text));
    buf_init(&out, 1 << 16);
    buf_init(&back, sizeof json - 1);
    assert_int_equal(yaml_to_msgpack(&tree, &tree.nodes[1], &out, &at, why, sizeof why), 0);
    assert_int_equal(wire_value_check(buf_slice(&out)), 0);
    assert_int_equal(msgpack_to_json(buf_slice(&out), &back), 0);
    (void)snprintf(json, sizeof json, "%.*s", SLICE_FMT(buf_slice(&back)));
    buf_fini(&out);
    buf_fini(&back);
    return json;
}

static void aliases_and_merges_are_what_they_stand_for(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"[&a 1, *a, *a, &b '1', *b]", "[1,1,1,\"1\",\"1\"]"},
        {"{a: &x [1, {b: c}], d: *x, e: [*x, *x]}",
         "{\"a\":[1,{\"b\":\"c\"}],\"d\":[1,{\"b\":\"c\"}],"
         "\"e\":[[1,{\"b\":\"c\"}],[1,{\"b\":\"c\"}]]}"},
        {"- &a one\n- &b [*a, *a]\n- *b\n", "[\"one\",[\"one\",\"one\"],[\"one\",\"one\"]]"},
        {"- &a\n- *a\n- &b {}\n- *b\n- &c []\n- *c\n", "[null,null,{},{},[],[]]"},
        {"- &a |\n  lines\n- *a\n", "[\"lines\\n\",\"lines\\n\"]"},
        /* An alias is the newest node of that name, also one inside of an older. */
        {"[&a 1, *a, &a 2, *a]", "[1,1,2,2]"},
        {"[&a [&a 1, *a], *a]", "[[1,1],1]"},
        {"{&k key: 1, x: *k, y: {*k : 2}}", "{\"key\":1,\"x\":\"key\",\"y\":{\"key\":2}}"},
        /* Merge keys: own keys stay, wherever they stand; then the first map that has the key. */
        {"{a: &a {x: 1, y: 2}, b: {<<: *a}}", "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"x\":1,\"y\":2}}"},
        {"{a: &a {x: 1, y: 2}, b: {y: 3, <<: *a, z: 4}, c: {<<: *a, x: [5]}, d: *a}",
         "{\"a\":{\"x\":1,\"y\":2},\"b\":{\"y\":3,\"z\":4,\"x\":1},\"c\":{\"x\":[5],\"y\":2},"
         "\"d\":{\"x\":1,\"y\":2}}"},
        {"[&a {x: 1}, &b {x: 2, y: 2}, {<<: [*a, *b]}, {<<: [*b, *a], z: 0}]",
         "[{\"x\":1},{\"x\":2,\"y\":2},{\"x\":1,\"y\":2},{\"z\":0,\"x\":2,\"y\":2}]"},
        {"[&a {x: 1}, &b {<<: *a, y: 2}, {<<: *b, y: 3}, *b]",
         "[{\"x\":1},{\"y\":2,\"x\":1},{\"y\":3,\"x\":1},{\"y\":2,\"x\":1}]"},
        {"{<<: {a: 1, b: [2]}, a: 3}", "{\"a\":3,\"b\":[2]}"},
        {"{<<: {}, a: 3, b: {<<: []}}", "{\"a\":3,\"b\":{}}"},
        {"[&a {<<: {x: &x 1}}, *a, *x]", "[{\"x\":1},{\"x\":1},1]"},
        /* In quotes it is no merge key. */
        {"{'<<': 1, a: &a {\"<<\": 2}, b: {<<: *a}, <<: {'<<': 3, c: 4}}",
         "{\"<<\":1,\"a\":{\"<<\":2},\"b\":{\"<<\":2},\"c\":4}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(json_of(slice_str(cases[i].yaml)), cases[i].json);
}

/* What is wrong in it is the alias's, or that of a text in a shared map. */
static void aliases_have_places_of_their_own(void **state)
{
    (void)state;
    assert_string_equal(parse(slice_str("a: &x {k: &t text}\nb: *x\nc: {l: *t, <<: *x}\n")), "");
    const struct yaml_node *root = yaml_root(&tree);
    const struct yaml_node *b = find(root, "b"), *k = find(b, "k"), *c = find(root, "c");
    assert_int_equal(b->line, 2);
    assert_int_equal(b->column, 4);
    assert_true(b->apart);
    assert_int_equal(k->line, 1);
    assert_int_equal(k->column, 11);
    assert_true(k->apart);
    assert_int_equal(find(c, "l")->line, 3);
    assert_int_equal(find(c, "l")->column, 8);
    assert_int_equal(c->count, 4);
    assert_int_equal(find(c, "k")->line, 1);
    assert_string_equal(yaml_cstr(&tree, find(c, "k")), "text");
}

/* All nodes that a walk meets. */
static uint64_t walk(const struct yaml_node *node)
{
    uint64_t nodes = 1;
    for (const struct yaml_node *i = NULL; (i = yaml_next(&tree, node, i));)
        nodes += walk(i);
    return nodes;
}

/* a0: [x, ...]; a1: [*a0, ...]; ...: `wide` of each in the next. */
static const char *laugh(int levels, int wide, const char *text, bool merge)
{
    struct buf file;
    buf_init(&file, 2 << 20);
    assert_int_equal(
        buf_printf(&file, "a0: &a0 %s%s%s\n", merge ? "{k0: " : "[", text, merge ? "}" : "]"), 0);
    for (int i = 1; i < levels; i++) {
        assert_int_equal(
            buf_printf(&file, merge ? "a%d: &a%d {k%d: x, <<: [" : "a%d: &a%d [", i, i, i), 0);
        for (int j = 0; j < wide; j++)
            assert_int_equal(buf_printf(&file, "%s*a%d", j ? ", " : "", i - 1), 0);
        assert_int_equal(buf_printf(&file, merge ? "]}\n" : "]\n"), 0);
    }
    const char *told = parse(buf_slice(&file));
    buf_fini(&file);
    return told;
}

/* A small file is no large tree, and a walk needs no bounds of its own. */
static void laughs_are_bounded(void **state)
{
    (void)state;
    static char mebibyte[(1 << 20) + 1];
    const char *values = "more than 8388607 values in one file, aliases written out";
    const char *texts = "more than 64 MiB of text, aliases written out";
    assert_string_equal(laugh(6, 10, "x", false), "");
    assert_int_equal(walk(yaml_root(&tree)), 234574);
    assert_non_null(strstr(laugh(9, 10, "x", false), values));
    assert_non_null(strstr(laugh(60, 9, "x", false), values));
    assert_non_null(strstr(laugh(60, 9, "x", true), values));
    memset(mebibyte, 'x', sizeof mebibyte - 1);
    assert_non_null(strstr(laugh(9, 2, mebibyte, false), texts));
    assert_string_equal(laugh(5, 2, mebibyte, false), "");
    /* An alias takes its depth along. */
    assert_non_null(strstr(laugh(64, 1, "x", false), "nested more than 64 deep"));
    assert_string_equal(laugh(63, 1, "x", false), "");
    assert_string_equal(laugh(32, 1, "x", true), "");
    assert_int_equal(find(yaml_root(&tree), "a31")->count, 64);
}

/* 100,000 keys: not each compared with each. */
static void large_maps_are_quick(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 8 << 20);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buf_printf(&text, "key-%d: {a: 1}\n", i), 0);
    assert_int_equal(buf_printf(&text, "key-77: x\n"), 0);
    assert_string_equal(parse(buf_slice(&text)), "100001:1: \"key-77\" is set in line 78 already");
    assert_int_equal(yaml_root(&tree)->count, 200002);
    buf_fini(&text);
}

static void files_are_read(void **state)
{
    (void)state;
    char path[] = "/tmp/test_yaml.XXXXXX", out[200];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: b\n", 5), 5);
    assert_int_equal(yaml_tree_read(&tree, path, &faults), 0);
    assert_string_equal(yaml_cstr(&tree, find(yaml_root(&tree), "a")), "b");
    yaml_tree_fini(&tree);
    assert_int_equal(ftruncate(fd, (off_t)YAML_FILE_MAX + 1), 0);
    close(fd);
    assert_int_equal(yaml_tree_read(&tree, path, &faults), MUSTER_ETOOBIG);
    yaml_faults_print(&faults, "f", out, sizeof out);
    assert_string_equal(out, "f: larger than 64 MiB");
    unlink(path);
    yaml_faults_fini(&faults);
    assert_int_equal(yaml_tree_read(&tree, path, &faults), MUSTER_EIO);
    yaml_faults_print(&faults, "f", out, sizeof out);
    assert_string_equal(out, "f: cannot be read: No such file or directory");
    yaml_faults_fini(&faults);
    assert_int_equal(yaml_tree_read(&tree, "/tmp", &faults), MUSTER_EIO);
    yaml_faults_print(&faults, "f", out, sizeof out);
    assert_string_equal(out, "f: cannot be read: Is a directory");
}

/* ---- values ---- */

static int convert(struct slice text, struct buf *out, char *why, size_t why_size,
                   uint32_t *ret_column)
{
    const struct yaml_node *at;
    assert_string_equal(parse(text), "");
    int error = yaml_to_msgpack(&tree, &tree.nodes[1], out, &at, why, why_size);
    *ret_column = at->column;
    return error;
}

static void values_are_those_of_the_core_schema(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        {"~", "null"},
        {"null", "null"},
        {"Null", "null"},
        {"nULL", "\"nULL\""},
        {"[true, True, FALSE, tRUE]", "[true,true,false,\"tRUE\"]"},
        {"[yes, no, on, off, y, 'true', 'null']",
         "[\"yes\",\"no\",\"on\",\"off\",\"y\",\"true\",\"null\"]"},
        {"[0, -0, +7, 010, 0o17, 0xfF, 12:30, 1_000]", "[0,0,7,10,15,255,\"12:30\",\"1_000\"]"},
        {"[0o18, 0x, 0xg, 0b1, +, -, .]", "[\"0o18\",\"0x\",\"0xg\",\"0b1\",\"+\",\"-\",\".\"]"},
        {"[9223372036854775807, -9223372036854775808, 18446744073709551615]",
         "[9223372036854775807,-9223372036854775808,18446744073709551615]"},
        {"[1.5, -.5, 1., 1e3, 1.0E-2, +1.25]", "[1.5,-0.5,1.0,1000.0,0.01,1.25]"},
        {"[1e, e1, 1.5.2, .e1, 1e+, 1.5x, --1, 2030-01-31T09:00:00Z]",
         "[\"1e\",\"e1\",\"1.5.2\",\".e1\",\"1e+\",\"1.5x\",\"--1\",\"2030-01-31T09:00:00Z\"]"},
        {"{1: a, true: b, ~: c, '': {}}", "{\"1\":\"a\",\"true\":\"b\",\"~\":\"c\",\"\":{}}"},
        {"a:\n- b\n- - c\n  - d: |\n      e\n      f\n",
         "{\"a\":[\"b\",[\"c\",{\"d\":\"e\\nf\\n\"}]]}"},
        {"|\n  12\n", "\"12\\n\""},
        {"'12'", "\"12\""},
        {"caf\xc3\xa9", "\"caf\xc3\xa9\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out, back;
        char why[200] = "";
        uint32_t column;
        buf_init(&out, 1 << 16);
        buf_init(&back, 1 << 16);
        if (convert(slice_str(cases[i].yaml), &out, why, sizeof why, &column))
            fail_msg("%s: %s", cases[i].yaml, why);
        assert_int_equal(wire_value_check(buf_slice(&out)), 0);
        assert_int_equal(msgpack_to_json(buf_slice(&out), &back), 0);
        assert_int_equal(buf_append(&back, "", 1), 0);
        assert_string_equal((char *)back.data, cases[i].json);
        buf_fini(&out);
        buf_fini(&back);
    }
}

static void values_without_msgpack_or_json_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        uint32_t column;
        const char *why;
    } cases[] = {
        {"{a: 18446744073709551616}", 5,
         "18446744073709551616 is beyond 64 bits; in quotes it is a text"},
        {"[-9223372036854775809]", 2,
         "-9223372036854775809 is beyond 64 bits; in quotes it is a text"},
        {"[1, .inf]", 5, ".inf is no number in JSON; in quotes it is a text"},
        {"-.INF", 1, "-.INF is no number in JSON; in quotes it is a text"},
        {".NaN", 1, ".NaN is no number in JSON; in quotes it is a text"},
        {"1e999", 1, "1e999 is larger than any number of 64 bits; in quotes it is a text"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 33,
         "lists and maps nested more than 32 deep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf out;
        char why[200] = "";
        uint32_t column;
        buf_init(&out, 1 << 16);
        assert_int_equal(buf_append(&out, "x", 1), 0);
        assert_int_equal(convert(slice_str(cases[i].yaml), &out, why, sizeof why, &column),
                         MUSTER_EINVAL);
        assert_string_equal(why, cases[i].why);
        assert_int_equal(column, cases[i].column);
        assert_int_equal(out.len, 1);
        buf_fini(&out);
    }
    struct buf little;
    char why[200];
    uint32_t column;
    buf_init(&little, 4);
    assert_int_equal(convert(slice_str("[a, b, c, d]"), &little, why, sizeof why, &column),
                     MUSTER_ETOOBIG);
    assert_int_equal(little.len, 0);
    buf_fini(&little);
}

/* Whatever bytes come: a tree or a fault with a place, and values that others can read. */
static void mutated_files_do_no_harm(void **state)
{
    (void)state;
    static const char seed[] =
        "schedules:\n  a-b: {cron: \"0 9 * * *\", args: [1, -2.5e3, ~, 'x']}\n"
        "  # comment\n  c:\n    every: 5m\n    meta: |\n      two\n"
        "      lines\n    d: &g {\"e\\u00e9\": 0x1F, ? f : [true, &h i]}\n"
        "    j: [*g, *h, {<<: *g, k: *h}]\n";
    static const char bits[] = "{}[]:,-?&*gh!|>'\"%@`#\n\t \\~0x.\xff\xc3\xa9<=";
    struct rng rng = {7};
    unsigned trees = 0;
    for (int round = 0; round < 20000; round++) {
        char text[sizeof seed + 8];
        size_t len = sizeof seed - 1;
        memcpy(text, seed, len);
        for (uint64_t n = rng_below(&rng, 4); n > 0; n--) {
            size_t at = rng_below(&rng, len);
            text[at] = bits[rng_below(&rng, sizeof bits)];
            if (rng_below(&rng, 3) == 0)
                memmove(text + at, text + at + 1, --len - at);
        }
        if (rng_below(&rng, 8) == 0)
            len = rng_below(&rng, len);
        if (*parse(slice_of(text, len)))
            assert_true(faults.list[0].line >= 1 && faults.list[0].column >= 1);
        else if (yaml_root(&tree)) {
            const struct yaml_node *at;
            struct buf out;
            char why[200];
            trees++;
            assert_true(walk(yaml_root(&tree)) < YAML_NODES_MAX);
            buf_init(&out, 1 << 16);
            if (!yaml_to_msgpack(&tree, yaml_root(&tree), &out, &at, why, sizeof why))
                assert_int_equal(wire_value_check(buf_slice(&out)), 0);
            buf_fini(&out);
        }
    }
    assert_true(trees > 1000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_tree_has_texts_lists_maps_and_places),
        TEST(nothing_is_no_root),
        TEST(what_is_wrong_is_told_with_its_place),
        TEST(depth_is_bounded),
        TEST(further_faults_are_counted),
        TEST(aliases_and_merges_are_what_they_stand_for),
        TEST(aliases_have_places_of_their_own),
        TEST(laughs_are_bounded),
        TEST(large_maps_are_quick),
        TEST(files_are_read),
        TEST(values_are_those_of_the_core_schema),
        TEST(values_without_msgpack_or_json_are_refused),
        TEST(mutated_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
