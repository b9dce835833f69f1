#include "tls/memory.h"

#include "tls/mbed.h"

#include <stdlib.h>
#include <string.h>

bool (*memory_gate)(size_t count, size_t size);

static bool failed;

static bool refused(size_t count, size_t size)
{
    return memory_gate != NULL && !memory_gate(count, size);
}

void *memory_calloc(size_t count, size_t size)
{
    void *block = refused(count, size) ? NULL : calloc(count, size);
    failed = failed || block == NULL;
    return block;
}

void *memory_grow(void *block, size_t size)
{
    void *grown = refused(1, size) ? NULL : realloc(block, size);
    failed = failed || grown == NULL;
    return grown;
}

void *memory_copy(const void *data, size_t size)
{
    void *copy = memory_calloc(1, size > 0 ? size : 1);
    if (copy != NULL && size > 0)
        memcpy(copy, data, size);
    return copy;
}

char *memory_text(const char *text)
{
    return memory_copy(text, strlen(text) + 1);
}

void memory_wipe_free(void *block, size_t size)
{
    if (block == NULL)
        return;
    mbedtls_platform_zeroize(block, size);
    free(block);
}

bool memory_failed(void)
{
    bool was = failed;
    failed = false;
    return was;
}
