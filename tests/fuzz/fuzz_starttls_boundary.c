/* fuzz_starttls_boundary.c - where a client is in what it reads never depends on how that was cut,
 * and what is lost stays so. The first byte chooses the protocol, the second the cut. */
#include "proxy/starttls/starttls.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct boundary whole = {0}, cut = {0};
    if (size < 2)
        return 0;
    const struct boundary_rules *rules = starttls_boundary((enum protocol)(data[0] % PROTOCOLS));
    const size_t step = (size_t)data[1] + 1;
    const struct slice in = {data + 2, size - 2};
    boundary_read(&whole, rules, in);
    for (size_t at = 0; at < in.size; at += step) {
        const bool known = boundary_known(&cut, rules);
        const size_t n = in.size - at < step ? in.size - at : step;
        boundary_read(&cut, rules, (struct slice){in.data + at, n});
        assert(known || !boundary_known(&cut, rules));
    }
    assert(boundary_known(&whole, rules) == boundary_known(&cut, rules));
    assert(boundary_reached(&whole, rules) == boundary_reached(&cut, rules));
    return 0;
}
