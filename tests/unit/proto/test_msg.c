/* test_msg.c: every message type has its name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "msg.h"
#include "wire_table.h"

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(msg_type_name(MSG_SUBMIT_ACK), "SUBMIT_ACK");
    assert_string_equal(msg_type_name(MSG_NONE), "?");
    assert_string_equal(msg_type_name((enum msg_type)63), "?");
    assert_string_equal(msg_type_name((enum msg_type)100000), "?");
}

/* The codec's table has the same messages, and `has` opens every struct, as the codec takes for
 * granted. */
static void test_table(void **state)
{
    (void)state;
    for (unsigned type = 0; type < MSG_TYPE_MAX; type++) {
        const char *name = wire_descs[type].name;
        assert_string_equal(msg_type_name((enum msg_type)type), name ? name : "?");
    }
#define MESSAGE(symbol, type, name) assert_int_equal(offsetof(struct msg_##name, has), 0);
#define NESTED(symbol, name)        MESSAGE(symbol, 0, name)
#include "messages.def"
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
