/* loop.h - turning a libuv loop until something has happened, and taking it down without a rest. */
#ifndef TLSFRONT_TESTS_PROXY_LOOP_H
#define TLSFRONT_TESTS_PROXY_LOOP_H

#include "tests/support/unit.h"

#include <uv.h>

/* Far more than any of these tests needs; it only ends those that would hang. */
#define LOOP_PATIENCE_MS 20000

#define loop_until(loop, condition)                                                                \
    do {                                                                                           \
        for (int loop_spent = 0; !(condition); loop_spent++) {                                     \
            if (loop_spent >= LOOP_PATIENCE_MS)                                                    \
                fail_msg("never happened: %s", #condition);                                        \
            if (loop_spent > 0)                                                                    \
                usleep(1000);                                                                      \
            uv_run(loop, UV_RUN_NOWAIT);                                                           \
        }                                                                                          \
    } while (0)

/* Everything that is ready now, and what follows from it. */
static inline void loop_settle(uv_loop_t *loop)
{
    for (int i = 0; i < 20; i++) {
        uv_run(loop, UV_RUN_NOWAIT);
        usleep(500);
    }
}

/* All handles were closed: the loop ends by itself and nothing is left in it. */
static inline void loop_end(uv_loop_t *loop)
{
    loop_until(loop, uv_loop_alive(loop) == 0);
    assert_int_equal(uv_loop_close(loop), 0);
}

#endif
