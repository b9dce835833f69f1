/* fuzz_starttls_ber.c - every element that is read lies in its slice, and can be written and read
 * again. */
#undef NDEBUG /* the assertions are the test */
#include "proxy/starttls/ber.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice outer, struct slice inner)
{
    assert(inner.data >= outer.data && inner.size <= outer.size);
    assert((size_t)(inner.data - outer.data) <= outer.size - inner.size);
}

static void check_number(uint8_t tag, struct slice contents)
{
    int64_t value, again;
    if (!ber_value(contents, &value) || value < 0 || value > UINT32_MAX)
        return;
    struct buf b;
    buf_init(&b, 64);
    ber_put_number(&b, tag, (uint32_t)value);
    struct slice in = {b.data, b.size};
    assert(!b.failed && ber_number(&in, tag, &again) && again == value && in.size == 0);
    buf_free(&b);
}

static void check_written(uint8_t tag, struct slice contents)
{
    struct buf b;
    buf_init(&b, contents.size + 16);
    ber_put(&b, tag, contents.data, contents.size);
    struct slice in = {b.data, b.size}, again;
    assert(!b.failed && ber_expect(&in, tag, &again) && in.size == 0);
    assert(again.size == contents.size && memcmp(again.data, contents.data, again.size) == 0);
    buf_free(&b);
}

/* The header says the same as the element, and no beginning of it says anything else than MORE. */
static void check_header(struct slice all)
{
    struct slice in = all;
    uint8_t tag, found;
    size_t size, again;
    if (ber_header(&in, &tag, &size) != BER_OK) {
        assert(in.data == all.data && in.size == all.size);
        return;
    }
    const size_t header = all.size - in.size;
    assert(header >= 2 && header <= BER_HEADER_MAX && size <= BER_SIZE_MAX);
    for (size_t n = 0; n <= header; n++) {
        struct slice part = {all.data, n};
        const enum ber_result result = ber_header(&part, &found, &again);
        assert(result == (n < header ? BER_MORE : BER_OK));
    }
    assert(found == tag && again == size);
}

static void walk(struct slice in, unsigned depth)
{
    uint8_t tag;
    struct slice contents;
    for (;;) {
        const struct slice before = in;
        check_header(in);
        if (!ber_take(&in, &tag, &contents)) {
            assert(in.data == before.data && in.size == before.size);
            return;
        }
        check_inside(before, contents);
        check_inside(before, in);
        assert(contents.data + contents.size == in.data);
        check_number(tag, contents);
        check_written(tag, contents);
        if ((tag & 0x20) != 0 && depth < 30)
            walk(contents, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    walk((struct slice){data, size}, 0);
    return 0;
}
