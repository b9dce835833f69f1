#include "proxy/starttls/sieve_syntax.h"

#include <string.h>

/* ---- tokens ---- */

static void move(struct slice *in, size_t n)
{
    in->data += n;
    in->size -= n;
}

/* The line ends at in->data[at]: its length, 0 if it does not, or -1 if that cannot be told yet. */
static int line_end_at(struct slice in, size_t at)
{
    if (at == in.size)
        return -1;
    if (in.data[at] == '\n')
        return 1;
    if (in.data[at] != '\r')
        return 0;
    if (at + 1 == in.size)
        return -1;
    return in.data[at + 1] == '\n' ? 2 : 0;
}

static bool is_atom(uint8_t c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '(' && c != ')' && c != '{' && c != '}' &&
           c != '\\';
}

static enum sieve_kind atom(struct slice *in, struct slice *text)
{
    size_t n = 0;
    while (n < in->size && is_atom(in->data[n]))
        n++;
    *text = (struct slice){in->data, n};
    if (n == 0)
        return SIEVE_BAD;
    const enum sieve_kind kind = n == in->size ? SIEVE_MORE : SIEVE_ATOM;
    move(in, n);
    return kind;
}

/* RFC 5804, 4: no NUL, CR or LF. */
static enum sieve_kind quoted(struct slice *in, struct slice *text)
{
    size_t n = 1;
    for (; n < in->size && in->data[n] != '"'; n++) {
        if (in->data[n] == '\\' && ++n == in->size)
            return SIEVE_MORE;
        if (in->data[n] == '\0' || in->data[n] == '\r' || in->data[n] == '\n')
            return SIEVE_BAD;
    }
    if (n == in->size)
        return SIEVE_MORE;
    *text = (struct slice){in->data + 1, n - 1};
    move(in, n + 1);
    return SIEVE_QUOTED;
}

static enum sieve_kind literal(struct slice *in, struct slice *text)
{
    size_t n = 1, size = 0;
    for (; n < in->size && byte_is_digit(in->data[n]); n++) {
        size = size * 10 + (size_t)(in->data[n] - '0');
        if (size > SIEVE_UNIT_MAX)
            return SIEVE_TOO_LONG;
    }
    const bool digits = n > 1;
    if (n < in->size && in->data[n] == '+')
        n++;
    if (n == in->size)
        return SIEVE_MORE;
    if (!digits || in->data[n] != '}')
        return SIEVE_BAD;
    const int end = line_end_at(*in, ++n);
    if (end == 0)
        return SIEVE_BAD;
    if (end < 0 || in->size - n - (size_t)end < size)
        return SIEVE_MORE;
    *text = (struct slice){in->data + n + (size_t)end, size};
    move(in, n + (size_t)end + size);
    return SIEVE_LITERAL;
}

void sieve_token_next(struct slice *in, struct sieve_token *t)
{
    while (in->size > 0 && (in->data[0] == ' ' || in->data[0] == '\t'))
        move(in, 1);
    t->text = (struct slice){in->data, in->size > 0};
    const int end = line_end_at(*in, 0);
    if (end != 0) {
        t->kind = end < 0 ? SIEVE_MORE : SIEVE_END;
        move(in, end < 0 ? 0 : (size_t)end);
    } else if (in->data[0] == '"') {
        t->kind = quoted(in, &t->text);
    } else if (in->data[0] == '{') {
        t->kind = literal(in, &t->text);
    } else if (in->data[0] == '(' || in->data[0] == ')') {
        t->kind = SIEVE_PARENTHESIS;
        move(in, 1);
    } else {
        t->kind = atom(in, &t->text);
    }
}

bool sieve_is_string(const struct sieve_token *t)
{
    return t->kind == SIEVE_QUOTED || t->kind == SIEVE_LITERAL;
}

/* ---- units ---- */

/* How far it is from where `in` begins to where `rest` does; too far, or not yet clear. */
static enum sieve_result measure(struct slice in, struct slice rest, enum sieve_result result,
                                 struct slice *raw)
{
    *raw = (struct slice){in.data, in.size - rest.size};
    return raw->size > SIEVE_UNIT_MAX ? SIEVE_UNIT_TOO_LONG : result;
}

static enum sieve_result skip_bad_line(struct slice *in, struct slice rest)
{
    struct slice line, raw;
    if (line_next(&rest, SIEVE_UNIT_MAX, &line, NULL) != LINE_OK)
        return in->size > SIEVE_UNIT_MAX ? SIEVE_UNIT_TOO_LONG : SIEVE_UNIT_MORE;
    const enum sieve_result result = measure(*in, rest, SIEVE_UNIT_BAD, &raw);
    if (result == SIEVE_UNIT_BAD)
        *in = rest;
    return result;
}

enum sieve_result sieve_unit_next(struct slice *in, struct sieve_unit *u)
{
    struct slice rest = *in;
    struct sieve_token t = {.kind = SIEVE_MORE};
    for (bool first = true; first || t.kind != SIEVE_END; first = false) {
        const struct slice before = rest;
        sieve_token_next(&rest, &t);
        if (t.kind == SIEVE_BAD)
            return skip_bad_line(in, before);
        if (t.kind == SIEVE_TOO_LONG)
            return SIEVE_UNIT_TOO_LONG;
        if (t.kind == SIEVE_MORE)
            return in->size > SIEVE_UNIT_MAX ? SIEVE_UNIT_TOO_LONG : SIEVE_UNIT_MORE;
        if (first)
            *u = (struct sieve_unit){.first = t, .rest = rest};
    }
    const enum sieve_result result = measure(*in, rest, SIEVE_UNIT_OK, &u->raw);
    u->rest.size -= rest.size;
    if (result == SIEVE_UNIT_OK)
        *in = rest;
    return result;
}

bool sieve_literal_at(struct slice line, uint64_t *size_r)
{
    size_t end = line.size;
    *size_r = 0;
    if (end == 0 || line.data[--end] != '}')
        return false;
    if (end > 0 && line.data[end - 1] == '+')
        end--;
    size_t start = end;
    while (start > 0 && byte_is_digit(line.data[start - 1]))
        start--;
    if (start == end || start == 0 || line.data[start - 1] != '{')
        return false;
    for (size_t i = start; i < end; i++)
        *size_r =
            *size_r < UINT64_MAX / 16 ? *size_r * 10 + (uint64_t)(line.data[i] - '0') : UINT64_MAX;
    return true;
}

bool sieve_is_alone(const struct sieve_unit *u)
{
    struct slice rest = u->rest;
    struct sieve_token t;
    sieve_token_next(&rest, &t);
    return t.kind == SIEVE_END;
}

static bool is_escaped(uint8_t c)
{
    return c == '"' || c == '\\';
}

/* RFC 5804, 4: what a quoted string may hold. Dovecot counts the backslashes. */
static bool fits_quotes(struct slice text)
{
    enum { QUOTED_MAX = 1024 };
    size_t size = text.size;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\0' || text.data[i] == '\r' || text.data[i] == '\n')
            return false;
        size += is_escaped(text.data[i]);
    }
    return size <= QUOTED_MAX;
}

static bool is_base64(struct slice text)
{
    static const char others[] = "+/=";
    for (size_t i = 0; i < text.size; i++) {
        const uint8_t c = text.data[i];
        if (!byte_is_alphanumeric(c) && memchr(others, c, sizeof others - 1) == NULL)
            return false;
    }
    return true;
}

bool sieve_is_plain(struct slice raw)
{
    struct sieve_token t;
    for (sieve_token_next(&raw, &t); t.kind != SIEVE_END; sieve_token_next(&raw, &t))
        if (t.kind == SIEVE_LITERAL && !fits_quotes(t.text) && !is_base64(t.text))
            return false;
    return true;
}

static void put_quoted(struct buf *out, struct slice text)
{
    buf_puts(out, "\"");
    for (size_t i = 0; i < text.size; i++) {
        if (is_escaped(text.data[i]))
            buf_puts(out, "\\");
        buf_put(out, &text.data[i], 1);
    }
    buf_puts(out, "\"");
}

static void put_token(struct buf *out, const struct sieve_token *t)
{
    if (t->kind == SIEVE_LITERAL && fits_quotes(t->text)) {
        put_quoted(out, t->text);
        return;
    }
    const char *quote = t->kind == SIEVE_QUOTED ? "\"" : "";
    if (t->kind == SIEVE_LITERAL)
        buf_printf(out, "{%zu+}\r\n", t->text.size);
    buf_puts(out, quote);
    buf_put(out, t->text.data, t->text.size);
    buf_puts(out, quote);
}

void sieve_put_unit(struct buf *out, struct slice raw)
{
    const char *blank = "";
    struct sieve_token t;
    for (sieve_token_next(&raw, &t); t.kind != SIEVE_END; sieve_token_next(&raw, &t)) {
        buf_puts(out, blank);
        put_token(out, &t);
        blank = " ";
    }
    buf_puts(out, "\r\n");
}
