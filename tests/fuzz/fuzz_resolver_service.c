/* fuzz_resolver_service.c - answers of name servers: never read outside, and what is taken is in
 * order. */
#undef NDEBUG /* the assertions are the test */
#include "proxy/resolver/service.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct service s;
    uint8_t *copy = malloc(size > 0 ? size : 1); /* so that a byte too many is seen */
    if (copy == NULL)
        return 0;
    if (size > 0)
        memcpy(copy, data, size);
    const int result = service_parse(copy, size, &s);
    free(copy);
    assert((result == 0) == (s.count > 0) && s.count <= SERVICE_TARGETS_MAX);
    for (size_t i = 0; i < s.count; i++) {
        assert(memchr(s.targets[i].host, '\0', sizeof s.targets[i].host) != NULL);
        assert(service_share(&s.targets[i], 1).weight > 0);
        assert(i == 0 || (s.targets[i].priority >= s.targets[i - 1].priority &&
                          s.targets[i].tier >= s.targets[i - 1].tier));
    }
    return 0;
}
