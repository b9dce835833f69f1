/* test_identity.c - upstreams that do not take who the client is: the dialogue goes on, and says
 * so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/starttls/imap.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/smtp.h"
#include "scene.h"

/* What an upstream that offers nothing says, in turns; ours come in between. */
struct deaf {
    const struct starttls *module;
    const char *turns[3];
};

static void play_deaf(const struct deaf *d, const char *address, bool refused)
{
    const struct dialogue_facts facts = {
        .mode = DIALOGUE_INSIDE, .hostname = "mx.example", .client_address = address};
    struct stage st;
    stage_open(&st, d->module, &facts);
    for (size_t i = 0; i < 3 && d->turns[i] != NULL; i++)
        stage_say(&st, UPSTREAM, d->turns[i], strlen(d->turns[i]));
    assert_int_equal(st.verdict, DIALOGUE_MORE);
    assert_int_equal(st.dialogue.identity_refused, refused);
    stage_free(&st);
}

static void an_upstream_that_offers_nothing_is_told_of(void **state)
{
    const struct deaf deaf[] = {
        {&starttls_smtp, {"220 old ESMTP\r\n", "250-old\r\n250 8BITMIME\r\n"}},
        {&starttls_pop3, {"+OK ready\r\n"}},
        {&starttls_imap, {"* OK [CAPABILITY IMAP4rev1] ready\r\n"}},
        {&starttls_imap, {"* OK ready\r\n", "* CAPABILITY IMAP4rev1\r\nfront1 OK done\r\n"}},
        {&starttls_sieve, {"\"IMPLEMENTATION\" \"old\"\r\nOK\r\n"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof deaf / sizeof *deaf; i++)
        play_deaf(&deaf[i], "192.0.2.1", true);
}

static void nobody_is_told_of_when_nothing_was_to_be_said(void **state)
{
    const struct deaf deaf[] = {
        {&starttls_smtp, {"220 old ESMTP\r\n"}},
        {&starttls_pop3, {"+OK ready\r\n"}},
        {&starttls_imap, {"* OK ready\r\n"}},
        {&starttls_sieve, {"\"IMPLEMENTATION\" \"old\"\r\nOK\r\n"}},
        {&starttls_nntp, {"200 ready\r\n"}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof deaf / sizeof *deaf; i++)
        play_deaf(&deaf[i], NULL, false);
}

/* ---- upstreams that do not answer ---- */

struct mute {
    const struct starttls *module;
    const char *turns[3];
    const char *awaited; /* then; NULL: the client is listened to */
    bool goes_on;        /* without that */
};

/* What is no answer is none. */
static const struct mute mutes[] = {
    {&starttls_smtp, {"220 x ESMTP\r\n"}, "its answer to EHLO", false},
    {&starttls_smtp, {"220 x ESMTP\r\n", "what\r\n", "\r\n"}, "its answer to EHLO", false},
    {&starttls_smtp, {"220 x ESMTP\r\n", "500 no\r\n"}, "its answer to LHLO", false},
    {&starttls_smtp,
     {"220 x ESMTP\r\n", "250-x\r\n250 XCLIENT ADDR\r\n"},
     "its answer to XCLIENT",
     false},
    {&starttls_smtp,
     {"220 x ESMTP\r\n", "250-x\r\n250 XCLIENT ADDR\r\n", "220 x ESMTP\r\n"},
     NULL,
     false},
    {&starttls_pop3, {"+OK [XCLIENT] x\r\n"}, "its answer to XCLIENT", false},
    {&starttls_pop3, {"+OK [XCLIENT] x\r\n", "what\r\n", "\r\n"}, "its answer to XCLIENT", false},
    {&starttls_pop3, {"+OK [XCLIENT] x\r\n", "-ERR no\r\n"}, NULL, false},
    {&starttls_imap, {"* OK [CAPABILITY ID] x\r\n"}, "its answer to ID", true},
    {&starttls_imap,
     {"* OK [CAPABILITY ID] x\r\n", "* OK done\r\n", "\r\n"},
     "its answer to ID",
     true},
    {&starttls_imap, {"* OK [CAPABILITY ID] x\r\n", "* ID {9}\r\n"}, "its answer to ID", false},
    {&starttls_imap, {"* OK x\r\n"}, "its answer to CAPABILITY", true},
    {&starttls_imap, {"* OK [CAPABILITY ID] x\r\n", "front2 OK\r\n"}, NULL, false},
    {&starttls_sieve, {"\"SIEVE\" \"x\"\r\n"}, "the end of its greeting", false},
    {&starttls_sieve, {"\"XCLIENT\"\r\nOK\r\n"}, "its answer to XCLIENT", false},
    {&starttls_sieve,
     {"\"XCLIENT\"\r\nOK\r\n", "what\r\n", "\r\n"},
     "its answer to XCLIENT",
     false},
    {&starttls_sieve, {"\"XCLIENT\"\r\nOK\r\n", "NO\r\n"}, NULL, false},
};

static void play_mute(const struct mute *m, enum dialogue_mode mode)
{
    const struct dialogue_facts facts = {
        .mode = mode, .hostname = "mx.example", .client_address = "192.0.2.1"};
    struct stage st;
    stage_open(&st, m->module, &facts);
    for (size_t i = 0; i < 3 && m->turns[i] != NULL; i++)
        stage_say(&st, UPSTREAM, m->turns[i], strlen(m->turns[i]));
    const char *awaited = st.dialogue.awaited;
    assert_int_equal(st.verdict, DIALOGUE_MORE);
    assert_true(awaited == m->awaited || strcmp(awaited, m->awaited) == 0);
    if (awaited != NULL)
        assert_int_equal(m->module->unanswered != NULL && m->module->unanswered(&st.dialogue),
                         m->goes_on);
    if (m->goes_on) {
        assert_null(st.dialogue.awaited);
        assert_true(st.dialogue.identity_refused);
        const size_t before = st.heard[UPSTREAM].size;
        stage_say(&st, CLIENT, "a NOOP\r\n", 8);
        assert_int_equal(st.heard[UPSTREAM].size, before + 8);
    }
    stage_free(&st);
}

static void an_upstream_that_says_nothing_is_awaited_for_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof mutes / sizeof *mutes; i++) {
        play_mute(&mutes[i], DIALOGUE_INSIDE);
        play_mute(&mutes[i], DIALOGUE_OPTIONAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upstream_that_offers_nothing_is_told_of),
        cmocka_unit_test(an_upstream_that_says_nothing_is_awaited_for_a_reason),
        cmocka_unit_test(nobody_is_told_of_when_nothing_was_to_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
