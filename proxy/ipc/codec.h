/* codec.h - records of fields, which the same walk writes and reads, so that their order stands in
 * one place: 32 and 64 bit numbers as the machine has them, bytes behind their number.
 *
 * Whoever writes has sound values; nothing is changed then. Whoever reads gets what is there: once
 * something is missing or wrong all that follows is 0, and `wrong` says so. */
#ifndef TLSFRONT_IPC_CODEC_H
#define TLSFRONT_IPC_CODEC_H

#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct codec {
    struct buf *out;     /* it writes there; NULL: it reads */
    const uint8_t *data; /* what is left to be read */
    size_t size;
    bool wrong;
};

static inline bool codec_reads(const struct codec *c)
{
    return c->out == NULL;
}

/* What was read has to be so. */
static inline void codec_expect(struct codec *c, bool right)
{
    c->wrong |= codec_reads(c) && !right;
}

/* Does another field follow? A writer has all that it knows. */
bool codec_more(const struct codec *c);

/* The next bytes, to be read where they are. NULL: there are not so many. */
const uint8_t *codec_take(struct codec *c, size_t size);

void codec_u32(struct codec *c, uint32_t *n);
void codec_u64(struct codec *c, uint64_t *n);
void codec_i32(struct codec *c, int32_t *n);

/* A number that is no higher. */
void codec_limited(struct codec *c, uint32_t *n, uint32_t most);
void codec_bool(struct codec *c, bool *b);

/* A descriptor; of the second -1, too, where there is none. */
void codec_fd(struct codec *c, int *fd);
void codec_fd_or_none(struct codec *c, int *fd);

/* Of a child: neither a group nor process 1. */
void codec_pid(struct codec *c, pid_t *pid);

/* So many bytes. */
void codec_bytes(struct codec *c, void *data, size_t size);

/* Text into the room that there is for it. */
void codec_short(struct codec *c, char *text, size_t room);

/* Text that the reader's owner frees; a writer's NULL is none. */
void codec_text(struct codec *c, char **text);

/* One of some short words, by its index. */
void codec_word(struct codec *c, unsigned *index, const char *const *words, unsigned count);

#endif
