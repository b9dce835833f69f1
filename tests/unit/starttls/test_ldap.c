/* test_ldap.c - LDAP dialogues around StartTLS in the three modes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap_script.h"
#include "proxy/starttls/ldap.h"

/* ---- required ---- */

/* Byte for byte, so that the builder is checked too. */
static void starttls_upgrades(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, RAW("\x30\x1d\x02\x01\x01\x77\x18\x80\x16" STARTTLS_OID));
    hear(CLIENT,
         RAW("\x30\x24\x02\x01\x01\x78\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a\x16" STARTTLS_OID));
    check("bytes", DIALOGUE_UPGRADE, 0);
}

static void bytes_behind_starttls_stay_unread(void **state)
{
    (void)state;
    const struct dialogue_facts modes[] = {required, optional, allowing};
    for (size_t i = 0; i < 3; i++) {
        begin(modes[i]);
        const struct text more = simple_bind(2, "cn=a", "secret");
        say(CLIENT, JOIN(starttls(1), more));
        hear(CLIENT, starttls_result(1, 0, ""));
        check("injection", DIALOGUE_UPGRADE, more.size);
        begin(modes[i]);
        say(CLIENT, starttls(1));
        say(CLIENT, starttls(2));
        hear(CLIENT, starttls_result(1, 0, ""));
        check("twice", DIALOGUE_UPGRADE, starttls(2).size);
    }
}

static void everything_else_is_refused_before_required_tls(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, simple_bind(1, "cn=a", "secret"));
    hear(CLIENT, tls_required(1, 0x61));
    say(CLIENT, search(2, "dc=x", 2, 0, any(), NONE));
    hear(CLIENT, tls_required(2, 0x65));
    say(CLIENT, MESSAGE(3, 0x66, str(4, "dc=x"), T(0x30, NONE)));
    hear(CLIENT, tls_required(3, 0x67));
    say(CLIENT, MESSAGE(4, 0x68, str(4, "dc=x"), T(0x30, NONE)));
    hear(CLIENT, tls_required(4, 0x69));
    say(CLIENT, MESSAGE(5, 0x4a, RAW("dc=x")));
    hear(CLIENT, tls_required(5, 0x6b));
    say(CLIENT, MESSAGE(6, 0x6c, str(4, "dc=x"), str(4, "dc=y"), RAW("\x01\x01\xff")));
    hear(CLIENT, tls_required(6, 0x6d));
    say(CLIENT, MESSAGE(7, 0x6e, str(4, "dc=x"), T(0x30, str(4, "a"), str(4, "b"))));
    hear(CLIENT, tls_required(7, 0x6f));
    say(CLIENT, MESSAGE(8, 0x77, str(0x80, "1.3.6.1.4.1.4203.1.11.3")));
    hear(CLIENT, tls_required(8, 0x78));
    say(CLIENT, MESSAGE(9, 0x50, RAW("\x01")));
    say(CLIENT, simple_bind(300, "", ""));
    hear(CLIENT, tls_required(300, 0x61));
    say(CLIENT, starttls(400));
    hear(CLIENT, starttls_result(400, 0, ""));
    check("refusals", DIALOGUE_UPGRADE, 0);
}

static void unbind_before_required_tls_closes_without_a_word(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, RAW("\x30\x05\x02\x01\x01\x42\x00"));
    check("unbind", DIALOGUE_CLOSE, 0);
}

static void starttls_with_a_value_is_refused(void **state)
{
    (void)state;
    const struct dialogue_facts modes[] = {required, optional};
    for (size_t i = 0; i < 2; i++) {
        begin(modes[i]);
        say(CLIENT, MESSAGE(1, 0x77, str(0x80, STARTTLS_OID), str(0x81, "")));
        hear(CLIENT, starttls_result(1, 2, "StartTLS takes no value"));
        say(CLIENT, starttls(2));
        hear(CLIENT, starttls_result(2, 0, ""));
        check("value", DIALOGUE_UPGRADE, 0);
    }
}

static void a_name_that_only_begins_like_starttls_is_another(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, MESSAGE(1, 0x77, str(0x80, STARTTLS_OID "1")));
    hear(CLIENT, tls_required(1, 0x78));
    check("prefix", DIALOGUE_MORE, 0);
    begin(optional);
    through(CLIENT, MESSAGE(1, 0x77, str(0x80, STARTTLS_OID ".1")));
    check("prefix", DIALOGUE_MORE, 0);
}

static void too_many_errors_end_the_session(void **state)
{
    (void)state;
    begin(required);
    for (int i = 1; i <= 11; i++) {
        say(CLIENT, simple_bind(i, "", "a"));
        hear(CLIENT, tls_required(i, 0x61));
    }
    hear(CLIENT, notice(52, "Too many errors, closing connection"));
    say(CLIENT, starttls(12));
    check("errors", DIALOGUE_CLOSE, 0);
}

/* ---- optional ---- */

static void passwords_are_held_back(void **state)
{
    (void)state;
    begin(optional);
    say(CLIENT, simple_bind(1, "cn=a", "secret"));
    hear(CLIENT, tls_required(1, 0x61));
    say(CLIENT, sasl_bind(2, "PLAIN", "secret"));
    hear(CLIENT, tls_required(2, 0x61));
    say(CLIENT, sasl_bind(3, "login", "secret"));
    hear(CLIENT, tls_required(3, 0x61));
    /* a simple bind as the oldest clients wrote it, and an authentication choice of the future */
    say(CLIENT, MESSAGE(4, 0x60, num(2, 2), str(4, "cn=a"), str(0xa0, "secret")));
    hear(CLIENT, tls_required(4, 0x61));
    say(CLIENT, MESSAGE(5, 0x60, num(2, 3), str(4, "cn=a"), str(0x84, "secret")));
    hear(CLIENT, tls_required(5, 0x61));
    check("passwords", DIALOGUE_MORE, 0);
}

static void binds_without_a_password_pass(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, simple_bind(1, "", ""));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    through(CLIENT, simple_bind(2, "cn=unauthenticated", ""));
    through(UPSTREAM, result(2, 0x61, 53, ""));
    through(CLIENT, sasl_bind(3, "EXTERNAL", ""));
    through(UPSTREAM, result(3, 0x61, 0, ""));
    say(CLIENT, starttls(5));
    hear(CLIENT, starttls_result(5, 0, ""));
    check("binds", DIALOGUE_UPGRADE, 0);
}

static void mechanisms_that_hide_the_password_pass(void **state)
{
    (void)state;
    static const char *const names[] = {
        "ANONYMOUS",          "CRAM-MD5",       "digest-md5", "GSSAPI",      "GSS-SPNEGO",
        "SCRAM-SHA-256-PLUS", "scram-sha3-512", "GS2-KRB5",   "KERBEROS_V4", ""};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin(optional);
        through(CLIENT, sasl_bind(1, names[i], "x"));
        through(UPSTREAM, result(1, 0x61, 7, ""));
        check(names[i], DIALOGUE_MORE, 0);
    }
}

/* A token is as good as a password, and what is unknown may be either. Servers in C read a name up
 * to a NUL. */
static void mechanisms_that_are_not_known_to_hide_it_are_held_back(void **state)
{
    (void)state;
    const struct text mechanisms[] = {RAW("OAUTHBEARER"),   RAW("XOAUTH2"),  RAW("X-PLAINTEXT"),
                                      RAW("PLAINX"),        RAW(" PLAIN"),   RAW("PLAIN "),
                                      RAW("PLAIN\0"),       RAW("PLAIN\0x"), RAW("login\0"),
                                      RAW("GSSAPI\0"),      RAW("SCRAM"),    RAW("GSSAPI PLAIN"),
                                      RAW("SCRAM-\0PLAIN"), RAW("\0")};
    for (size_t i = 0; i < sizeof mechanisms / sizeof *mechanisms; i++) {
        begin(optional);
        say(CLIENT, MESSAGE(1, 0x60, num(2, 3), str(4, ""),
                            T(0xa3, T(4, mechanisms[i]), str(4, "secret"))));
        hear(CLIENT, tls_required(1, 0x61));
        check(mechanisms[i].data, DIALOGUE_MORE, 0);
    }
}

static void passwords_pass_where_the_route_allows_it(void **state)
{
    (void)state;
    begin(allowing);
    through(CLIENT, simple_bind(1, "cn=a", "secret"));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    through(CLIENT, sasl_bind(2, "PLAIN", "secret"));
    through(UPSTREAM, result(2, 0x61, 0, ""));
    say(CLIENT, starttls(3));
    hear(CLIENT, starttls_result(3, 0, ""));
    check("allowed", DIALOGUE_UPGRADE, 0);
}

static const int responses[] = {0x67, 0x69, 0x6b, 0x6d, 0x6f, 0x78};

/* What these are the responses to. */
static struct text request(size_t i)
{
    const struct text requests[] = {
        modify(1, NONE),
        add(1, NONE),
        MESSAGE(1, 0x4a, RAW("dc=x")),
        MESSAGE(1, 0x6c, str(4, "dc=x"), str(4, "dc=y"), RAW("\x01\x01\xff")),
        compare(1, "cn", str(4, "x")),
        MESSAGE(1, 0x77, str(0x80, "1.2.3"))};
    return requests[i];
}

static void starttls_waits_for_every_outstanding_operation(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++) {
        begin(optional);
        through(CLIENT, request(i));
        say(CLIENT, starttls(2));
        hear(CLIENT, starttls_result(2, 1, "Operations are outstanding"));
        through(UPSTREAM, MESSAGE(1, 0x79, NONE));         /* an intermediate response */
        through(UPSTREAM, result(0, 0x78, 0, "hello"));    /* unsolicited */
        through(UPSTREAM, result(7, responses[i], 0, "")); /* of nothing we know */
        say(CLIENT, starttls(3));
        hear(CLIENT, starttls_result(3, 1, "Operations are outstanding"));
        through(UPSTREAM, result(1, responses[i], 0, ""));
        say(CLIENT, starttls(4));
        hear(CLIENT, starttls_result(4, 0, ""));
        check("outstanding", DIALOGUE_UPGRADE, 0);
    }
}

static void starttls_waits_for_a_search(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, search(9, "dc=x", 2, 0, any(), NONE));
    through(UPSTREAM, MESSAGE(9, 0x64, str(4, "dc=x"), T(0x30, NONE)));
    through(UPSTREAM, MESSAGE(9, 0x73, str(4, "ldap://x/")));
    say(CLIENT, starttls(10));
    hear(CLIENT, starttls_result(10, 1, "Operations are outstanding"));
    through(UPSTREAM, result(9, 0x65, 0, ""));
    say(CLIENT, starttls(11));
    hear(CLIENT, starttls_result(11, 0, ""));
    check("search", DIALOGUE_UPGRADE, 0);
}

static void an_abandoned_operation_is_not_outstanding(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, search(9, "dc=x", 2, 0, any(), NONE));
    through(CLIENT, search(200, "dc=x", 2, 0, any(), NONE));
    through(CLIENT, MESSAGE(10, 0x50, RAW("\x09")));
    say(CLIENT, starttls(11));
    hear(CLIENT, starttls_result(11, 1, "Operations are outstanding"));
    through(CLIENT, T(0x30, num(2, 12), T(0x50, RAW("\x00\xc8")),
                      T(0xa0, T(0x30, str(4, "1.2.3"), T(4, filled(100))))));
    say(CLIENT, starttls(13));
    hear(CLIENT, starttls_result(13, 0, ""));
    check("abandon", DIALOGUE_UPGRADE, 0);
}

static void abandoned_operations_are_not_outstanding_however_many(void **state)
{
    (void)state;
    enum { MANY = LDAP_OPERATIONS + 3 };
    begin(optional);
    for (int i = 1; i <= MANY; i++)
        through(CLIENT, MESSAGE(i, 0x4a, RAW("x")));
    for (int i = 1; i <= MANY; i++)
        through(CLIENT, MESSAGE(100, 0x50, repeated((char)i, 1)));
    say(CLIENT, starttls(101));
    hear(CLIENT, starttls_result(101, 0, ""));
    check("abandon many", DIALOGUE_UPGRADE, 0);
}

static void starttls_is_refused_during_a_bind(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, sasl_bind(1, "GSSAPI", "a"));
    through(UPSTREAM, result(7, 0x61, 0, "of no bind that we know"));
    say(CLIENT, starttls(2));
    hear(CLIENT, starttls_result(2, 1, "Operations are outstanding"));
    through(UPSTREAM, result(1, 0x61, 14, "go on"));
    say(CLIENT, starttls(3));
    hear(CLIENT, starttls_result(3, 1, "Operations are outstanding"));
    through(CLIENT, sasl_bind(4, "GSSAPI", "b"));
    through(UPSTREAM, result(4, 0x61, 49, "no"));
    say(CLIENT, starttls(5));
    hear(CLIENT, starttls_result(5, 0, ""));
    check("bind in progress", DIALOGUE_UPGRADE, 0);
}

static void more_operations_than_fit_count_as_outstanding(void **state)
{
    (void)state;
    enum { MANY = LDAP_OPERATIONS + 3 };
    begin(optional);
    for (int i = 1; i <= MANY; i++)
        through(CLIENT, MESSAGE(i, 0x4a, RAW("x")));
    for (int i = 1; i < MANY; i++)
        through(UPSTREAM, result(i, 0x6b, 0, ""));
    say(CLIENT, starttls(100));
    hear(CLIENT, starttls_result(100, 1, "Operations are outstanding"));
    through(UPSTREAM, result(MANY, 0x6b, 0, ""));
    say(CLIENT, starttls(101));
    hear(CLIENT, starttls_result(101, 0, ""));
    check("many", DIALOGUE_UPGRADE, 0);
}

/* A server may never answer one (RFC 4511, 4.2.1: what comes behind it waits there, not here). */
static void binds_do_not_wait_for_each_other(void **state)
{
    (void)state;
    begin(optional);
    say(CLIENT,
        JOIN(simple_bind(1, "", ""), simple_bind(2, "", ""), simple_bind(3, "a", "secret")));
    hear(UPSTREAM, JOIN(simple_bind(1, "", ""), simple_bind(2, "", "")));
    hear(CLIENT, tls_required(3, 0x61));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    through(UPSTREAM, result(2, 0x61, 0, ""));
    check("binds in a row", DIALOGUE_MORE, 0);
    begin(inside);
    through(CLIENT, simple_bind(1, "", ""));
    through(CLIENT, simple_bind(2, "a", "secret"));
    through(CLIENT, MESSAGE(3, 0x42, NONE));
    check("unanswered", DIALOGUE_MORE, 0);
}

static void begin_with_half_an_entry(struct dialogue_facts facts, struct text *last_r)
{
    const struct text entry =
        MESSAGE(9, 0x64, str(4, "dc=x"), T(0x30, attribute("a", T(4, filled(300)))));
    begin(facts);
    through(CLIENT, search(9, "dc=x", 2, 0, any(), NONE));
    through(UPSTREAM, (struct text){entry.data, 200});
    *last_r = (struct text){entry.data + 200, entry.size - 200};
}

static void an_answer_of_ours_waits_for_the_end_of_the_upstreams_message(void **state)
{
    (void)state;
    struct text last;
    begin_with_half_an_entry(optional, &last);
    say(CLIENT, simple_bind(10, "a", "secret"));
    through(UPSTREAM, last);
    hear(CLIENT, tls_required(10, 0x61));
    through(UPSTREAM, result(9, 0x65, 0, ""));
    say(CLIENT, starttls(11));
    hear(CLIENT, starttls_result(11, 0, ""));
    check("refusal", DIALOGUE_UPGRADE, 0);

    begin_with_half_an_entry(optional, &last);
    say(CLIENT, RAW("QUIT\r\n"));
    through(UPSTREAM, last);
    hear(CLIENT, no_ldap());
    check("goodbye", DIALOGUE_CLOSE, 0);
}

/* Also when the next message of the upstream comes with the end of the last one. */
static void an_answer_of_ours_goes_between_the_upstreams_messages(void **state)
{
    (void)state;
    struct text last;
    begin_with_half_an_entry(inside, &last);
    const struct text more = MESSAGE(9, 0x64, str(4, "dc=y"), T(0x30, NONE));
    say(CLIENT, starttls(10));
    say(UPSTREAM, JOIN(last, more));
    hear(CLIENT, last);
    hear(CLIENT, starttls_result(10, 1, "TLS already established"));
    hear(CLIENT, more);
    through(UPSTREAM, result(9, 0x65, 0, ""));
    through(CLIENT, simple_bind(11, "", ""));
    check("between", DIALOGUE_MORE, 0);
}

static void each_starttls_inside_tls_gets_its_answer(void **state)
{
    (void)state;
    enum { MANY = 2 * LDAP_OWED + 3 };
    struct text last;
    begin_with_half_an_entry(inside, &last);
    for (int i = 10; i < 10 + MANY; i++)
        say(CLIENT, starttls(i));
    through(CLIENT, simple_bind(1, "", ""));
    through(UPSTREAM, last);
    for (int i = 10; i < 10 + MANY; i++)
        hear(CLIENT, starttls_result(i, 1, "TLS already established"));
    through(UPSTREAM, result(9, 0x65, 0, ""));
    check("many", DIALOGUE_MORE, 0);
}

/* Also by bytes that are no LDAP. */
static void the_watch_ends_behind_the_answers_that_are_owed(void **state)
{
    (void)state;
    static const struct text ends[] = {{"\x00\x00\x00\x01z", 5}, {"\x30\x80", 2}};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        struct text last;
        begin_with_half_an_entry(inside, &last);
        say(CLIENT, starttls(10));
        through(CLIENT, ends[i]);
        through(UPSTREAM, last);
        hear(CLIENT, starttls_result(10, 1, "TLS already established"));
        through(UPSTREAM, RAW("\x00\x00\x00\x01z"));
        check("owed", DIALOGUE_RELAY, 0);
    }
}

static void unbind_passes(void **state)
{
    (void)state;
    const struct dialogue_facts modes[] = {optional, inside};
    for (size_t i = 0; i < 2; i++) {
        begin(modes[i]);
        through(CLIENT, RAW("\x30\x05\x02\x01\x01\x42\x00"));
        check("unbind", DIALOGUE_MORE, 0);
    }
}

/* ---- inside ---- */

static void starttls_inside_tls_is_refused(void **state)
{
    (void)state;
    begin(inside);
    through(CLIENT, simple_bind(1, "cn=a", "secret"));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    say(CLIENT, starttls(2));
    hear(CLIENT, starttls_result(2, 1, "TLS already established"));
    say(CLIENT, MESSAGE(3, 0x77, str(0x80, STARTTLS_OID), str(0x81, "x")));
    hear(CLIENT, starttls_result(3, 1, "TLS already established"));
    through(CLIENT, MESSAGE(4, 0x77, str(0x80, "1.2.3")));
    through(CLIENT, sasl_bind(5, "PLAIN", "secret"));
    through(UPSTREAM, result(5, 0x61, 0, ""));
    through(CLIENT, MESSAGE(6, 0x7d, RAW("an operation of the future")));
    through(CLIENT, MESSAGE(7, 0x60, RAW("a broken bind is the upstream's to judge")));
    through(UPSTREAM, result(7, 0x61, 2, ""));
    say(CLIENT, starttls(8));
    hear(CLIENT, starttls_result(8, 1, "TLS already established"));
    check("inside", DIALOGUE_MORE, 0);
}

/* ---- security layers ---- */

static void wrapped_bytes_pass_behind_a_sasl_bind(void **state)
{
    (void)state;
    const struct dialogue_facts modes[] = {optional, inside};
    for (size_t i = 0; i < 2; i++) {
        begin(modes[i]);
        through(CLIENT, sasl_bind(1, "GSSAPI", "a"));
        through(UPSTREAM, result(1, 0x61, 14, ""));
        through(CLIENT, sasl_bind(2, "GSSAPI", "b"));
        through(UPSTREAM, result(2, 0x61, 0, ""));
        through(UPSTREAM, RAW("\x00\x00\x00\x03"
                              "abc"));
        through(CLIENT, RAW("\x00\x00\x00\x05wrapp\x00\x00\x00\x02"
                            "ed"));
        through(UPSTREAM, RAW("\x00\x00\x00\x01z"));
        check("wrapped", DIALOGUE_RELAY, 0);
    }
}

static void without_a_layer_the_rules_go_on(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, sasl_bind(1, "DIGEST-MD5", "a"));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    say(CLIENT, simple_bind(2, "a", "secret"));
    hear(CLIENT, tls_required(2, 0x61));
    through(CLIENT, search(3, "dc=x", 2, 0, any(), NONE));
    through(UPSTREAM, result(3, 0x65, 0, ""));
    say(CLIENT, starttls(4));
    hear(CLIENT, starttls_result(4, 0, ""));
    check("no layer", DIALOGUE_UPGRADE, 0);
}

static void no_layer_comes_of_other_binds(void **state)
{
    (void)state;
    static const char *const names[] = {"EXTERNAL", "ANONYMOUS", "CRAM-MD5", "SCRAM-SHA-256",
                                        "PLAIN"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin(allowing);
        through(CLIENT, sasl_bind(1, names[i], "a"));
        through(UPSTREAM, result(1, 0x61, 0, ""));
        say(CLIENT, RAW("\x00\x00\x00\x02"
                        "ed"));
        hear(CLIENT, no_ldap());
        check(names[i], DIALOGUE_CLOSE, 0);
    }
    begin(allowing); /* nor of one that fails */
    through(CLIENT, sasl_bind(1, "GSSAPI", "a"));
    through(UPSTREAM, result(1, 0x61, 49, ""));
    say(CLIENT, RAW("\x00\x00\x00\x02"
                    "ed"));
    hear(CLIENT, no_ldap());
    check("failed", DIALOGUE_CLOSE, 0);
}

/* Neither what came before it nor what comes behind it opens the way. */
static void a_layer_is_that_of_the_last_bind_that_succeeded(void **state)
{
    (void)state;
    static const int codes[] = {49, 7, 0}; /* of the first */
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin(optional);
        through(CLIENT, sasl_bind(1, "GSSAPI", "a"));
        through(UPSTREAM, result(1, 0x61, codes[i], ""));
        through(CLIENT, simple_bind(2, "", ""));
        through(UPSTREAM, result(2, 0x61, 0, ""));
        say(CLIENT, RAW("\x00\x00\x00\x02"
                        "ed"));
        hear(CLIENT, no_ldap());
        check("anonymous", DIALOGUE_CLOSE, 0);
    }
    begin(allowing); /* of a mechanism that nobody knows, too */
    through(CLIENT, simple_bind(1, "cn=a", "secret"));
    through(UPSTREAM, result(1, 0x61, 49, ""));
    through(CLIENT, sasl_bind(2, "X-FOO", "a"));
    through(UPSTREAM, result(2, 0x61, 0, ""));
    through(CLIENT, RAW("\x00\x00\x00\x02"
                        "ed"));
    check("unknown", DIALOGUE_RELAY, 0);
}

/* An upstream that behaves as if it wrapped does not open the way for a password that waits. */
static void the_upstream_alone_does_not_end_the_watch(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, sasl_bind(1, "NTLM", "a"));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    const struct text secret = simple_bind(2, "a", "secret");
    say(CLIENT, (struct text){secret.data, secret.size - 1});
    through(UPSTREAM, RAW("\x00\x00\x00\x01z"));
    through(UPSTREAM, RAW("\x30"
                          "and so on"));
    check("hostile upstream", DIALOGUE_MORE, 0);
}

static void refusals_are_notices_of_disconnection(void **state)
{
    (void)state;
    static const int codes[] = {[REFUSE_UPSTREAM_DOWN] = 52,
                                [REFUSE_TOO_MANY] = 51,
                                [REFUSE_DRAINING] = 52,
                                [REFUSE_TIMEOUT] = 52};
    for (int why = 0; why < 4; why++) {
        struct buf b;
        buf_init(&b, 1000);
        starttls_ldap.refuse((enum starttls_refusal)why, "host", &b);
        const struct text wanted =
            notice(codes[why], dialogue_refusal_words((enum starttls_refusal)why));
        assert_int_equal(b.size, wanted.size);
        assert_memory_equal(b.data, wanted.data, b.size);
        buf_free(&b);
        arena_used = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starttls_upgrades),
        cmocka_unit_test(bytes_behind_starttls_stay_unread),
        cmocka_unit_test(everything_else_is_refused_before_required_tls),
        cmocka_unit_test(unbind_before_required_tls_closes_without_a_word),
        cmocka_unit_test(starttls_with_a_value_is_refused),
        cmocka_unit_test(a_name_that_only_begins_like_starttls_is_another),
        cmocka_unit_test(too_many_errors_end_the_session),
        cmocka_unit_test(passwords_are_held_back),
        cmocka_unit_test(binds_without_a_password_pass),
        cmocka_unit_test(mechanisms_that_hide_the_password_pass),
        cmocka_unit_test(mechanisms_that_are_not_known_to_hide_it_are_held_back),
        cmocka_unit_test(passwords_pass_where_the_route_allows_it),
        cmocka_unit_test(starttls_waits_for_every_outstanding_operation),
        cmocka_unit_test(starttls_waits_for_a_search),
        cmocka_unit_test(an_abandoned_operation_is_not_outstanding),
        cmocka_unit_test(abandoned_operations_are_not_outstanding_however_many),
        cmocka_unit_test(starttls_is_refused_during_a_bind),
        cmocka_unit_test(more_operations_than_fit_count_as_outstanding),
        cmocka_unit_test(binds_do_not_wait_for_each_other),
        cmocka_unit_test(an_answer_of_ours_waits_for_the_end_of_the_upstreams_message),
        cmocka_unit_test(an_answer_of_ours_goes_between_the_upstreams_messages),
        cmocka_unit_test(each_starttls_inside_tls_gets_its_answer),
        cmocka_unit_test(the_watch_ends_behind_the_answers_that_are_owed),
        cmocka_unit_test(unbind_passes),
        cmocka_unit_test(starttls_inside_tls_is_refused),
        cmocka_unit_test(wrapped_bytes_pass_behind_a_sasl_bind),
        cmocka_unit_test(without_a_layer_the_rules_go_on),
        cmocka_unit_test(no_layer_comes_of_other_binds),
        cmocka_unit_test(a_layer_is_that_of_the_last_bind_that_succeeded),
        cmocka_unit_test(the_upstream_alone_does_not_end_the_watch),
        cmocka_unit_test(refusals_are_notices_of_disconnection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
