/* starttls_stage.h - where a dialogue is played against a module as a session would play it: for
 * unit/starttls/scene.h, and for the fuzz targets. */
#ifndef TLSFRONT_STARTTLS_STAGE_H
#define TLSFRONT_STARTTLS_STAGE_H

#undef NDEBUG /* the assertions are a part of the tests */
#include "proxy/starttls/imap.h"
#include "proxy/starttls/ldap.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/smtp.h"
#include "proxy/starttls/starttls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum side { CLIENT, UPSTREAM };

struct stage {
    const struct starttls *module;
    struct talk talk;
    struct buf carry[2], heard[2]; /* what each side said and is not consumed; what each heard */
    enum talk_verdict verdict;
};

static inline void stage_open(struct stage *st, const struct starttls *module,
                              const struct talk_facts *facts)
{
    *st = (struct stage){.module = module, .talk.facts = *facts};
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_init(&st->carry[side], (size_t)4 << 20);
        buf_init(&st->heard[side], (size_t)64 << 20);
    }
    struct talk_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    if (facts->mode == TALK_REQUIRED && module->greet != NULL)
        module->greet(&st->talk, &out);
}

/* One call, with exactly the bytes that there are, so that a sanitizer sees a read behind them. */
static inline void stage_call(struct stage *st, enum side side)
{
    struct buf *carry = &st->carry[side];
    uint8_t *copy = malloc(carry->size);
    assert(copy != NULL);
    memcpy(copy, carry->data, carry->size);
    struct slice in = {copy, carry->size};
    struct talk_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    st->verdict = side == CLIENT ? st->module->client(&st->talk, &in, &out)
                                 : st->module->upstream(&st->talk, &in, &out);
    assert(in.size <= carry->size && in.data + in.size == copy + carry->size);
    assert(st->talk.asked.count <= ASKED_MAX && st->talk.expected.count <= EXPECTED_MAX);
    assert((side == CLIENT ? st->talk.client_ahead : st->talk.upstream_ahead) <= in.size);
    if (side == CLIENT && in.size > 0)
        st->module->cut_short(in);
    buf_drop(carry, carry->size - in.size);
    free(copy);
}

/* Both sides are asked again until nothing moves any more. */
static inline void stage_run(struct stage *st)
{
    for (bool moved = true; moved && st->verdict == TALK_MORE;) {
        moved = false;
        for (int side = CLIENT; side <= UPSTREAM && st->verdict == TALK_MORE; side++) {
            const size_t before = st->carry[side].size;
            if (before == 0 || (side == UPSTREAM && st->talk.facts.mode == TALK_REQUIRED))
                continue;
            stage_call(st, (enum side)side);
            moved |= st->carry[side].size != before || st->talk.turn;
            st->talk.turn = false;
        }
    }
}

/* What is left of a side, and was not handed on already, passes as it is. */
static inline void stage_flush(struct stage *st, enum side side)
{
    size_t *ahead = side == CLIENT ? &st->talk.client_ahead : &st->talk.upstream_ahead;
    struct buf *carry = &st->carry[side];
    if (carry->size > *ahead)
        buf_put(&st->heard[!side], carry->data + *ahead, carry->size - *ahead);
    buf_drop(carry, carry->size);
    *ahead = 0;
}

/* TALK_RELAY. */
static inline void stage_relay(struct stage *st)
{
    stage_flush(st, CLIENT);
    stage_flush(st, UPSTREAM);
}

static inline void stage_free(struct stage *st)
{
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        assert(!st->heard[side].failed && !st->carry[side].failed);
        buf_free(&st->carry[side]);
        buf_free(&st->heard[side]);
    }
}

static inline void assert_same_buf(const struct buf *a, const struct buf *b)
{
    assert(a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0));
}

#endif
