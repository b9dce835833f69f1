#include "proxy/starttls/step.h"

#include <string.h>

enum dialogue_verdict step_verdict(enum step s)
{
    static const enum dialogue_verdict verdicts[] = {
        [STEP_TAKEN] = DIALOGUE_MORE,     [STEP_LEFT] = DIALOGUE_MORE,
        [STEP_TURN] = DIALOGUE_MORE,      [STEP_UPGRADING] = DIALOGUE_UPGRADE,
        [STEP_RELAYING] = DIALOGUE_RELAY, [STEP_CLOSING] = DIALOGUE_CLOSE,
    };
    return verdicts[s];
}

enum step step_goodbye(struct dialogue_out *out, const char *goodbye)
{
    buf_printf(out->to_client, "%s\r\n", goodbye);
    return STEP_CLOSING;
}

enum step step_end(struct dialogue *t, struct dialogue_out *out, enum dialogue_reason why,
                   const char *reply)
{
    t->reason = why;
    return step_goodbye(out, reply);
}

enum step step_last_word(struct dialogue *t, struct dialogue_out *out, enum dialogue_reason why,
                         const char *reply)
{
    return t->asked.count > 0 ? STEP_LEFT : step_end(t, out, why, reply);
}

enum step step_courtesy(struct dialogue *t, struct dialogue_out *out, const char *goodbye)
{
    return dialogue_courtesy(t) ? step_goodbye(out, goodbye) : STEP_TAKEN;
}

enum step step_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply,
                      const char *goodbye)
{
    if (t->asked.count > 0)
        return STEP_LEFT;
    buf_printf(out->to_client, "%s\r\n", reply);
    return dialogue_error(t) ? step_goodbye(out, goodbye) : STEP_TAKEN;
}

bool verb_is_sound(struct slice word)
{
    for (size_t i = 0; i < word.size; i++) {
        const uint8_t c = word.data[i];
        if (!byte_is_alphanumeric(c) && c != '-' && c != '_')
            return false;
    }
    return word.size > 0;
}

bool command_parse(struct slice line, struct command *c)
{
    *c = (struct command){.line = line, .rest = line};
    c->verb = line_word(&c->rest);
    return verb_is_sound(c->verb) && !slice_has_controls(line);
}

const struct verb *verb_find(const struct verb *rows, struct slice verb)
{
    while (rows->name != NULL && !slice_is(verb, rows->name))
        rows++;
    return rows;
}

void step_put_line(struct buf *out, struct slice line)
{
    buf_put(out, line.data, line.size);
    buf_puts(out, "\r\n");
}

/* What has been seen of CRLF.CRLF, or of a dot alone between other ends of lines, or with blanks
 * behind it: whoever takes that for the end reads the rest of the text as commands. */
enum text_seen {
    TEXT_PLAIN,
    TEXT_CR,
    TEXT_CRLF = STEP_TEXT_BEGIN,
    TEXT_DOT,
    TEXT_DOT_CR,
    TEXT_LF,
    TEXT_ODD_DOT,
};

enum text_found { TEXT_NOTHING, TEXT_END, TEXT_DOUBT };

static bool is_dot(enum text_seen seen)
{
    return seen == TEXT_DOT || seen == TEXT_ODD_DOT;
}

static enum text_seen text_next(enum text_seen seen, uint8_t c)
{
    switch (c) {
    case '\r':
        return seen == TEXT_DOT ? TEXT_DOT_CR : TEXT_CR;
    case '\n':
        return seen == TEXT_CR ? TEXT_CRLF : TEXT_LF;
    case '.':
        if (seen == TEXT_CRLF)
            return TEXT_DOT;
        return seen == TEXT_CR || seen == TEXT_LF || seen == TEXT_DOT_CR ? TEXT_ODD_DOT
                                                                         : TEXT_PLAIN;
    case ' ':
        return is_dot(seen) ? TEXT_ODD_DOT : TEXT_PLAIN;
    default:
        return TEXT_PLAIN;
    }
}

static enum text_found text_take(unsigned *end, uint8_t c)
{
    const enum text_seen seen = (enum text_seen) * end;
    *end = text_next(seen, c);
    if (seen == TEXT_DOT_CR)
        return c == '\n' ? TEXT_END : TEXT_DOUBT;
    return is_dot(seen) && c < ' ' && *end != TEXT_DOT_CR ? TEXT_DOUBT : TEXT_NOTHING;
}

/* So many bytes at a time, without a branch: compilers make a few instructions of it. */
enum { BLOCK = 64 };

static bool is_line_end(uint8_t c)
{
    return (c == '\n') | (c == '\r');
}

/* Does a line begin with a dot, in d[BLOCK] and the byte behind it? */
static bool has_dot_line(const uint8_t *d)
{
    uint8_t any = 0;
    for (size_t i = 0; i < BLOCK; i++)
        any |= (uint8_t)(is_line_end(d[i]) & (d[i + 1] == '.'));
    return any != 0;
}

/* How much there is before the first end of a line with a dot behind it; without one, all but the
 * last byte. */
static size_t before_dot_line(const uint8_t *d, size_t size)
{
    size_t n = 0;
    while (size - n > BLOCK && !has_dot_line(d + n))
        n += BLOCK;
    while (size - n > 1 && (!is_line_end(d[n]) || d[n + 1] != '.'))
        n++;
    return n;
}

/* How much of d[size], size > 0, nothing of a dot alone is in, if nothing of it was seen before.
 * Text is many lines, and few of them begin with a dot. */
static size_t before_dot(const uint8_t *d, size_t size)
{
    const size_t n = before_dot_line(d, size);
    if (!is_line_end(d[n]))
        return size;
    return n > 0 && d[n] == '\n' && d[n - 1] == '\r' ? n - 1 : n;
}

size_t step_text(unsigned *end, struct slice in, bool *over_r, bool *doubtful_r)
{
    enum text_found found = TEXT_NOTHING;
    size_t n = 0;
    while (n < in.size && found != TEXT_END && (found != TEXT_DOUBT || doubtful_r == NULL)) {
        if (*end == TEXT_PLAIN)
            n += before_dot(in.data + n, in.size - n);
        if (n < in.size)
            found = text_take(end, in.data[n++]);
    }
    *over_r = found == TEXT_END;
    if (doubtful_r != NULL)
        *doubtful_r = found == TEXT_DOUBT;
    return n;
}
