/* buf.h - a growing byte buffer with a hard limit and a sticky failure.
 *
 * Appends are not checked one by one: the first that does not fit (limit or memory) marks the
 * buffer failed, later ones do nothing, and the caller looks once at the end. Behind the content
 * there is always one more byte that may be written to (see tls_conn_send).
 *
 * What only passes through need not be copied: buf_borrow(). */
#ifndef TLSFRONT_BASE_BUF_H
#define TLSFRONT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t size; /* bytes in use */
    size_t room; /* bytes allocated; 0: there are none, or they are borrowed */
    size_t limit;
    bool failed;
};

void buf_init(struct buf *b, size_t limit); /* empty; it never holds more than `limit` bytes */
void buf_free(struct buf *b);               /* leaves it empty and usable again */

/* Append bytes, a text without its NUL, or what printf would write; see above for failures. */
void buf_put(struct buf *b, const void *data, size_t size);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As buf_put(), but the bytes may stay where they are: a buffer without any of its own borrows
 * them, and more that follow right behind. They, and a byte behind them that may be written to,
 * have to stay until the buffer is freed or owns what it holds. It does so when something else is
 * appended, or it is told to; a failure leaves it empty then. */
void buf_borrow(struct buf *b, const uint8_t *data, size_t size);
void buf_own(struct buf *b);

/* Drop the first `size` bytes. */
void buf_drop(struct buf *b, size_t size);

#endif
