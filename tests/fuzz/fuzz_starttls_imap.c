/* fuzz_starttls_imap.c - an IMAP dialogue of both sides' making ends the same however its bytes are
 * cut, and no upstream hears what it must not.
 *
 * The first byte of the input is the facts, then come turns: a byte with the side (the top bit) and
 * the size, and that many bytes. */
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

static struct talk_facts facts_of(uint8_t bits)
{
    static const enum talk_mode modes[] = {TALK_REQUIRED, TALK_OPTIONAL, TALK_INSIDE, TALK_INSIDE};
    return (struct talk_facts){
        .mode = modes[bits & 3],
        .upgraded = (bits & 3) == 3,
        .plaintext_login = bits & 4,
        .hostname = "front.example",
        .client_address = bits & 8 ? "2001:db8::7" : NULL,
        .client_port = bits & 16 ? 40001 : 0,
        .session_id = bits & 32 ? "s-1" : NULL,
    };
}

/* Nothing is consumed that is not there, and a talk only moves forward. */
static bool call(struct stage *s, enum side side)
{
    struct buf *carry = &s->carry[side];
    if (carry->size == 0 || (side == UPSTREAM && s->talk.facts.mode == TALK_REQUIRED))
        return false;
    uint8_t *copy = malloc(carry->size);
    assert(copy != NULL);
    memcpy(copy, carry->data, carry->size);
    struct slice in = {copy, carry->size};
    struct talk_out out = {&s->heard[CLIENT], &s->heard[UPSTREAM]};
    s->verdict =
        (side == CLIENT ? starttls_imap.client : starttls_imap.upstream)(&s->talk, &in, &out);
    assert(in.size <= carry->size && in.data == copy + (carry->size - in.size));
    const size_t consumed = carry->size - in.size;
    free(copy);
    buf_drop(carry, consumed);
    return consumed > 0;
}

static void run(struct stage *s)
{
    for (bool moved = true; moved && s->verdict == TALK_MORE;) {
        moved = call(s, CLIENT);
        if (s->verdict == TALK_MORE)
            moved |= call(s, UPSTREAM);
    }
    if (s->verdict != TALK_RELAY)
        return;
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_put(&s->heard[!side], s->carry[side].data, s->carry[side].size);
        buf_drop(&s->carry[side], s->carry[side].size);
    }
}

static void open_stage(struct stage *s, uint8_t bits)
{
    *s = (struct stage){.talk.facts = facts_of(bits)};
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_init(&s->carry[side], (size_t)4 << 20);
        buf_init(&s->heard[side], (size_t)16 << 20);
    }
    struct talk_out out = {&s->heard[CLIENT], &s->heard[UPSTREAM]};
    if (s->talk.facts.mode == TALK_REQUIRED)
        starttls_imap.greet(&s->talk, &out);
}

static void close_stage(struct stage *s)
{
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_free(&s->carry[side]);
        buf_free(&s->heard[side]);
    }
}

/* `step` bytes at a time; 0: whole turns. */
static void play(struct stage *s, const uint8_t *data, size_t size, size_t step)
{
    open_stage(s, *data++);
    for (size--; size > 1;) {
        const enum side side = *data & 0x80 ? UPSTREAM : CLIENT;
        size_t turn = (size_t)(*data & 0x7f) + 1;
        data++, size--;
        turn = turn < size ? turn : size;
        for (size_t done = 0; done<turn; done += step> 0 ? step : turn) {
            if (s->verdict == TALK_UPGRADE || s->verdict == TALK_CLOSE)
                return;
            buf_put(&s->carry[side], data + done, step > 0 ? step : turn);
            run(s);
        }
        data += turn, size -= turn;
    }
}

static bool is_one_of(const char *const *names, size_t count, struct slice word)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(word, names[i]))
            return true;
    return false;
}

/* Where passwords are held back, the upstream hears lines that are whole commands, and harmless. */
static void check_upstream(const struct stage *s)
{
    static const char *const harmless[] = {"CAPABILITY", "NOOP", "LOGOUT", "ID", "LANGUAGE"};
    struct slice all = {s->heard[UPSTREAM].data, s->heard[UPSTREAM].size}, line;
    if (s->talk.facts.mode == TALK_REQUIRED)
        assert(all.size == 0);
    if (s->talk.facts.mode != TALK_OPTIONAL || s->talk.facts.plaintext_login)
        return;
    assert(s->verdict != TALK_RELAY);
    while (all.size > 0) {
        bool bare_lf;
        assert(line_next(&all, LINE_MAX_IMAP, &line, &bare_lf) == LINE_OK && !bare_lf);
        assert(!slice_has_controls(line));
        assert(line_word(&line).size > 0);
        assert(is_one_of(harmless, sizeof harmless / sizeof *harmless, line_word(&line)));
    }
}

static void check_same(const struct buf *a, const struct buf *b)
{
    assert(!a->failed && !b->failed);
    assert(a->size == b->size && (a->size == 0 || memcmp(a->data, b->data, a->size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage whole, bytes;
    if (size == 0)
        return 0;
    play(&whole, data, size, 0);
    play(&bytes, data, size, 1);
    assert(whole.verdict == bytes.verdict);
    check_same(&whole.heard[CLIENT], &bytes.heard[CLIENT]);
    check_same(&whole.heard[UPSTREAM], &bytes.heard[UPSTREAM]);
    check_upstream(&whole);
    close_stage(&whole);
    close_stage(&bytes);
    return 0;
}
