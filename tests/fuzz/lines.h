/* lines.h - for the fuzz targets of POP3, NNTP and ManageSieve: any dialogue, in any mode, gives
 * the same result however it is cut, and says nothing to an upstream where TLS is required. Define
 * MODULE before, and check_upstream() behind it.
 *
 * The first byte of the input chooses the facts, then chunks follow: a byte with the side in its
 * top bit and the size in the others (0: all that is left), then that many bytes. */
#ifndef TLSFRONT_FUZZ_LINES_H
#define TLSFRONT_FUZZ_LINES_H

#undef NDEBUG /* the assertions are the test */
#include "proxy/starttls/starttls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum side { CLIENT, UPSTREAM };

struct stage {
    struct talk talk;
    struct buf carry[2], heard[2];
    enum talk_verdict verdict;
};

/* What the upstream heard is what it may hear. */
static void check_upstream(const struct talk_facts *f, struct slice heard);

/* One call, with exactly the bytes that there are. */
static void call(struct stage *st, enum side side)
{
    struct buf *carry = &st->carry[side];
    uint8_t *copy = malloc(carry->size);
    assert(copy != NULL);
    memcpy(copy, carry->data, carry->size);
    struct slice in = {copy, carry->size};
    struct talk_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    st->verdict = side == CLIENT ? MODULE.client(&st->talk, &in, &out)
                                 : MODULE.upstream(&st->talk, &in, &out);
    assert(in.size <= carry->size && in.data + in.size == copy + carry->size);
    buf_drop(carry, carry->size - in.size);
    free(copy);
}

static void run(struct stage *st)
{
    for (bool moved = true; moved && st->verdict == TALK_MORE;) {
        moved = false;
        for (int side = CLIENT; side <= UPSTREAM && st->verdict == TALK_MORE; side++) {
            const size_t before = st->carry[side].size;
            if (before == 0)
                continue;
            call(st, (enum side)side);
            moved |= st->carry[side].size != before;
        }
    }
}

/* How the upstream's and the client's bytes come. */
enum cut { WHOLE, LINES, BYTES };

static size_t piece(enum cut cut, const uint8_t *data, size_t size)
{
    const uint8_t *end = cut == LINES ? memchr(data, '\n', size) : NULL;
    if (end != NULL)
        return (size_t)(end - data) + 1;
    return cut == BYTES ? 1 : size;
}

static void say(struct stage *st, enum side side, const uint8_t *data, size_t size, enum cut cut)
{
    if (side == UPSTREAM && st->talk.facts.mode == TALK_REQUIRED)
        return;
    while (size > 0 && st->verdict == TALK_MORE) {
        const size_t n = piece(side == CLIENT && cut == LINES ? WHOLE : cut, data, size);
        buf_put(&st->carry[side], data, n);
        run(st);
        data += n;
        size -= n;
    }
}

static struct talk_facts facts_of(uint8_t bits)
{
    return (struct talk_facts){
        .mode = (enum talk_mode)((bits & 3) % 3),
        .upgraded = (bits & 4) && (bits & 3) == TALK_INSIDE,
        .plaintext_login = bits & 8,
        .hostname = "front.example",
        .client_address = bits & 16 ? (bits & 32 ? "2001:db8::1" : "192.0.2.7") : NULL,
        .client_port = 4711,
        .session_id = bits & 64 ? "s+1" : NULL,
    };
}

static void play(struct stage *st, const uint8_t *data, size_t size, enum cut cut)
{
    *st = (struct stage){.talk.facts = facts_of(data[0])};
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_init(&st->carry[side], (size_t)1 << 20);
        buf_init(&st->heard[side], (size_t)1 << 20);
    }
    struct talk_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    if (st->talk.facts.mode == TALK_REQUIRED)
        MODULE.greet(&st->talk, &out);
    for (size_t at = 1; at < size;) {
        const enum side side = data[at] & 0x80 ? UPSTREAM : CLIENT;
        size_t n = data[at++] & 0x7f;
        if (n == 0 || n > size - at)
            n = size - at;
        say(st, side, data + at, n, cut);
        at += n;
    }
}

static void stage_free(struct stage *st)
{
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        assert(!st->heard[side].failed && !st->carry[side].failed);
        buf_free(&st->carry[side]);
        buf_free(&st->heard[side]);
    }
}

static void check_same(const struct buf *a, const struct buf *b)
{
    assert(a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0));
}

/* A reply that nobody asked for is the answer to what a waiting client is about to ask, when it
 * comes late enough. So only pieces at the ends of lines must always give what bytes give. */
static void check_cuts(const struct stage *whole, const struct stage *lines,
                       const struct stage *bytes)
{
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        check_same(&lines->heard[side], &bytes->heard[side]);
        if (whole->verdict == TALK_MORE && bytes->verdict == TALK_MORE &&
            whole->carry[CLIENT].size == 0 && bytes->carry[CLIENT].size == 0)
            check_same(&whole->heard[side], &bytes->heard[side]);
    }
    assert(lines->verdict == bytes->verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage stages[BYTES + 1];
    if (size == 0)
        return 0;
    for (int cut = WHOLE; cut <= BYTES; cut++) {
        struct stage *st = &stages[cut];
        play(st, data, size, (enum cut)cut);
        if (st->talk.facts.mode == TALK_REQUIRED) {
            assert(st->heard[UPSTREAM].size == 0);
            check_same(&st->heard[CLIENT], &stages[WHOLE].heard[CLIENT]);
        }
        check_upstream(&st->talk.facts,
                       (struct slice){st->heard[UPSTREAM].data, st->heard[UPSTREAM].size});
    }
    check_cuts(&stages[WHOLE], &stages[LINES], &stages[BYTES]);
    for (int cut = WHOLE; cut <= BYTES; cut++)
        stage_free(&stages[cut]);
    return 0;
}

#endif
