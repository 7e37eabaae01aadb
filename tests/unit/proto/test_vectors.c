/* test_vectors.c: the codec against proto/vectors, and against every cut and change of the valid
 * ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "wire.h"
#include "wire_table.h"

#define FRAME_MAX 8192

/* The frame in memory of exactly its size, so that ASan sees any byte read beyond it. */
static struct slice from_hex(const char *hex)
{
    size_t len = strlen(hex) / 2;
    uint8_t *bytes = malloc(len ? len : 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++) {
        unsigned value;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
        bytes[i] = (uint8_t)value;
    }
    return slice_of(bytes, len);
}

static void free_bytes(struct slice bytes)
{
    free((void *)(uintptr_t)bytes.data);
}

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));
    return text ? text : "";
}

/* Calls `check` with each line of the file. */
static size_t each_row(const char *file, void (*check)(const json_t *row))
{
    char path[512];
    snprintf(path, sizeof(path), "%s/proto/vectors/%s", SOURCE_DIR, file);
    FILE *in = fopen(path, "r");
    assert_non_null(in);
    size_t count = 0, cap = 0;
    char *line = NULL;
    while (getline(&line, &cap, in) > 0) {
        json_t *row = json_loads(line, 0, NULL);
        assert_non_null(row);
        check(row);
        json_decref(row);
        count++;
    }
    free(line);
    fclose(in);
    return count;
}

static uint64_t number_of(const json_t *value)
{
    if (json_is_string(value)) /* above 2^63-1 */
        return strtoull(json_string_value(value), NULL, 10);
    assert_true(json_is_integer(value));
    return (uint64_t)json_integer_value(value);
}

static uint64_t cell(struct slice column, size_t width, size_t i)
{
    if (width == 8)
        return slice_u64_at(column, i);
    return width == 4 ? slice_u32_at(column, i) : column.data[i];
}

static void check_column(struct slice column, size_t width, const json_t *want)
{
    assert_int_equal(column.len, json_array_size(want) * width);
    for (size_t i = 0; i < json_array_size(want); i++)
        assert_true(cell(column, width, i) == number_of(json_array_get(want, i)));
}

static void check_strs(const struct strs *strs, const json_t *want)
{
    assert_int_equal(strs->count, json_array_size(want));
    for (uint32_t i = 0; i < strs->count; i++)
        assert_true(slice_is(strs_at(strs, i), json_string_value(json_array_get(want, i))));
}

static void check_field(const struct wire_field *field, const void *at, const json_t *want)
{
    struct slice bytes;
    switch (field->kind) {
    case FIELD_NUM:
        assert_true(*(const msg_NUM *)at == number_of(want));
        break;
    case FIELD_STR:
        assert_true(slice_is(*(const struct slice *)at, json_string_value(want)));
        break;
    case FIELD_BIN:
        bytes = from_hex(json_string_value(want));
        assert_true(slice_eq(*(const struct slice *)at, bytes));
        free_bytes(bytes);
        break;
    case FIELD_STRS:
        check_strs(at, want);
        break;
    default:
        check_column(*(const struct slice *)at, wire_column_width(field->kind), want);
        break;
    }
}

static struct slice only_frame(const json_t *row)
{
    const json_t *frames = json_object_get(row, "frames");
    assert_int_equal(json_array_size(frames), 1);
    return from_hex(json_string_value(json_array_get(frames, 0)));
}

static bool seen[MSG_TYPE_MAX];

static void check_valid(const json_t *row)
{
    struct slice frame = only_frame(row);
    struct msg msg;
    char why[128] = "";
    if (wire_decode(frame, &msg, why, sizeof(why)))
        fail_msg("%s: %s", text_of(row, "name"), why);
    assert_string_equal(msg_type_name(msg.type), text_of(row, "type"));
    assert_true(msg.request == number_of(json_object_get(row, "request")));
    seen[msg.type] = true;
    const struct wire_desc *desc = &wire_descs[msg.type];
    const json_t *fields = json_object_get(row, "fields");
    size_t met = 0;
    for (size_t i = 0; i < desc->field_count; i++) {
        const struct wire_field *field = &desc->fields[i];
        const json_t *want = json_object_get(fields, field->name);
        assert_int_equal(want != NULL, msg.hello.has >> field->key & 1);
        met += want != NULL;
        if (want)
            check_field(field, (uint8_t *)&msg.hello + field->offset, want);
    }
    assert_int_equal(met, json_object_size(fields));
    free_bytes(frame);
}

static void test_valid(void **state)
{
    (void)state;
    assert_true(each_row("valid.jsonl", check_valid) >= 40);
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++)
        assert_int_equal(seen[type], wire_descs[type].name != NULL);
}

static void check_invalid(const json_t *row)
{
    const json_t *frames = json_object_get(row, "frames");
    int error = MUSTER_EPROTO; /* of what is not one frame, before the codec sees it */
    char why[128] = "not one frame";
    if (json_array_size(frames) == 1) {
        struct slice frame = only_frame(row);
        struct msg msg;
        why[0] = '\0';
        error = wire_decode(frame, &msg, why, sizeof(why));
        free_bytes(frame);
    }
    if (strcmp(err_code(error), text_of(row, "error")) != 0 || strlen(why) < 8)
        fail_msg("%s: %s (%s)", text_of(row, "name"), err_code(error), why);
}

static void test_invalid(void **state)
{
    (void)state;
    assert_true(each_row("invalid.jsonl", check_invalid) >= 40);
}

static void check_cuts(const json_t *row)
{
    struct slice frame = only_frame(row);
    for (size_t len = 0; len < frame.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, frame.data, len);
        struct msg msg;
        char why[128];
        assert_int_not_equal(wire_decode(slice_of(cut, len), &msg, why, sizeof(why)), 0);
        free(cut);
    }
    free_bytes(frame);
}

static void test_cuts(void **state)
{
    (void)state;
    assert_true(each_row("valid.jsonl", check_cuts) > 0);
}

/* What is still taken after a change can be encoded and taken again. */
static void decode_changed(struct slice frame)
{
    struct msg msg, again;
    char why[128];
    if (wire_decode(frame, &msg, why, sizeof(why)))
        return;
    struct buf out;
    buf_init(&out, FRAME_MAX);
    assert_int_equal(wire_encode(&out, &msg), 0);
    assert_int_equal(wire_decode(buf_slice(&out), &again, why, sizeof(why)), 0);
    assert_int_equal(again.type, msg.type);
    assert_true(again.hello.has == msg.hello.has);
    buf_fini(&out);
}

static void check_changes(const json_t *row)
{
    static const uint8_t values[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                     0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xcb, 0xcf, 0xd3,
                                     0xd4, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff};
    struct slice frame = only_frame(row);
    uint8_t *bytes = (uint8_t *)(uintptr_t)frame.data;
    for (size_t i = 0; i < frame.len; i++) {
        uint8_t before = bytes[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            bytes[i] = (uint8_t)(before ^ 1u << bit);
            decode_changed(frame);
        }
        for (size_t k = 0; k < sizeof(values); k++) {
            bytes[i] = values[k];
            decode_changed(frame);
        }
        bytes[i] = before;
    }
    free_bytes(frame);
}

static void test_changes(void **state)
{
    (void)state;
    assert_true(each_row("valid.jsonl", check_changes) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
