/* pool.c - memory, or the end. */
#include "proxy/import/pool.h"
#include "proxy/base/exits.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *there(void *memory)
{
    if (memory != NULL)
        return memory;
    fputs("tlsfront: out of memory\n", stderr);
    exit(EXIT_RUNTIME);
}

void *pool_alloc(struct arena *a, size_t size)
{
    return there(arena_alloc(a, size));
}

void *pool_array(struct arena *a, size_t count, size_t size)
{
    return there(arena_array(a, count, size));
}

void *pool_grow(struct arena *a, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    const size_t more = *room == 0 ? 4 : *room * 2;
    void *grown = there(arena_array(a, more, size));
    if (count > 0)
        memcpy(grown, items, count * size);
    *room = more;
    return grown;
}

char *pool_text(struct arena *a, const char *bytes, size_t size)
{
    char *text = pool_alloc(a, size + 1);
    if (size > 0)
        memcpy(text, bytes, size);
    return text;
}

char *pool_lower(struct arena *a, const char *text)
{
    char *lower = pool_text(a, text, strlen(text));
    for (char *c = lower; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return lower;
}

char *pool_format(struct arena *a, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = pool_alloc(a, (size_t)(size < 0 ? 0 : size) + 1);
    va_start(arguments, format);
    if (size > 0)
        vsnprintf(text, (size_t)size + 1, format, arguments);
    va_end(arguments);
    return text;
}
