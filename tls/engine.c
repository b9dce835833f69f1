/* engine.c - what the connections of a worker share */
#include "tls/engine.h"

#include "tls/memory.h"

#include <ssl_misc.h> /* of mbedTLS's library/: sizes of buffers */

#include <stdlib.h>
#include <string.h>

enum {
    RECORD_MAX = 5 + 16640,
    /* Plaintext never outgrows the ciphertext that one call works on: the chunk, and the record
     * that was kept from the last one. */
    PLAIN_SIZE = (64 << 10) + RECORD_MAX,
    /* A chunk in records, or a server's flight with a long chain. More is rare, and grows. */
    WIRE_SIZE = (64 << 10) + 8192,
};

static const uint64_t REKEY_AFTER = (uint64_t)1 << 24;

static bool buffer_new(struct engine_buffer *b, size_t capacity)
{
    b->data = memory_calloc(1, capacity);
    b->capacity = b->data != NULL ? capacity : 0;
    return b->data != NULL;
}

struct tls_engine *tls_engine_new(struct err *e)
{
    struct tls_engine *engine = memory_calloc(1, sizeof *engine);
    if (engine == NULL || !buffer_new(&engine->plain, PLAIN_SIZE) ||
        !buffer_new(&engine->wire, WIRE_SIZE)) {
        err_set(e, "out of memory for the TLS engine's buffers");
        tls_engine_free(engine);
        return NULL;
    }
    engine->rekey_after = REKEY_AFTER;
    if (tickets_set(&engine->tickets, NULL) < 0) {
        err_set(e, "the system gives no random numbers for a ticket key");
        tls_engine_free(engine);
        return NULL;
    }
    return engine;
}

void tls_engine_free(struct tls_engine *e)
{
    if (e == NULL)
        return;
    while (e->spares > 0)
        free(e->spare[--e->spares]);
    resumption_free(e->resumption);
    memory_wipe_free(e->plain.data, e->plain.capacity);
    memory_wipe_free(e->wire.data, e->wire.capacity);
    memory_wipe_free(e, sizeof *e);
}

void tls_engine_set_ticket_keys(struct tls_engine *e, const struct tls_ticket_keys *k)
{
    tickets_set(&e->tickets, k); /* on failure the old ones stay */
}

void engine_begin(struct tls_engine *e)
{
    e->plain.size = 0;
    e->wire.size = 0;
}

bool engine_reserve(struct engine_buffer *b, size_t size)
{
    if (b->capacity - b->size >= size)
        return true;
    size_t capacity = b->capacity;
    while (capacity - b->size < size)
        capacity *= 2;
    uint8_t *data = memory_calloc(1, capacity);
    if (data == NULL)
        return false;
    memcpy(data, b->data, b->size);
    memory_wipe_free(b->data, b->capacity);
    b->data = data;
    b->capacity = capacity;
    return true;
}

bool engine_lend(struct tls_engine *e, uint8_t **in, uint8_t **out)
{
    if (e->spares >= 2) {
        *out = e->spare[--e->spares];
        *in = e->spare[--e->spares];
        return true;
    }
    *in = memory_calloc(1, MBEDTLS_SSL_IN_BUFFER_LEN);
    *out = memory_calloc(1, MBEDTLS_SSL_OUT_BUFFER_LEN);
    if (*in != NULL && *out != NULL)
        return true;
    free(*in);
    free(*out);
    *in = *out = NULL;
    return false;
}

void engine_take_back(struct tls_engine *e, uint8_t *in, uint8_t *out)
{
    if (in == NULL || out == NULL || e->spares == sizeof e->spare / sizeof *e->spare) {
        memory_wipe_free(in, MBEDTLS_SSL_IN_BUFFER_LEN);
        memory_wipe_free(out, MBEDTLS_SSL_OUT_BUFFER_LEN);
        return;
    }
    mbedtls_platform_zeroize(in, MBEDTLS_SSL_IN_BUFFER_LEN);
    mbedtls_platform_zeroize(out, MBEDTLS_SSL_OUT_BUFFER_LEN);
    e->spare[e->spares++] = in;
    e->spare[e->spares++] = out;
}

struct tls_slice engine_slice(const struct engine_buffer *b)
{
    return (struct tls_slice){b->data, b->size};
}
