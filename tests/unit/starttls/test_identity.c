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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_upstream_that_offers_nothing_is_told_of),
        cmocka_unit_test(nobody_is_told_of_when_nothing_was_to_be_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
