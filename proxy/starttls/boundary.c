#include "proxy/starttls/boundary.h"
#include "proxy/starttls/step.h"

#include <string.h>

enum boundary_state {
    BOUNDARY_LINES,
    BOUNDARY_BYTES,    /* `bytes` of a literal, or of a message */
    BOUNDARY_TEXT,     /* up to CRLF.CRLF */
    BOUNDARY_DOUBTFUL, /* lines, or a text, as the next line will show */
    BOUNDARY_LOST,
};

/* What follows a line. */
enum behind {
    BEHIND_UNIT, /* the next unit */
    BEHIND_MORE,
    BEHIND_LITERAL,
    BEHIND_TEXT,
    BEHIND_DOUBT,
    BEHIND_NOTHING_KNOWN, /* it is not of the protocol */
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

/* {n}, {n+} at the end of the line. */
static bool has_literal(const struct boundary *b, uint64_t *size_r)
{
    size_t at = b->tail_size;
    uint64_t size = 0, unit = 1;
    while (at > 0 && (b->tail[at - 1] == '\n' || b->tail[at - 1] == '\r'))
        at--;
    if (at == 0 || b->tail[--at] != '}')
        return false;
    if (at > 0 && b->tail[at - 1] == '+')
        at--;
    const size_t digits_end = at;
    for (; at > 0 && b->tail[at - 1] >= '0' && b->tail[at - 1] <= '9'; at--, unit *= 10)
        size += unit * (uint64_t)(b->tail[at - 1] - '0');
    *size_r = size;
    return at > 0 && at < digits_end && b->tail[at - 1] == '{';
}

/* ---- the protocols ---- */

static bool holds(struct slice s, const char *word)
{
    const size_t size = strlen(word);
    for (; s.size >= size; s.data++, s.size--)
        if (slice_begins(s, word))
            return true;
    return false;
}

/* RFC 9051, 7: "* ...", "+ ...", or a tag and its status. What follows COMPRESS (RFC 4978) is no
 * lines any more. */
static bool is_imap(struct slice head)
{
    if (slice_begins(head, "* ") || slice_begins(head, "+"))
        return true;
    const struct slice tag = line_word(&head);
    if (tag.size == 0 || slice_begins(head, "NO ") || slice_begins(head, "BAD "))
        return tag.size > 0;
    return slice_begins(head, "OK ") && !holds(head, "compress") && !holds(head, "deflate");
}

static enum behind judge_imap(struct boundary *b, struct slice head)
{
    if (!b->goes_on && !is_imap(head))
        return BEHIND_NOTHING_KNOWN;
    return has_literal(b, &b->bytes) ? BEHIND_LITERAL : BEHIND_UNIT;
}

/* RFC 5804, 4. */
static enum behind judge_sieve(struct boundary *b, struct slice head)
{
    static const char *const begins[] = {"\"", "{", "OK", "NO", "BYE"};
    bool known = b->goes_on;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        known |= slice_begins(head, begins[i]);
    if (!known)
        return BEHIND_NOTHING_KNOWN;
    return has_literal(b, &b->bytes) ? BEHIND_LITERAL : BEHIND_UNIT;
}

/* Three digits, then a blank, the end, or for SMTP a dash. 0: none. */
static unsigned code_of(struct slice head, const char *behind)
{
    unsigned code = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i >= head.size || head.data[i] < '0' || head.data[i] > '9')
            return 0;
        code = 10 * code + (unsigned)(head.data[i] - '0');
    }
    return head.size == 3 || strchr(behind, head.data[3]) != NULL ? code : 0;
}

static enum behind judge_smtp(struct boundary *b, struct slice head)
{
    (void)b;
    if (code_of(head, " -") == 0)
        return BEHIND_NOTHING_KNOWN;
    return head.size > 3 && head.data[3] == '-' ? BEHIND_MORE : BEHIND_UNIT;
}

/* RFC 3977 and its kin: codes behind which there is a text. 211 is LISTGROUP's, with one, and
 * GROUP's; 206 begins compression (RFC 8054). */
static enum behind judge_nntp(struct boundary *b, struct slice head)
{
    static const uint16_t texts[] = {100, 101, 215, 220, 221, 222, 224, 225, 230, 231, 282, 288};
    const unsigned code = code_of(head, " ");
    (void)b;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (code == texts[i])
            return BEHIND_TEXT;
    if (code == 211)
        return BEHIND_DOUBT;
    return code == 0 || code == 206 ? BEHIND_NOTHING_KNOWN : BEHIND_UNIT;
}

typedef enum behind judge_fn(struct boundary *b, struct slice head);

/* NULL: not lines, or none that are known. */
static judge_fn *judge_of(enum protocol p)
{
    static judge_fn *const judges[PROTOCOLS] = {
        [PROTOCOL_IMAP] = judge_imap,
        [PROTOCOL_SIEVE] = judge_sieve,
        [PROTOCOL_SMTP] = judge_smtp,
        [PROTOCOL_NNTP] = judge_nntp,
    };
    return judges[p];
}

static void begin_text(struct boundary *b)
{
    b->state = BOUNDARY_TEXT;
    b->text_end = STEP_TEXT_BEGIN;
}

static void end_line(struct boundary *b, enum behind kind)
{
    static const uint8_t states[] = {
        [BEHIND_UNIT] = BOUNDARY_LINES,     [BEHIND_MORE] = BOUNDARY_LINES,
        [BEHIND_LITERAL] = BOUNDARY_BYTES,  [BEHIND_TEXT] = BOUNDARY_TEXT,
        [BEHIND_DOUBT] = BOUNDARY_DOUBTFUL, [BEHIND_NOTHING_KNOWN] = BOUNDARY_LOST,
    };
    b->state = states[kind];
    b->goes_on = kind == BEHIND_MORE || kind == BEHIND_LITERAL;
    b->head_size = b->tail_size = 0;
    if (kind == BEHIND_TEXT)
        begin_text(b);
}

/* Returns how many of the bytes it has dealt with. */
static size_t read_line(struct boundary *b, enum protocol p, struct slice in)
{
    const uint8_t *end = memchr(in.data, '\n', in.size);
    const struct slice part = {in.data, end != NULL ? (size_t)(end - in.data) + 1 : in.size};
    put_head(b, part);
    put_tail(b, part);
    if (end != NULL)
        end_line(b, judge_of(p)(b, head_of(b)));
    return part.size;
}

static size_t read_text(struct boundary *b, struct slice in)
{
    unsigned seen = b->text_end;
    bool over;
    const size_t n = step_text(&seen, in, &over);
    b->text_end = (uint8_t)seen;
    if (over)
        b->state = BOUNDARY_LINES;
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
        b->state = BOUNDARY_LINES;
    } else if (before >= 3 || last < '0' || last > '9') {
        b->head_size = 0;
        begin_text(b);
        b->text_end = 0;
        return 0;
    }
    return 1;
}

/* ---- LDAP ---- */

/* The length of a message (RFC 4511, 5.1) from its first bytes. False: more are needed, or it is
 * none, which shows in the state. */
static bool take_length(struct boundary *b)
{
    const size_t extra = b->head_size >= 2 && b->head[1] >= 0x80 ? b->head[1] & 0x7fU : 0;
    if (b->head[0] != 0x30 || extra > 4 || (b->head_size >= 2 && b->head[1] == 0x80)) {
        b->state = BOUNDARY_LOST;
        return false;
    }
    if (b->head_size < 2 + extra)
        return false;
    b->bytes = extra == 0 && b->head_size >= 2 ? b->head[1] : 0;
    for (size_t i = 0; i < extra; i++)
        b->bytes = b->bytes << 8 | b->head[2 + i];
    return true;
}

static size_t read_message(struct boundary *b, struct slice in)
{
    put_head(b, (struct slice){in.data, 1});
    if (take_length(b)) {
        b->head_size = 0;
        b->state = BOUNDARY_BYTES;
    }
    return 1;
}

/* ---- all ---- */

static size_t read_bytes(struct boundary *b, struct slice in)
{
    const size_t n = in.size < b->bytes ? in.size : (size_t)b->bytes;
    b->bytes -= n;
    return n;
}

static size_t read_some(struct boundary *b, enum protocol p, struct slice in)
{
    switch (b->state) {
    case BOUNDARY_LINES:
        return p == PROTOCOL_LDAP ? read_message(b, in) : read_line(b, p, in);
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

static bool has_units(enum protocol p)
{
    return p == PROTOCOL_LDAP || judge_of(p) != NULL;
}

void boundary_read(struct boundary *b, enum protocol p, struct slice in)
{
    if (!has_units(p))
        return;
    while (in.size > 0) {
        const size_t n = read_some(b, p, in);
        in.data += n;
        in.size -= n;
        if (b->state == BOUNDARY_BYTES && b->bytes == 0)
            b->state = BOUNDARY_LINES;
    }
}

bool boundary_known(const struct boundary *b, enum protocol p)
{
    return has_units(p) && b->state != BOUNDARY_LOST;
}

bool boundary_reached(const struct boundary *b, enum protocol p)
{
    return has_units(p) && b->state == BOUNDARY_LINES && b->head_size == 0 && !b->goes_on;
}
