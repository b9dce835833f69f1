/* lines.h - for the fuzz targets of SMTP, POP3, NNTP and ManageSieve: any dialogue, in any mode,
 * gives the same result however it is cut, and says nothing to an upstream where TLS is required.
 * Define MODULE before and include its header, and check_upstream() behind it.
 *
 * The first byte of the input chooses the facts, then chunks follow: a byte with the side in its
 * top bit and the size in the others (0: all that is left), then that many bytes. */
#ifndef TLSFRONT_FUZZ_LINES_H
#define TLSFRONT_FUZZ_LINES_H

#include "tests/starttls_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the upstream heard is what it may hear. */
static void check_upstream(const struct dialogue_facts *f, struct slice heard);

/* How the upstream's and the client's bytes come. */
enum cut { WHOLE, LINES, BYTES };

static size_t piece(enum cut cut, const uint8_t *data, size_t size)
{
    const uint8_t *end = cut == LINES ? memchr(data, '\n', size) : NULL;
    if (end != NULL)
        return (size_t)(end - data) + 1;
    return cut == BYTES ? 1 : size;
}

/* A dialogue, cut in one way. */
struct played {
    struct stage stage;
    bool overtaken; /* the client's side moved, or could have ended the watch, between two lines of
                     * one chunk of the upstream's */
};

static void say(struct played *p, enum side side, const uint8_t *data, size_t size, enum cut cut)
{
    struct stage *st = &p->stage;
    if (side == UPSTREAM && st->dialogue.facts.mode == DIALOGUE_REQUIRED)
        return;
    while (size > 0 && st->verdict == DIALOGUE_MORE) {
        const size_t n = piece(side == CLIENT && cut == LINES ? WHOLE : cut, data, size);
        const size_t waiting = st->carry[CLIENT].size, heard = st->heard[UPSTREAM].size;
        buf_put(&st->carry[side], data, n);
        stage_run(st);
        data += n;
        size -= n;
        if (side == UPSTREAM && size > 0)
            p->overtaken |= waiting != st->carry[CLIENT].size ||
                            heard != st->heard[UPSTREAM].size || st->verdict == DIALOGUE_RELAY;
    }
}

static struct dialogue_facts facts_of(uint8_t bits)
{
    return (struct dialogue_facts){
        .mode = (enum dialogue_mode)((bits & 3) % 3),
        .upgraded = (bits & 4) && (bits & 3) == DIALOGUE_INSIDE,
        .plaintext_login = bits & 8,
        .hostname = "front.example",
        .client_address = bits & 16 ? (bits & 32 ? "2001:db8::1" : "192.0.2.7") : NULL,
        .client_port = 4711,
        .session_id = bits & 64 ? "s+1" : NULL,
    };
}

static void play(struct played *p, const uint8_t *data, size_t size, enum cut cut)
{
    const struct dialogue_facts facts = facts_of(data[0]);
    *p = (struct played){0};
    stage_open(&p->stage, &MODULE, &facts);
    for (size_t at = 1; at < size;) {
        const enum side side = data[at] & 0x80 ? UPSTREAM : CLIENT;
        size_t n = data[at++] & 0x7f;
        if (n == 0 || n > size - at)
            n = size - at;
        say(p, side, data + at, n, cut);
        at += n;
    }
}

/* Where the watch has ended, what is left of a chunk is not said. */
static void check_heard(const struct stage *a, const struct stage *b, enum side side)
{
    const struct buf *one = &a->heard[side], *other = &b->heard[side];
    if (a->verdict != DIALOGUE_RELAY) {
        assert_same_buf(one, other);
        return;
    }
    const size_t size = one->size < other->size ? one->size : other->size;
    assert(size == 0 || memcmp(one->data, other->data, size) == 0);
}

/* Pieces at the ends of lines give what bytes give. Whole chunks too, unless the client's side
 * could have moved in the middle: a reply that nobody asked for, when it comes late enough, is the
 * answer to what a waiting client asks next. */
static void check_cuts(struct played p[BYTES + 1])
{
    for (int cut = WHOLE; cut <= BYTES; cut++)
        if (p[cut].stage.verdict == DIALOGUE_RELAY)
            stage_relay(&p[cut].stage);
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        check_heard(&p[LINES].stage, &p[BYTES].stage, (enum side)side);
        if (!p[LINES].overtaken)
            check_heard(&p[WHOLE].stage, &p[LINES].stage, (enum side)side);
    }
    assert(p[LINES].stage.verdict == p[BYTES].stage.verdict);
    assert(p[LINES].overtaken || p[WHOLE].stage.verdict == p[LINES].stage.verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct played played[BYTES + 1];
    if (size == 0)
        return 0;
    for (int cut = WHOLE; cut <= BYTES; cut++) {
        const struct stage *st = &played[cut].stage;
        play(&played[cut], data, size, (enum cut)cut);
        if (st->dialogue.facts.mode == DIALOGUE_REQUIRED) {
            assert(st->heard[UPSTREAM].size == 0);
            assert_same_buf(&st->heard[CLIENT], &played[WHOLE].stage.heard[CLIENT]);
        }
        check_upstream(&st->dialogue.facts,
                       (struct slice){st->heard[UPSTREAM].data, st->heard[UPSTREAM].size});
    }
    check_cuts(played);
    for (int cut = WHOLE; cut <= BYTES; cut++)
        stage_free(&played[cut].stage);
    return 0;
}

#endif
