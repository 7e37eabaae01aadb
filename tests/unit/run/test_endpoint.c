/* test_endpoint.c: who can reach what is bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/endpoint.h"

static void endpoints_are_judged(void **state)
{
    (void)state;
    enum { LOCAL, OPEN, WRONG };
    static const struct {
        const char *endpoint;
        int verdict;
    } cases[] = {
        {"tcp://127.0.0.1:7670", LOCAL},
        {"tcp://127.0.0.1:*", LOCAL},
        {"tcp://127.255.3.4:1", LOCAL},
        {"tcp://[::1]:7670", LOCAL},
        {"ipc:///tmp/muster", LOCAL},
        {"ipc://@muster", LOCAL},
        {"tcp://*:7670", OPEN},
        {"tcp://0.0.0.0:7670", OPEN},
        {"tcp://[::]:7670", OPEN},
        {"tcp://10.1.2.3:7670", OPEN},
        {"tcp://128.0.0.1:7670", OPEN},
        {"tcp://localhost:7670", OPEN}, /* a name: nobody knows what it means here */
        {"tcp://lo:7670", OPEN},
        {"tcp://127.0.0.1.example.org:7670", OPEN},
        {"tcp://127.1:7670", OPEN},
        {"", WRONG},
        {"7670", WRONG},
        {"tcp://", WRONG},
        {"tcp://127.0.0.1", WRONG},
        {"tcp://:7670", WRONG},
        {"tcp://127.0.0.1:", WRONG},
        {"tcp://127.0.0.1:65536", WRONG},
        {"tcp://127.0.0.1:-1", WRONG},
        {"tcp://127.0.0.1:7670x", WRONG},
        {"udp://127.0.0.1:7670", WRONG},
        {"inproc://x", WRONG},
        {"ipc://", WRONG},
        {"ipc:///0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
         "234567890123456789012345678",
         WRONG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256] = "";
        bool local = false;
        int error = endpoint_check(cases[i].endpoint, &local, why, sizeof why);
        int verdict = error ? WRONG : local ? LOCAL : OPEN;
        if (verdict != cases[i].verdict)
            fail_msg("%s: %d", cases[i].endpoint, verdict);
        assert_int_equal(error != 0, why[0] != 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(endpoints_are_judged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
