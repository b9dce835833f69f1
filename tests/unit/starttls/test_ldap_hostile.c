/* test_ldap_hostile.c - what is no LDAP, or wants to be more than it may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap_script.h"
#include "proxy/starttls/ldap.h"

static const struct dialogue_facts *const modes[] = {&required, &optional, &inside};
enum { CLEAR_MODES = 2, MODES = sizeof modes / sizeof *modes };

#define ROW(literal)                                                                               \
    {                                                                                              \
        literal, sizeof(literal) - 1                                                               \
    }

static const struct text garbage[] = {
    ROW("GET / HTTP/1.1\r\n\r\n"),
    ROW("\x16\x03\x01\x00\x2e"), /* a TLS handshake without StartTLS */
    ROW("\x00"),
    ROW("\xff\xff\xff\xff"),
    ROW("\x31\x05\x02\x01\x01\x42\x00"), /* a SET */
    ROW("\x3f\x81\x01\x00"),             /* a tag of several bytes */
    /* lengths: indefinite, absurd, of too many octets */
    ROW("\x30\x80\x02\x01\x01\x42\x00\x00\x00"),
    ROW("\x30\x84\x80\x00\x00\x00"),
    ROW("\x30\x84\xff\xff\xff\xff"),
    ROW("\x30\x88\xff\xff\xff\xff\xff\xff\xff\xff"),
    ROW("\x30\x89\x00"),
    ROW("\x30\xff"),
    /* no id, or none that may be */
    ROW("\x30\x00"),
    ROW("\x30\x02\x42\x00"),
    ROW("\x30\x04\x02\x00\x42\x00"),
    ROW("\x30\x05\x04\x01\x01\x42\x00"),
    ROW("\x30\x05\x02\x81\x80\x42\x00"),
    ROW("\x30\x05\x02\x01\xff\x42\x00"),
    ROW("\x30\x08\x02\x04\x80\x00\x00\x00\x42\x00"),
    ROW("\x30\x09\x02\x05\x00\x80\x00\x00\x00\x42\x00"),
    ROW("\x30\x0d\x02\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01\x42\x00"),
    /* no operation, or one that is longer than the message, or indefinite */
    ROW("\x30\x03\x02\x01\x01"),
    ROW("\x30\x04\x02\x01\x01\x42"),
    ROW("\x30\x05\x02\x01\x01\x60\x01"),
    ROW("\x30\x05\x02\x01\x01\x60\x80"),
    ROW("\x30\x06\x02\x01\x01\x7f\x01\x00"),
    ROW("\x30\x09\x02\x01\x01\x60\x84\x7f\xff\xff\xff"),
    /* garbage behind the operation */
    ROW("\x30\x06\x02\x01\x01\x42\x00\xa0"),
    ROW("\x30\x08\x02\x01\x01\x42\x00\xa0\x05x"),
};

static void garbage_in_clear_ends_the_session_with_a_notice(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        for (size_t mode = 0; mode < CLEAR_MODES; mode++) {
            char name[32];
            snprintf(name, sizeof name, "row %zu, mode %zu", i, mode);
            begin(*modes[mode]);
            say(CLIENT, garbage[i]);
            hear(CLIENT, no_ldap());
            check(name, DIALOGUE_CLOSE, 0);
            if (mode == DIALOGUE_REQUIRED)
                continue;
            begin(*modes[mode]);
            say(UPSTREAM, garbage[i]);
            hear(CLIENT, notice(52, "Service not available, try again later"));
            check(name, DIALOGUE_CLOSE, 0);
        }
}

static void what_is_no_ldap_is_between_the_two_on_tls(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof garbage / sizeof *garbage; i++)
        for (int side = CLIENT; side <= UPSTREAM; side++) {
            char name[32];
            snprintf(name, sizeof name, "row %zu, side %d", i, side);
            begin(inside);
            through((enum side)side, garbage[i]);
            through(CLIENT, RAW("anything"));
            through(UPSTREAM, RAW("else"));
            check(name, DIALOGUE_RELAY, 0);
        }
}

static void messages_are_cut_short_before_their_last_byte(void **state)
{
    (void)state;
    static const uint8_t message[] = "\x30\x84\x00\x00\x00\x05\x02\x01\x01\x42\x00\x30";
    const size_t whole = sizeof message - 2;
    for (size_t n = 1; n <= whole + 1; n++)
        assert_int_equal(starttls_ldap.cut_short((struct slice){message, n}), n < whole);
    /* Nothing is to come of what is none. */
    static const uint8_t none[] = "\x30\x80";
    assert_false(starttls_ldap.cut_short((struct slice){none, 2}));
}

static void id_0_is_for_no_request(void **state)
{
    (void)state;
    for (size_t mode = 0; mode < CLEAR_MODES; mode++) {
        begin(*modes[mode]);
        say(CLIENT, starttls(0));
        hear(CLIENT, no_ldap());
        check("id 0", DIALOGUE_CLOSE, 0);
    }
}

static void starttls_inside_tls_is_refused_whatever_its_id(void **state)
{
    (void)state;
    static const int ids[] = {0, 1, INT16_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        begin(inside);
        say(CLIENT, starttls(ids[i]));
        hear(CLIENT, starttls_result(ids[i], 1, "TLS already established"));
        check("id", DIALOGUE_MORE, 0);
    }
}

static void operations_that_are_no_request_end_the_session_before_tls(void **state)
{
    (void)state;
    /* responses; a bind in other classes and forms, which a careless server might take for one */
    static const int ops[] = {0x61, 0x64, 0x65, 0x78, 0x79, 0x40,
                              0x20, 0xe0, 0x00, 0x62, 0x70, 0x7d};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (size_t mode = 0; mode < 2; mode++) {
            begin(*modes[mode]);
            say(CLIENT, MESSAGE(1, ops[i], num(2, 3), str(4, "cn=a"), str(0x80, "secret")));
            hear(CLIENT, no_ldap());
            check("no request", DIALOGUE_CLOSE, 0);
        }
}

static void broken_requests_end_the_session_before_tls(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, MESSAGE(1, 0x63, str(4, "")));
    hear(CLIENT, no_ldap());
    check("search", DIALOGUE_CLOSE, 0);
    begin(required);
    say(CLIENT, search(1, "", 0, 0, any(), num(2, 1)));
    hear(CLIENT, no_ldap());
    check("selection", DIALOGUE_CLOSE, 0);
    for (size_t mode = 0; mode < 2; mode++) {
        begin(*modes[mode]);
        say(CLIENT, MESSAGE(1, 0x77, str(4, STARTTLS_OID)));
        hear(CLIENT, no_ldap());
        check("extended", DIALOGUE_CLOSE, 0);
    }
    const struct text binds[] = {
        RAW("\x30\x05\x02\x01\x01\x60\x00"),
        RAW("\x30\x12\x02\x01\x01\x60\x0d\x02\x01\x03\x04\x00\x80\x09secret"),
        RAW("\x30\x0e\x02\x01\x01\x60\x09\x04\x00\x80\x05"
            "secre"),
        RAW("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\xa3\x00"),
        RAW("\x30\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80\x80"),
        RAW("\x30\x14\x02\x01\x01\x60\x0f\x02\x01\x03\x04\x00\x80\x00\x80\x06secret"),
    };
    for (size_t i = 0; i < sizeof binds / sizeof *binds; i++) {
        begin(optional);
        say(CLIENT, binds[i]);
        hear(CLIENT, no_ldap());
        check("bind", DIALOGUE_CLOSE, 0);
    }
}

static void a_broken_search_is_the_upstreams_to_judge(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        begin(*modes[mode]);
        through(CLIENT, MESSAGE(1, 0x63, str(4, "")));
        through(UPSTREAM, result(1, 0x65, 2, "broken"));
        check("search", DIALOGUE_MORE, 0);
    }
}

static void long_but_legal_lengths_are_taken(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT,
        RAW("\x30\x88\x00\x00\x00\x00\x00\x00\x00\x35\x02\x88\x00\x00\x00\x00\x00\x00\x00\x01\x07"
            "\x77\x88\x00\x00\x00\x00\x00\x00\x00\x20\x80\x88\x00\x00\x00\x00\x00\x00\x00"
            "\x16" STARTTLS_OID));
    hear(CLIENT, starttls_result(7, 0, ""));
    check("eight octets", DIALOGUE_UPGRADE, 0);
}

static void the_largest_id_is_taken(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, RAW("\x30\x20\x02\x04\x7f\xff\xff\xff\x77\x18\x80\x16" STARTTLS_OID));
    hear(CLIENT, RAW("\x30\x27\x02\x04\x7f\xff\xff\xff\x78\x1f\x0a\x01\x00\x04\x00\x04\x00\x8a"
                     "\x16" STARTTLS_OID));
    check("id", DIALOGUE_UPGRADE, 0);
}

static void elements_of_the_future_and_controls_are_ignored(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, T(0x30, num(2, 1), T(0x77, str(0x80, STARTTLS_OID), str(0x85, "new")),
                  T(0xa0, T(0x30, str(4, "1.2.3"))), str(0x87, "new")));
    hear(CLIENT, starttls_result(1, 0, ""));
    check("future", DIALOGUE_UPGRADE, 0);
}

/* Nobody looks into a filter, however deep it is. */
static void deep_nesting_costs_nothing(void **state)
{
    (void)state;
    struct text filter = any();
    for (int i = 0; i < 1000; i++)
        filter = T(0xa2, filter);
    begin(required);
    say(CLIENT, search(1, "", 0, 0, filter, str(4, "supportedExtension")));
    hear(CLIENT, root_entry(1, attribute("supportedExtension", str(4, STARTTLS_OID))));
    hear(CLIENT, result(1, 0x65, 0, ""));
    check_large("deep", DIALOGUE_MORE);

    struct text sequences = NONE;
    for (int i = 0; i < 1000; i++)
        sequences = T(0x30, sequences);
    for (size_t mode = 0; mode < CLEAR_MODES; mode++) {
        begin(*modes[mode]);
        say(CLIENT, T(0x30, sequences));
        hear(CLIENT, no_ldap());
        check_large("sequences", DIALOGUE_CLOSE);
    }
}

static void large_requests_before_required_tls_are_bounded(void **state)
{
    (void)state;
    const size_t frame = MESSAGE(1, 0x68, filled(200000)).size - 200000;
    for (size_t over = 0; over < 2; over++) {
        begin(required);
        say(CLIENT, MESSAGE(1, 0x68, filled(262144 - frame + over)));
        hear(CLIENT, over ? notice(11, "The request is too large") : tls_required(1, 0x69));
        if (!over) {
            say(CLIENT, starttls(2));
            hear(CLIENT, starttls_result(2, 0, ""));
        }
        check_large("large add", over ? DIALOGUE_CLOSE : DIALOGUE_UPGRADE);
    }
}

/* Requests whose contents would matter, were they not too large to look at. */
static void large_requests_of_every_kind_are_refused_before_required_tls(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, simple_bind(1, "", "a"));
    hear(CLIENT, tls_required(1, 0x61));
    say(CLIENT, search(2, "", 0, 0, any(), T(4, filled(70000))));
    hear(CLIENT, tls_required(2, 0x65));
    say(CLIENT, MESSAGE(3, 0x77, str(0x80, STARTTLS_OID), T(0x81, filled(70000))));
    hear(CLIENT, starttls_result(3, 2, "StartTLS takes no value"));
    say(CLIENT, MESSAGE(4, 0x77, T(0x80, repeated('1', 70000))));
    hear(CLIENT, tls_required(4, 0x78));
    say(CLIENT, MESSAGE(5, 0x60, num(2, 3), str(4, ""), T(0x80, filled(70000))));
    hear(CLIENT, tls_required(5, 0x61));
    check_large("large", DIALOGUE_MORE);
}

static void large_messages_stream_through(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        begin(*modes[mode]);
        through(CLIENT, add(1, attribute("jpegPhoto", T(4, filled(1 << 20)))));
        through(CLIENT, search(2, "", 0, 0, any(), T(4, filled(70000))));
        through(CLIENT, MESSAGE(3, 0x77, T(0x80, repeated('1', 70000))));
        through(UPSTREAM, MESSAGE(2, 0x64, filled(1 << 20)));
        through(UPSTREAM, MESSAGE(1, 0x69, num(10, 0), str(4, ""), T(4, filled(1 << 17))));
        through(UPSTREAM, result(2, 0x65, 0, ""));
        through(UPSTREAM, result(3, 0x78, 0, ""));
        check_large("stream", DIALOGUE_MORE);
    }
}

/* Not a byte behind the head waits for the end of a message that passes. */
static void a_message_that_passes_is_not_collected(void **state)
{
    (void)state;
    const struct text messages[] = {MESSAGE(1, 0x6c, filled(50000)),
                                    search(1, "", 0, 0, any(), T(4, filled(70000)))};
    for (size_t i = 0; i < 2; i++) {
        const struct text message = messages[i];
        begin(optional);
        through(CLIENT, (struct text){message.data, 96});
        through(CLIENT, (struct text){message.data + 96, 1});
        finish("beginning", DIALOGUE_MORE, 0);
        play(&starttls_ldap, &script, script.count, 0, 0, "whole");
        play(&starttls_ldap, &script, script.count, 0, 1, "byte by byte");
    }
    arena_used = 0;
}

static void a_large_bind_is_held_back(void **state)
{
    (void)state;
    begin(optional);
    say(CLIENT, MESSAGE(1, 0x60, num(2, 3), str(4, ""), T(0x80, filled(70000))));
    hear(CLIENT, no_ldap());
    check_large("optional", DIALOGUE_CLOSE);

    begin(inside);
    through(CLIENT, MESSAGE(1, 0x60, num(2, 3), str(4, ""),
                            T(0xa3, str(4, "GSSAPI"), T(4, filled(70000)))));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    through(CLIENT, RAW("\x00\x00\x00\x01z"));
    check_large("inside", DIALOGUE_RELAY);
}

/* Just within what is collected. */
static void a_password_of_64_KiB_is_held_back(void **state)
{
    (void)state;
    const size_t frame =
        MESSAGE(1, 0x60, num(2, 3), str(4, ""), T(0x80, filled(60000))).size - 60000;
    begin(optional);
    say(CLIENT, MESSAGE(1, 0x60, num(2, 3), str(4, ""), T(0x80, filled(65536 - frame))));
    hear(CLIENT, tls_required(1, 0x61));
    check_large("password", DIALOGUE_MORE);
}

/* The upstream never hears of a large StartTLS, and the dialogue goes on behind it. */
static void a_large_starttls_is_dropped(void **state)
{
    (void)state;
    begin(optional);
    say(CLIENT, MESSAGE(3, 0x77, str(0x80, STARTTLS_OID), T(0x81, filled(70000))));
    hear(CLIENT, starttls_result(3, 2, "StartTLS takes no value"));
    through(CLIENT, simple_bind(4, "", ""));
    check_large("optional", DIALOGUE_MORE);
    begin(inside);
    say(CLIENT, MESSAGE(3, 0x77, str(0x80, STARTTLS_OID), T(0x81, filled(70000))));
    hear(CLIENT, starttls_result(3, 1, "TLS already established"));
    through(CLIENT, simple_bind(4, "", "secret"));
    check_large("inside", DIALOGUE_MORE);
}

static void who_broke_the_protocol_is_told_apart(void **state)
{
    (void)state;
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        const struct text said = RAW("\x30\x80");
        struct stage st;
        stage_open(&st, &starttls_ldap, &optional);
        stage_say(&st, (enum side)side, said.data, said.size);
        assert_int_equal(st.verdict, DIALOGUE_CLOSE);
        assert_int_equal(st.dialogue.reason == DIALOGUE_PROTOCOL_ERROR, side == UPSTREAM);
        stage_free(&st);
    }
}

static void a_bind_response_without_a_code_ends_the_session(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, simple_bind(1, "", ""));
    say(UPSTREAM, MESSAGE(1, 0x61, str(4, "")));
    hear(CLIENT, notice(52, "Service not available, try again later"));
    check("no code", DIALOGUE_CLOSE, 0);
}

static void the_upstreams_notice_passes(void **state)
{
    (void)state;
    for (size_t mode = 1; mode < MODES; mode++) {
        begin(*modes[mode]);
        through(UPSTREAM, notice(51, "busy"));
        check("notice", DIALOGUE_MORE, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(garbage_in_clear_ends_the_session_with_a_notice),
        cmocka_unit_test(what_is_no_ldap_is_between_the_two_on_tls),
        cmocka_unit_test(messages_are_cut_short_before_their_last_byte),
        cmocka_unit_test(id_0_is_for_no_request),
        cmocka_unit_test(starttls_inside_tls_is_refused_whatever_its_id),
        cmocka_unit_test(operations_that_are_no_request_end_the_session_before_tls),
        cmocka_unit_test(broken_requests_end_the_session_before_tls),
        cmocka_unit_test(a_broken_search_is_the_upstreams_to_judge),
        cmocka_unit_test(long_but_legal_lengths_are_taken),
        cmocka_unit_test(the_largest_id_is_taken),
        cmocka_unit_test(elements_of_the_future_and_controls_are_ignored),
        cmocka_unit_test(deep_nesting_costs_nothing),
        cmocka_unit_test(large_requests_before_required_tls_are_bounded),
        cmocka_unit_test(large_requests_of_every_kind_are_refused_before_required_tls),
        cmocka_unit_test(large_messages_stream_through),
        cmocka_unit_test(a_message_that_passes_is_not_collected),
        cmocka_unit_test(a_large_bind_is_held_back),
        cmocka_unit_test(a_password_of_64_KiB_is_held_back),
        cmocka_unit_test(a_large_starttls_is_dropped),
        cmocka_unit_test(who_broke_the_protocol_is_told_apart),
        cmocka_unit_test(a_bind_response_without_a_code_ends_the_session),
        cmocka_unit_test(the_upstreams_notice_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
