/* test_nearest.c: the word that was meant is found, and nothing is made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/nearest.h"
#include "base/rng.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const words[] = {"submit",      "show",        "wait",        "cancel",
                                    "parked list", "parked show", "max-payload", "lease"};

static struct nearest of(struct slice word)
{
    struct nearest n;
    nearest_init(&n, word);
    for (size_t i = 0; i < COUNT(words); i++)
        nearest_offer(&n, words[i]);
    return n;
}

static void mistakes_of_typing(void **state)
{
    (void)state;
    static const struct {
        const char *written, *meant; /* NULL: none is near enough */
        unsigned distance;
    } cases[] = {{"submit", "submit", 0},
                 {"SubMit", "submit", 0},
                 {"sumbit", "submit", 1},
                 {"shw", "show", 1},
                 {"showw", "show", 1},
                 {"leese", "lease", 1},
                 {"can", "cancel", 1},
                 {"max_payload", "max-payload", 1},
                 {"parked lsit", "parked list", 1},
                 {"sh", NULL, 2},
                 {"xyz", NULL, 4},
                 {"", NULL, 4},
                 {"explode", NULL, 6},
                 {"wiat", "wait", 1}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct nearest n = of(slice_str(cases[i].written));
        const char *close = nearest_close(&n);
        assert_non_null(n.best);
        if (cases[i].meant)
            assert_string_equal(close, cases[i].meant);
        else
            assert_null(close);
        assert_int_equal(n.distance, cases[i].distance);
    }
}

static void another_way_to_write_it(void **state)
{
    (void)state;
    struct nearest n;
    nearest_init(&n, slice_str("tokio"));
    assert_null(nearest_close(&n));
    nearest_offer(&n, "Asia/Tokyo");
    assert_null(nearest_close(&n));
    nearest_offer_as(&n, "Tokyo", "Asia/Tokyo");
    assert_string_equal(nearest_close(&n), "Asia/Tokyo");
}

/* The first of equally near ones stays, whatever comes later. */
static void the_first_of_equals(void **state)
{
    (void)state;
    struct nearest n;
    nearest_init(&n, slice_str("bar"));
    nearest_offer(&n, "bat");
    nearest_offer(&n, "car");
    assert_string_equal(nearest_close(&n), "bat");
}

/* Whatever was written, of whatever length: there is a best one, and no byte too many is read. */
static void any_bytes(void **state)
{
    (void)state;
    struct rng rng = {20261122};
    uint8_t bytes[200];
    for (int round = 0; round < 2000; round++) {
        size_t len = (size_t)rng_below(&rng, sizeof bytes + 1);
        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)rng_below(&rng, 256);
        struct nearest n = of(slice_of(bytes + sizeof bytes - len, len));
        assert_non_null(n.best);
        if (len > 48)
            assert_null(nearest_close(&n));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_of_typing),
        cmocka_unit_test(another_way_to_write_it),
        cmocka_unit_test(the_first_of_equals),
        cmocka_unit_test(any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
