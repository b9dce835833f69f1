/* fuzz_starttls_imap.c - an IMAP dialogue of both sides' making ends the same however its bytes are
 * cut, and no upstream hears what it must not.
 *
 * The first byte of the input is the facts, then come turns: a byte with the side (the top bit) and
 * the size, and that many bytes. */
#include "proxy/starttls/imap.h"
#include "tests/starttls_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct dialogue_facts facts_of(uint8_t bits)
{
    static const enum dialogue_mode modes[] = {DIALOGUE_REQUIRED, DIALOGUE_OPTIONAL,
                                               DIALOGUE_INSIDE, DIALOGUE_INSIDE};
    return (struct dialogue_facts){
        .mode = modes[bits & 3],
        .upgraded = (bits & 3) == 3,
        .plaintext_login = bits & 4,
        .hostname = "front.example",
        .client_address = bits & 8 ? "2001:db8::7" : NULL,
        .client_port = bits & 16 ? 40001 : 0,
        .session_id = bits & 32 ? "s-1" : NULL,
    };
}

/* `step` bytes at a time; 0: whole turns. */
static void play(struct stage *s, const uint8_t *data, size_t size, size_t step)
{
    const struct dialogue_facts facts = facts_of(*data++);
    stage_open(s, &starttls_imap, &facts);
    for (size--; size > 1;) {
        const enum side side = *data & 0x80 ? UPSTREAM : CLIENT;
        size_t turn = (size_t)(*data & 0x7f) + 1;
        data++, size--;
        turn = turn < size ? turn : size;
        for (size_t done = 0; done<turn; done += step> 0 ? step : turn) {
            if (s->verdict == DIALOGUE_UPGRADE || s->verdict == DIALOGUE_CLOSE)
                return;
            buf_put(&s->carry[side], data + done, step > 0 ? step : turn);
            stage_run(s);
            if (s->verdict == DIALOGUE_RELAY)
                stage_relay(s);
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
    if (s->dialogue.facts.mode == DIALOGUE_REQUIRED)
        assert(all.size == 0);
    if (s->dialogue.facts.mode != DIALOGUE_OPTIONAL || s->dialogue.facts.plaintext_login)
        return;
    assert(s->verdict != DIALOGUE_RELAY);
    while (all.size > 0) {
        bool bare_lf;
        assert(line_next(&all, LINE_MAX_IMAP, &line, &bare_lf) == LINE_OK && !bare_lf);
        assert(!slice_has_controls(line));
        assert(line_word(&line).size > 0);
        assert(is_one_of(harmless, sizeof harmless / sizeof *harmless, line_word(&line)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage whole, bytes;
    if (size == 0)
        return 0;
    play(&whole, data, size, 0);
    play(&bytes, data, size, 1);
    assert(whole.verdict == bytes.verdict);
    assert_same_buf(&whole.heard[CLIENT], &bytes.heard[CLIENT]);
    assert_same_buf(&whole.heard[UPSTREAM], &bytes.heard[UPSTREAM]);
    check_upstream(&whole);
    stage_free(&whole);
    stage_free(&bytes);
    return 0;
}
