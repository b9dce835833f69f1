#include "proxy/ipc/codec.h"

#include <string.h>

enum { NO_FD = 0xffffffff };

bool codec_more(const struct codec *c)
{
    return !codec_reads(c) || c->size > 0;
}

const uint8_t *codec_take(struct codec *c, size_t size)
{
    const uint8_t *at = c->data;
    if (c->wrong || size > c->size) {
        c->wrong = true;
        return NULL;
    }
    c->data += size;
    c->size -= size;
    return at;
}

static void raw(struct codec *c, void *data, size_t size)
{
    if (!codec_reads(c)) {
        buf_put(c->out, data, size);
        return;
    }
    const uint8_t *at = codec_take(c, size);
    if (at != NULL)
        memcpy(data, at, size);
    else
        memset(data, 0, size);
}

void codec_u32(struct codec *c, uint32_t *n)
{
    raw(c, n, sizeof *n);
}

void codec_u64(struct codec *c, uint64_t *n)
{
    raw(c, n, sizeof *n);
}

void codec_i32(struct codec *c, int32_t *n)
{
    raw(c, n, sizeof *n);
}

/* What was read, and must not be: nothing then. */
static void refuse_if(struct codec *c, bool bad, uint32_t *n)
{
    codec_expect(c, !bad);
    if (c->wrong)
        *n = 0;
}

void codec_limited(struct codec *c, uint32_t *n, uint32_t most)
{
    codec_u32(c, n);
    refuse_if(c, *n > most, n);
}

void codec_bool(struct codec *c, bool *b)
{
    uint32_t n = *b;
    codec_limited(c, &n, 1);
    if (codec_reads(c))
        *b = n == 1;
}

void codec_fd(struct codec *c, int *fd)
{
    uint32_t n = (uint32_t)*fd;
    codec_limited(c, &n, INT32_MAX);
    if (codec_reads(c))
        *fd = (int)n;
}

void codec_fd_or_none(struct codec *c, int *fd)
{
    uint32_t n = *fd >= 0 ? (uint32_t)*fd : NO_FD;
    codec_u32(c, &n);
    codec_expect(c, n <= INT32_MAX || n == NO_FD);
    if (codec_reads(c))
        *fd = c->wrong || n == NO_FD ? -1 : (int)n;
}

void codec_pid(struct codec *c, pid_t *pid)
{
    uint32_t n = (uint32_t)*pid;
    codec_limited(c, &n, INT32_MAX);
    refuse_if(c, n <= 1, &n);
    if (codec_reads(c))
        *pid = (pid_t)n;
}

void codec_bytes(struct codec *c, void *data, size_t size)
{
    uint32_t n = (uint32_t)size;
    codec_u32(c, &n);
    codec_expect(c, n == size);
    raw(c, data, size);
}

static void write_text(struct codec *c, const char *text)
{
    uint32_t length = (uint32_t)strlen(text);
    codec_u32(c, &length);
    buf_put(c->out, text, length);
}

/* NULL: there is none, or it holds a NUL. */
static const char *read_text(struct codec *c, size_t most, uint32_t *length_r)
{
    codec_u32(c, length_r);
    refuse_if(c, *length_r > most, length_r);
    const uint8_t *at = codec_take(c, *length_r);
    codec_expect(c, at == NULL || memchr(at, '\0', *length_r) == NULL);
    return c->wrong ? NULL : (const char *)at;
}

void codec_short(struct codec *c, char *text, size_t room)
{
    uint32_t length;
    if (!codec_reads(c)) {
        write_text(c, text);
        return;
    }
    const char *at = read_text(c, room - 1, &length);
    if (at == NULL)
        return;
    memcpy(text, at, length);
    text[length] = '\0';
}

void codec_text(struct codec *c, char **text)
{
    uint32_t length;
    if (!codec_reads(c)) {
        write_text(c, *text != NULL ? *text : "");
        return;
    }
    const char *at = read_text(c, UINT32_MAX, &length);
    *text = at != NULL ? strndup(at, length) : NULL;
    codec_expect(c, *text != NULL);
}

void codec_word(struct codec *c, unsigned *index, const char *const *words, unsigned count)
{
    char word[16] = "";
    unsigned i = 0;
    if (!codec_reads(c)) {
        write_text(c, words[*index]);
        return;
    }
    codec_short(c, word, sizeof word);
    while (i < count && strcmp(words[i], word) != 0)
        i++;
    codec_expect(c, i < count);
    *index = c->wrong ? 0 : i;
}
