/* step.c - see step.h. */
#include "proxy/starttls/step.h"

#include <string.h>

enum talk_verdict step_verdict(enum step s)
{
    static const enum talk_verdict verdicts[] = {
        [STEP_TAKEN] = TALK_MORE,     [STEP_LEFT] = TALK_MORE,     [STEP_UPGRADING] = TALK_UPGRADE,
        [STEP_RELAYING] = TALK_RELAY, [STEP_CLOSING] = TALK_CLOSE,
    };
    return verdicts[s];
}

/* Anything else in a verb could make it mean something else to the upstream than to us. */
static bool is_verb(struct slice word)
{
    for (size_t i = 0; i < word.size; i++) {
        const uint8_t c = word.data[i];
        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') &&
            c != '-' && c != '_')
            return false;
    }
    return word.size > 0;
}

bool command_parse(struct slice line, struct command *c)
{
    *c = (struct command){.line = line, .rest = line};
    c->verb = line_word(&c->rest);
    return is_verb(c->verb) && !slice_has_controls(line);
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

/* Whoever takes LF.LF for the end reads the rest of the text as commands. */
static bool text_ends(unsigned *end, uint8_t c)
{
    static const uint8_t marks[] = "\r\n.\r\n";
    if (c == marks[*end])
        ++*end;
    else
        *end = c == '\r' ? 1 : 0;
    return *end == sizeof marks - 1;
}

size_t step_text(unsigned *end, struct slice in, bool *over_r)
{
    *over_r = false;
    size_t n = 0;
    while (n < in.size && !*over_r) {
        if (*end == 0) {
            const uint8_t *cr = memchr(in.data + n, '\r', in.size - n);
            if (cr == NULL)
                return in.size;
            n = (size_t)(cr - in.data);
        }
        *over_r = text_ends(end, in.data[n++]);
    }
    return n;
}
