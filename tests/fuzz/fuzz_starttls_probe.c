/* fuzz_starttls_probe.c - greetings of servers that are visited: never read outside, the words lie
 * within what was said, and a verdict stands whatever follows. The first byte is the protocol. */
#undef NDEBUG /* the assertions are the test */
#include "proxy/starttls/starttls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* From memory of its own, so that a byte too many is seen. */
static enum probe_verdict judge(enum protocol p, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    struct slice words;
    assert(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    const enum probe_verdict verdict =
        probe_judge(starttls_probe(p), (struct slice){copy, size}, &words);
    assert(words.size == 0 ||
           (verdict == PROBE_ILL && words.data >= copy && words.data + words.size <= copy + size));
    free(copy);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > 2 * (size_t)PROBE_MAX)
        return 0;
    const enum protocol p = (enum protocol)(data[0] % PROTOCOLS);
    enum probe_verdict stands = PROBE_MORE;
    for (size_t n = 0; n < size; n += 1 + n / 8) {
        const enum probe_verdict verdict = judge(p, data + 1, n);
        assert(stands == PROBE_MORE || verdict == stands);
        stands = verdict;
    }
    assert(size <= PROBE_MAX || judge(p, data + 1, size - 1) != PROBE_MORE);
    return 0;
}
