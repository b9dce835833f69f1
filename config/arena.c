/* arena.c - a list of allocations. */
#include "config/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_piece {
    struct arena_piece *next;
    max_align_t data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_piece *piece = NULL;
    if (size <= SIZE_MAX - sizeof *piece)
        piece = calloc(1, sizeof *piece + size);
    if (piece == NULL) {
        a->failed = true;
        return NULL;
    }
    piece->next = a->pieces;
    a->pieces = piece;
    return piece->data;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size) {
        a->failed = true;
        return NULL;
    }
    return arena_alloc(a, count * size);
}

char *arena_copy(struct arena *a, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(a, size);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

char *arena_format(struct arena *a, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : arena_alloc(a, (size_t)length + 1);
    if (text != NULL)
        vsnprintf(text, (size_t)length + 1, format, again);
    else
        a->failed = true;
    va_end(again);
    va_end(args);
    return text;
}

bool arena_headroom(struct arena *a, size_t size)
{
    void *probe = malloc(size);
    free(probe);
    a->failed |= probe == NULL;
    return probe != NULL;
}

void arena_free(struct arena *a)
{
    while (a->pieces != NULL) {
        struct arena_piece *next = a->pieces->next;
        free(a->pieces);
        a->pieces = next;
    }
    a->failed = false;
}
