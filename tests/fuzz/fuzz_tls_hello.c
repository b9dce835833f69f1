/* fuzz_tls_hello.c - plaintext handshake messages: put together, then read as ClientHellos, with
 * their key shares. The first byte is the size of the pieces; they must come out as if given at
 * once. */
#include "tls/key_shares.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All messages of the stream, one behind the other. */
static size_t collect(const uint8_t *data, size_t size, size_t step, uint8_t *out)
{
    struct hello_stream s = {0};
    size_t total = 0;
    enum hello_result r = HELLO_MORE;
    for (size_t at = 0; at < size && r == HELLO_MORE; at += step) {
        struct tls_slice payload = {data + at, size - at < step ? size - at : step}, message;
        while ((r = hello_next(&s, &payload, &message)) == HELLO_MESSAGE) {
            struct hello h;
            if (hello_read(message, &h) == HELLO_OK)
                key_shares_judge(&h, 0x001d);
            memcpy(out + total, message.data, message.size);
            total += message.size;
        }
    }
    hello_free(&s);
    return total;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t step = data[0] > 0 ? data[0] : 1;
    uint8_t *whole = malloc(size), *pieces = malloc(size);
    if (whole == NULL || pieces == NULL)
        abort();
    size_t a = collect(data + 1, size - 1, size, whole);
    size_t b = collect(data + 1, size - 1, step, pieces);
    if (a != b || memcmp(whole, pieces, a) != 0)
        abort();
    free(whole);
    free(pieces);
    return 0;
}
