#include "proxy/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

static bool is_own(const struct buf *b)
{
    return b->room > 0;
}

void buf_free(struct buf *b)
{
    if (is_own(b))
        free(b->data);
    buf_init(b, b->limit);
}

/* Its content moves to `room` of its own. False, and failed, for want of memory. */
static bool buf_grow(struct buf *b, size_t room)
{
    uint8_t *data = realloc(is_own(b) ? b->data : NULL, room);
    if (data == NULL) {
        b->failed = true;
        return false;
    }
    if (!is_own(b) && b->size > 0)
        memcpy(data, b->data, b->size);
    b->data = data;
    b->room = room;
    return true;
}

/* Make room for `more` bytes. False, and failed, when the limit or memory forbids. */
static bool buf_reserve(struct buf *b, size_t more)
{
    if (b->failed || more > b->limit - b->size) {
        b->failed = true;
        return false;
    }
    if (b->size + more < b->room)
        return true;

    size_t room = b->room > 0 ? b->room : 256;
    while (room <= b->size + more)
        room *= 2;
    if (room > b->limit)
        room = b->limit + 1;
    return buf_grow(b, room);
}

void buf_put(struct buf *b, const void *data, size_t size)
{
    if (size == 0 || !buf_reserve(b, size))
        return;
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buf_borrow(struct buf *b, const uint8_t *data, size_t size)
{
    const bool follows = b->size == 0 || data == b->data + b->size;
    if (size == 0 || is_own(b) || !follows || b->failed || size > b->limit - b->size) {
        buf_put(b, data, size);
        return;
    }
    if (b->size == 0)
        b->data = (uint8_t *)(uintptr_t)data;
    b->size += size;
}

void buf_own(struct buf *b)
{
    if (is_own(b) || b->size == 0 || buf_reserve(b, 0))
        return;
    b->data = NULL;
    b->size = 0;
}

void buf_puts(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    /* One more for the NUL that vsnprintf writes; it is not counted as content. */
    if (n >= 0 && buf_reserve(b, (size_t)n + 1)) {
        vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

void buf_drop(struct buf *b, size_t size)
{
    assert(size <= b->size);
    if (size == 0)
        return;
    b->size -= size;
    if (is_own(b))
        memmove(b->data, b->data + size, b->size);
    else
        b->data += size;
}
