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
