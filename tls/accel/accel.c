/* accel.c - AWS-LC's start and memory */
#include "tls/accel/accel.h"
#include "tls/accel/inner.h"

#include <mbedtls/platform_util.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <psa/crypto.h>
#include <stdlib.h>

/* ---- memory: AWS-LC calls these if they are there, and leaves it to them to wipe ---- */

void *OPENSSL_memory_alloc(size_t size);
void OPENSSL_memory_free(void *bytes);
size_t OPENSSL_memory_get_size(void *bytes);

struct heap_block {
    _Alignas(max_align_t) size_t size;
    _Alignas(max_align_t) uint8_t bytes[];
};

static void *(*grow_memory)(void *block, size_t size) = realloc;

static struct heap_block *heap_block(void *bytes)
{
    return (struct heap_block *)((uint8_t *)bytes - offsetof(struct heap_block, bytes));
}

void *OPENSSL_memory_alloc(size_t size)
{
    if (size > SIZE_MAX - sizeof(struct heap_block))
        return NULL;
    struct heap_block *block = grow_memory(NULL, sizeof *block + size);
    if (block == NULL)
        return NULL;
    block->size = size;
    return block->bytes;
}

void OPENSSL_memory_free(void *bytes)
{
    struct heap_block *block = heap_block(bytes);
    mbedtls_platform_zeroize(bytes, block->size);
    free(block);
}

size_t OPENSSL_memory_get_size(void *bytes)
{
    return heap_block(bytes)->size;
}

/* ---- random numbers ---- */

/* It ends the process where it has none, and knows of forks. A call to the kernel for each of the
 * five that a handshake takes would cost more than they do. */
psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context,
                                             uint8_t *output, size_t output_size,
                                             size_t *output_length)
{
    (void)context;
    *output_length = output_size;
    return RAND_bytes(output, output_size) == 1 ? PSA_SUCCESS : PSA_ERROR_INSUFFICIENT_ENTROPY;
}

/* ---- start ---- */

/* Whatever looks at the CPU, opens something, or takes memory once and ends the process where it
 * gets none, happens here: AWS-LC's random generator is started, too. */
static bool start(void)
{
    CRYPTO_pre_sandbox_init();
    bool good = curve_init();
    ERR_clear_error();
    return good;
}

const char *accel_init(void *(*grow)(void *block, size_t size))
{
    static bool started;
    if (started)
        return NULL;
    grow_memory = grow;
    const char *wrong = start() ? check_all() : "AWS-LC does not start";
    started = wrong == NULL;
    return wrong;
}

const char *accel_text(void)
{
    return "AWS-LC " AWSLC_VERSION_NUMBER_STRING;
}
