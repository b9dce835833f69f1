/* fuzz_ipc_handover.c - whatever a state says: nothing out of bounds, nothing lost, and what is
 * understood is written as it was read.
 *
 * Input: a state, but for its size, which is put right. */
#include "proxy/ipc/handover.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SIZE_AT = 12 };

static void check(void *arg, int *fd)
{
    (void)arg;
    if (*fd < 0)
        abort();
}

static void write_again(const struct handover *h)
{
    struct buf once, twice;
    struct handover back;
    struct err e;
    buf_init(&once, HANDOVER_MAX);
    buf_init(&twice, HANDOVER_MAX);
    handover_encode(h, &once);
    if (once.failed || handover_decode(once.data, once.size, &back, &e) != 0)
        abort();
    handover_encode(&back, &twice);
    if (twice.failed || once.size != twice.size || memcmp(once.data, twice.data, once.size) != 0)
        abort();
    handover_free(&back);
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct handover h;
    struct err e;
    uint8_t *copy = malloc(size + 1);
    const uint32_t claimed = (uint32_t)size;
    if (copy == NULL)
        return 0;
    memcpy(copy, data, size);
    if (size >= SIZE_AT + sizeof claimed)
        memcpy(copy + SIZE_AT, &claimed, sizeof claimed);
    if (handover_decode(copy, size, &h, &e) == 0) {
        handover_descriptors(&h, check, NULL);
        write_again(&h);
        handover_free(&h);
    }
    free(copy);
    return 0;
}
