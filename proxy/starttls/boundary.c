#include "proxy/starttls/boundary.h"
#include "proxy/starttls/step.h"

#include <string.h>

enum boundary_state {
    BOUNDARY_UNITS,
    BOUNDARY_BYTES,    /* `bytes` of a literal, or of a message */
    BOUNDARY_TEXT,     /* up to CRLF.CRLF */
    BOUNDARY_DOUBTFUL, /* lines, or a text, as the next line will show */
    BOUNDARY_LOST,
};

/* ---- lines ---- */

static void put_head(struct boundary *b, struct slice part)
{
    const size_t room = BOUNDARY_HEAD - b->head_size;
    const size_t n = part.size < room ? part.size : room;
    memcpy(b->head + b->head_size, part.data, n);
    b->head_size = (uint8_t)(b->head_size + n);
}

static void put_tail(struct boundary *b, struct slice part)
{
    if (part.size > BOUNDARY_TAIL)
        part = (struct slice){part.data + part.size - BOUNDARY_TAIL, BOUNDARY_TAIL};
    const size_t room = BOUNDARY_TAIL - part.size;
    const size_t kept = b->tail_size < room ? b->tail_size : room;
    memmove(b->tail, b->tail + b->tail_size - kept, kept);
    memcpy(b->tail + kept, part.data, part.size);
    b->tail_size = (uint8_t)(kept + part.size);
}

/* What begins the line, as much as is kept, without its end. */
static struct slice head_of(const struct boundary *b)
{
    struct slice head = {b->head, b->head_size};
    while (head.size > 0 && (head.data[head.size - 1] == '\r' || head.data[head.size - 1] == '\n'))
        head.size--;
    return head;
}

enum boundary_follows boundary_literal(struct boundary *b)
{
    size_t at = b->tail_size;
    uint64_t size = 0, unit = 1;
    while (at > 0 && (b->tail[at - 1] == '\n' || b->tail[at - 1] == '\r'))
        at--;
    if (at == 0 || b->tail[--at] != '}')
        return FOLLOWS_UNIT;
    if (at > 0 && b->tail[at - 1] == '+')
        at--;
    const size_t digits_end = at;
    for (; at > 0 && byte_is_digit(b->tail[at - 1]); at--, unit *= 10)
        size += unit * (uint64_t)(b->tail[at - 1] - '0');
    if (at == 0 || at == digits_end || b->tail[at - 1] != '{')
        return FOLLOWS_UNIT;
    b->bytes = size;
    return FOLLOWS_BYTES;
}

static void begin_text(struct boundary *b)
{
    b->state = BOUNDARY_TEXT;
    b->text_end = STEP_TEXT_BEGIN;
}

static void end_line(struct boundary *b, enum boundary_follows kind)
{
    static const uint8_t states[] = {
        [FOLLOWS_UNIT] = BOUNDARY_UNITS,     [FOLLOWS_MORE] = BOUNDARY_UNITS,
        [FOLLOWS_BYTES] = BOUNDARY_BYTES,    [FOLLOWS_TEXT] = BOUNDARY_TEXT,
        [FOLLOWS_DOUBT] = BOUNDARY_DOUBTFUL, [FOLLOWS_UNKNOWN] = BOUNDARY_LOST,
    };
    b->state = states[kind];
    b->goes_on = kind == FOLLOWS_MORE || kind == FOLLOWS_BYTES;
    b->head_size = b->tail_size = 0;
    if (kind == FOLLOWS_TEXT)
        begin_text(b);
}

/* Returns how many of the bytes it has dealt with. */
static size_t read_line(struct boundary *b, const struct boundary_rules *rules, struct slice in)
{
    const uint8_t *end = memchr(in.data, '\n', in.size);
    const struct slice part = {in.data, end != NULL ? (size_t)(end - in.data) + 1 : in.size};
    put_head(b, part);
    put_tail(b, part);
    if (end != NULL)
        end_line(b, rules->line(b, head_of(b)));
    return part.size;
}

static size_t read_text(struct boundary *b, struct slice in)
{
    unsigned seen = b->text_end;
    bool over;
    const size_t n = step_text(&seen, in, &over, NULL);
    b->text_end = (uint8_t)seen;
    if (over)
        b->state = BOUNDARY_UNITS;
    return n;
}

/* Behind 211: a line of LISTGROUP's text is a number, or the dot; a reply has a blank behind three
 * digits. */
static size_t read_doubtful(struct boundary *b, struct slice in)
{
    const size_t before = b->head_size;
    put_head(b, (struct slice){in.data, 1});
    const uint8_t last = b->head[before];
    if (before == 0 && last == '.') {
        b->head_size = 0;
        begin_text(b);
        return 0; /* it is the text's */
    }
    if (before == 3 && last == ' ') {
        put_tail(b, (struct slice){b->head, b->head_size});
        b->state = BOUNDARY_UNITS;
    } else if (before >= 3 || last < '0' || last > '9') {
        b->head_size = 0;
        begin_text(b);
        b->text_end = 0;
        return 0;
    }
    return 1;
}

/* ---- headers ---- */

/* Those that are all there: there are many, and they are small. */
static size_t skip_whole(struct boundary *b, const struct boundary_rules *rules, struct slice in)
{
    struct slice rest = in;
    size_t left = in.size;
    while (rules->header(b, &rest) == FOLLOWS_BYTES && b->bytes <= rest.size) {
        rest.data += b->bytes;
        rest.size -= (size_t)b->bytes;
        left = rest.size;
    }
    b->bytes = 0;
    return in.size - left;
}

static size_t read_header(struct boundary *b, const struct boundary_rules *rules, struct slice in)
{
    const size_t before = b->head_size, whole = before == 0 ? skip_whole(b, rules, in) : 0;
    if (whole > 0)
        return whole;
    put_head(b, in);
    struct slice rest = {b->head, b->head_size};
    const enum boundary_follows kind = rules->header(b, &rest);
    if (kind == FOLLOWS_MORE)
        return b->head_size - before;
    b->head_size = 0;
    b->state = kind == FOLLOWS_BYTES ? BOUNDARY_BYTES : BOUNDARY_LOST;
    return kind == FOLLOWS_BYTES ? (size_t)(rest.data - b->head) - before : in.size;
}

/* ---- all ---- */

static size_t read_bytes(struct boundary *b, struct slice in)
{
    const size_t n = in.size < b->bytes ? in.size : (size_t)b->bytes;
    b->bytes -= n;
    return n;
}

static size_t read_some(struct boundary *b, const struct boundary_rules *rules, struct slice in)
{
    switch (b->state) {
    case BOUNDARY_UNITS:
        return rules->line != NULL ? read_line(b, rules, in) : read_header(b, rules, in);
    case BOUNDARY_BYTES:
        return read_bytes(b, in);
    case BOUNDARY_TEXT:
        return read_text(b, in);
    case BOUNDARY_DOUBTFUL:
        return read_doubtful(b, in);
    default:
        return in.size;
    }
}

void boundary_read(struct boundary *b, const struct boundary_rules *rules, struct slice in)
{
    while (in.size > 0 && rules != NULL) {
        const size_t n = read_some(b, rules, in);
        in.data += n;
        in.size -= n;
        if (b->state == BOUNDARY_BYTES && b->bytes == 0)
            b->state = BOUNDARY_UNITS;
    }
}

bool boundary_known(const struct boundary *b, const struct boundary_rules *rules)
{
    return rules != NULL && b->state != BOUNDARY_LOST;
}

bool boundary_doubtful(const struct boundary *b)
{
    return b->state == BOUNDARY_DOUBTFUL && b->head_size == 0;
}

bool boundary_reached(const struct boundary *b, const struct boundary_rules *rules)
{
    return rules != NULL && b->state == BOUNDARY_UNITS && b->head_size == 0 && !b->goes_on;
}
