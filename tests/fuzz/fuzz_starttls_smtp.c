/* fuzz_starttls_smtp.c - any dialogue, in any mode: the same result however it is cut, nothing said
 * in clear where TLS is required, and no password or foreign identity on its way to the upstream.
 *
 * The first byte chooses the facts, then chunks follow: a byte with the side in its top bit and the
 * size in the others (0: all that is left), then that many bytes. */
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
    bool overtaken; /* the client's side moved between two lines of one chunk of the upstream's */
};

/* One call, with exactly the bytes that there are. */
static void call(struct stage *st, enum side side)
{
    struct buf *carry = &st->carry[side];
    uint8_t *copy = malloc(carry->size);
    assert(copy != NULL);
    memcpy(copy, carry->data, carry->size);
    struct slice in = {copy, carry->size};
    struct talk_out out = {&st->heard[CLIENT], &st->heard[UPSTREAM]};
    st->verdict = side == CLIENT ? starttls_smtp.client(&st->talk, &in, &out)
                                 : starttls_smtp.upstream(&st->talk, &in, &out);
    assert(in.size <= carry->size && in.data + in.size == copy + carry->size);
    assert(st->talk.asked.count <= ASKED_MAX);
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
        const size_t waiting = st->carry[CLIENT].size, heard = st->heard[UPSTREAM].size;
        buf_put(&st->carry[side], data, n);
        run(st);
        data += n;
        size -= n;
        if (side == UPSTREAM && size > 0)
            st->overtaken |= waiting != st->carry[CLIENT].size || heard != st->heard[UPSTREAM].size;
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
        starttls_smtp.greet(&st->talk, &out);
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

static bool is_one_of(struct slice word, const char *const *words)
{
    while (*words != NULL && !slice_is(word, *words))
        words++;
    return *words != NULL;
}

/* What the upstream heard, as long as it is commands: no upgrade, no identity but ours, no password
 * where it must not be. */
static void check_commands(const struct stage *st)
{
    static const char *const passwords[] = {"AUTH", "X-EXPS", NULL};
    static const char *const no_commands_behind[] = {"DATA", "BDAT", "XEXCH50",
                                                     "TURN", "ATRN", NULL};
    static const char *const never[] = {"STARTTLS", "XFORWARD", "X-ANONYMOUSTLS",
                                        "GET",      "POST",     NULL};
    const struct talk_facts *f = &st->talk.facts;
    struct slice all = {st->heard[UPSTREAM].data, st->heard[UPSTREAM].size}, line;
    unsigned identities = 0;
    while (line_next(&all, SIZE_MAX, &line, NULL) == LINE_OK) {
        const struct slice verb = line_word(&line);
        assert(!is_one_of(verb, never));
        assert(!slice_is(verb, "XCLIENT") || (++identities == 1 && f->client_address != NULL));
        if (is_one_of(verb, passwords)) {
            assert(f->mode == TALK_INSIDE || f->plaintext_login);
            return; /* the lines behind it are no commands either */
        }
        if (is_one_of(verb, no_commands_behind))
            return;
    }
}

/* Pieces at the ends of lines give what bytes give. Whole chunks too, unless the client's side
 * could have moved in the middle: a reply that nobody asked for, when it comes late enough, is the
 * answer to what a waiting client asks next. */
static void check_cuts(const struct stage *whole, const struct stage *lines,
                       const struct stage *bytes)
{
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        check_same(&lines->heard[side], &bytes->heard[side]);
        if (!lines->overtaken)
            check_same(&whole->heard[side], &lines->heard[side]);
    }
    assert(lines->verdict == bytes->verdict);
    assert(lines->overtaken || whole->verdict == lines->verdict);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage stages[BYTES + 1];
    if (size == 0)
        return 0;
    for (int cut = WHOLE; cut <= BYTES; cut++) {
        play(&stages[cut], data, size, (enum cut)cut);
        check_commands(&stages[cut]);
        if (stages[cut].talk.facts.mode == TALK_REQUIRED) {
            assert(stages[cut].heard[UPSTREAM].size == 0);
            check_same(&stages[cut].heard[CLIENT], &stages[WHOLE].heard[CLIENT]);
        }
    }
    check_cuts(&stages[WHOLE], &stages[LINES], &stages[BYTES]);
    for (int cut = WHOLE; cut <= BYTES; cut++)
        stage_free(&stages[cut]);
    return 0;
}
