/* starttls_stage.h - where a dialogue is played against a module as a session would play it: for
 * unit/starttls/scene.h, and for the fuzz targets. */
#ifndef TLSFRONT_STARTTLS_STAGE_H
#define TLSFRONT_STARTTLS_STAGE_H

#undef NDEBUG /* the assertions are a part of the tests */
#include "proxy/starttls/starttls.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum side { CLIENT, UPSTREAM };

struct stage {
    const struct starttls *module;
    struct dialogue dialogue;
    struct buf carry[2], heard[2]; /* what each side said and is not consumed; what each heard */
    enum dialogue_verdict verdict;
};

static inline void stage_open(struct stage *st, const struct starttls *module,
                              const struct dialogue_facts *facts)
{
    *st = (struct stage){.module = module, .dialogue.facts = *facts};
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_init(&st->carry[side], (size_t)4 << 20);
        buf_init(&st->heard[side], (size_t)64 << 20);
    }
    struct dialogue_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    if (facts->mode == DIALOGUE_REQUIRED && module->greet != NULL)
        module->greet(&st->dialogue, &out);
}

/* One call, with exactly the bytes that there are, so that a sanitizer sees a read behind them. */
static inline void stage_call(struct stage *st, enum side side)
{
    struct buf *carry = &st->carry[side];
    uint8_t *copy = malloc(carry->size);
    assert(copy != NULL);
    memcpy(copy, carry->data, carry->size);
    struct slice in = {copy, carry->size};
    struct dialogue_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    st->verdict = side == CLIENT ? st->module->client(&st->dialogue, &in, &out)
                                 : st->module->upstream(&st->dialogue, &in, &out);
    assert(in.size <= carry->size && in.data + in.size == copy + carry->size);
    assert(st->dialogue.asked.count <= ASKED_MAX && st->dialogue.expected.count <= EXPECTED_MAX);
    assert((side == CLIENT ? st->dialogue.client_ahead : st->dialogue.upstream_ahead) <= in.size);
    if (side == CLIENT && in.size > 0)
        st->module->cut_short(in);
    buf_drop(carry, carry->size - in.size);
    buf_own(&st->heard[CLIENT]); /* of what passed it has borrowed */
    buf_own(&st->heard[UPSTREAM]);
    free(copy);
}

/* Both sides are asked again until nothing moves any more. */
static inline void stage_run(struct stage *st)
{
    for (bool moved = true; moved && st->verdict == DIALOGUE_MORE;) {
        moved = false;
        for (int side = CLIENT; side <= UPSTREAM && st->verdict == DIALOGUE_MORE; side++) {
            const size_t before = st->carry[side].size;
            if (before == 0 || (side == UPSTREAM && st->dialogue.facts.mode == DIALOGUE_REQUIRED))
                continue;
            stage_call(st, (enum side)side);
            moved |= st->carry[side].size != before || st->dialogue.turn;
            st->dialogue.turn = false;
        }
    }
}

/* What is left of a side, and was not handed on already, passes as it is. */
static inline void stage_flush(struct stage *st, enum side side)
{
    size_t *ahead = side == CLIENT ? &st->dialogue.client_ahead : &st->dialogue.upstream_ahead;
    struct buf *carry = &st->carry[side];
    if (carry->size > *ahead)
        buf_put(&st->heard[!side], carry->data + *ahead, carry->size - *ahead);
    buf_drop(carry, carry->size);
    *ahead = 0;
}

/* DIALOGUE_RELAY. */
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
