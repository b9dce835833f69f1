/* fuzz_starttls_ldap.c - any dialogue, in every mode: the cut does not matter, our own words are
 * LDAP, and neither StartTLS nor a password that is held back reaches the upstream.
 *
 * The first byte chooses the facts. Then pieces follow: a byte with the side in its highest bit and
 * the size less one in the others, and the bytes. */
#include "proxy/starttls/ber.h"
#include "proxy/starttls/ldap.h"
#include "tests/starttls_stage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void say(struct stage *st, enum side side, const uint8_t *data, size_t size, size_t step)
{
    for (size_t done = 0; done < size && st->verdict == DIALOGUE_MORE; done += step) {
        step = step < size - done ? step : size - done;
        buf_put(&st->carry[side], data + done, step);
        stage_run(st);
    }
}

static struct dialogue_facts facts_of(uint8_t choice)
{
    return (struct dialogue_facts){.mode = (enum dialogue_mode)(choice % 3),
                                   .plaintext_login = (choice & 0x40) != 0,
                                   .upgraded = (choice & 0x80) != 0,
                                   .hostname = "host"};
}

static void play(struct stage *st, const uint8_t *data, size_t size, size_t step)
{
    const struct dialogue_facts facts = facts_of(data[0]);
    stage_open(st, &starttls_ldap, &facts);
    for (size_t at = 1; at < size && st->verdict == DIALOGUE_MORE;) {
        const enum side side = (data[at] & 0x80) != 0 ? UPSTREAM : CLIENT;
        size_t n = (size_t)(data[at++] & 0x7f) + 1;
        if (side == UPSTREAM && st->dialogue.facts.mode == DIALOGUE_REQUIRED)
            n = 0;
        n = n < size - at ? n : size - at;
        say(st, side, data + at, n, step);
        at += n;
    }
}

/* ---- what the upstream may not hear, read anew ---- */

static void check_bind(struct slice body)
{
    uint8_t tag;
    struct slice version, name, auth, mechanism;
    assert(ber_expect(&body, BER_INTEGER, &version) && ber_expect(&body, BER_OCTETS, &name) &&
           ber_take(&body, &tag, &auth));
    assert((tag & 0x1f) != 0 || (tag == 0x80 && auth.size == 0));
    if (tag == 0xa3)
        assert(ber_expect(&auth, BER_OCTETS, &mechanism) && !slice_begins(mechanism, "PLAIN") &&
               !slice_begins(mechanism, "LOGIN") && !slice_is(mechanism, "OAUTHBEARER"));
}

/* By place alone, as lax servers read. */
static void check_attribute(struct slice attribute)
{
    uint8_t tag;
    struct slice type;
    assert(!ber_take(&attribute, &tag, &type) || !slice_is(type, "userPassword"));
}

static void check_list(uint8_t op, struct slice body)
{
    uint8_t tag;
    struct slice name, list, item, operation, attribute;
    if (!ber_take(&body, &tag, &name) || !ber_take(&body, &tag, &list))
        return;
    if (op == 0x6e)
        check_attribute(list);
    while (op == 0x68 && ber_take(&list, &tag, &attribute))
        check_attribute(attribute);
    while (op == 0x66 && ber_take(&list, &tag, &item))
        if (ber_take(&item, &tag, &operation) && ber_take(&item, &tag, &attribute))
            check_attribute(attribute);
}

static void check_heard(const struct stage *st)
{
    struct slice in = {st->heard[UPSTREAM].data, st->heard[UPSTREAM].size}, message, id, body, name;
    uint8_t op;
    while (ber_expect(&in, BER_SEQUENCE, &message)) {
        assert(ber_expect(&message, BER_INTEGER, &id) && ber_take(&message, &op, &body));
        const bool withholds = dialogue_withholds(&st->dialogue);
        if (withholds && op == 0x60)
            check_bind(body);
        if (withholds && (op == 0x66 || op == 0x68 || op == 0x6e))
            check_list(op, body);
        if (op == 0x77 && ber_expect(&body, 0x80, &name))
            assert(!slice_is(name, "1.3.6.1.4.1.1466.20037"));
    }
}

static void check_own_words(const struct stage *st)
{
    struct slice in = {st->heard[CLIENT].data, st->heard[CLIENT].size}, message, id, body;
    uint8_t op;
    assert(st->heard[UPSTREAM].size == 0);
    while (in.size > 0) {
        assert(ber_expect(&in, BER_SEQUENCE, &message));
        assert(ber_expect(&message, BER_INTEGER, &id) && ber_take(&message, &op, &body));
        assert(message.size == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage whole, bytes;
    if (size == 0)
        return 0;
    play(&whole, data, size, SIZE_MAX);
    play(&bytes, data, size, 1);
    assert(whole.verdict == bytes.verdict);
    check_heard(&whole);
    if (whole.dialogue.facts.mode == DIALOGUE_REQUIRED)
        check_own_words(&whole);
    for (int side = CLIENT; side <= UPSTREAM; side++)
        assert_same_buf(&whole.heard[side], &bytes.heard[side]);
    stage_free(&whole);
    stage_free(&bytes);
    return 0;
}
