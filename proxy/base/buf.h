/* buf.h - a growing byte buffer with a hard limit and a sticky failure.
 *
 * Appends are not checked one by one: the first that does not fit (limit or memory) marks the
 * buffer failed, later ones do nothing, and the caller looks once at the end. Behind the content
 * there is always one more byte that may be written to (see tls_conn_send). */
#ifndef TLSFRONT_BASE_BUF_H
#define TLSFRONT_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t size; /* bytes in use */
    size_t room; /* bytes allocated */
    size_t limit;
    bool failed;
};

void buf_init(struct buf *b, size_t limit); /* empty; it never holds more than `limit` bytes */
void buf_free(struct buf *b);               /* leaves it empty and usable again */

/* Append bytes, a text without its NUL, or what printf would write; see above for failures. */
void buf_put(struct buf *b, const void *data, size_t size);
void buf_puts(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first `size` bytes. */
void buf_drop(struct buf *b, size_t size);

#endif
