/* fuzz_wire_proxy_header.c - PROXY headers: never read outside, and the verdict on a header does
 * not depend on what follows it. */
#include "proxy/wire/proxy_header_parse.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_header_received whole, again;
    if (proxy_header_parse(data, size, &whole) != PROXY_HEADER_OK)
        return 0;
    assert(whole.size > 0 && whole.size <= size);
    uint8_t *copy = malloc(whole.size);
    if (copy == NULL)
        return 0;
    memcpy(copy, data, whole.size);
    assert(proxy_header_parse(copy, whole.size, &again) == PROXY_HEADER_OK);
    assert(whole.size == again.size && whole.known == again.known && whole.own == again.own);
    assert(!whole.own || !whole.known);
    assert(memcmp(&whole.client, &again.client, sizeof whole.client) == 0);
    assert(memcmp(&whole.local, &again.local, sizeof whole.local) == 0);
    assert(proxy_header_parse(copy, whole.size - 1, &again) == PROXY_HEADER_MORE);
    free(copy);
    return 0;
}
