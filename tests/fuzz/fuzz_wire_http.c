/* fuzz_wire_http.c - requests in clear: never read outside, and the first verdict on the bytes
 * that have come stands, whatever follows. */
#undef NDEBUG /* the assertions are the test */
#include "proxy/wire/http.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Where the verdict first falls; halving, since after it, it never changes. */
static size_t first_verdict(enum http_site site, const uint8_t *data, size_t size)
{
    struct http_request r;
    size_t more = 0, enough = size;
    while (more < enough) {
        const size_t middle = more + (enough - more) / 2;
        if (http_parse(site, data, middle, &r) == HTTP_MORE)
            more = middle + 1;
        else
            enough = middle;
    }
    return enough;
}

static void check(enum http_site site, const uint8_t *data, size_t size)
{
    struct http_request whole, part;
    const enum http_status status = http_parse(site, data, size, &whole);
    if (status == HTTP_MORE) {
        assert(size < HTTP_HEAD_MAX);
        return;
    }
    assert(status == HTTP_OK
               ? site == HTTP_POLICY || challenge_token_valid(whole.token, strlen(whole.token))
               : status >= HTTP_BAD_REQUEST);
    const size_t enough = first_verdict(site, data, size);
    uint8_t *copy = malloc(enough > 0 ? enough : 1);
    if (copy == NULL)
        return;
    memcpy(copy, data, enough);
    assert(enough <= HTTP_HEAD_MAX && enough > 0);
    assert(http_parse(site, copy, enough, &part) == status);
    assert(memcmp(&part, &whole, sizeof part) == 0);
    assert(http_parse(site, copy, enough - 1, &part) == HTTP_MORE);
    free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int site = 0; site < HTTP_SITES; site++)
        check((enum http_site)site, data, size);
    return 0;
}
