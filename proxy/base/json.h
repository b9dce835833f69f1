/* json.h - writing JSON text into a buf. Commas are the writer's business, nesting the caller's. */
#ifndef TLSFRONT_BASE_JSON_H
#define TLSFRONT_BASE_JSON_H

#include "proxy/base/buf.h"

#include <stdint.h>

/* Each appends to `b`. `key` is NULL inside arrays and for the outermost. A NULL string becomes
 * null. Bytes that are not UTF-8 are replaced. */
void json_object(struct buf *b, const char *key);
void json_object_end(struct buf *b);
void json_array(struct buf *b, const char *key);
void json_array_end(struct buf *b);
void json_string(struct buf *b, const char *key, const char *value);
void json_number(struct buf *b, const char *key, int64_t value);
void json_bool(struct buf *b, const char *key, bool value);

#endif
