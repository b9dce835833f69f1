/* test_ldap_secret.c - passwords in what is written to a directory, compared or looked for, in
 * clear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap_script.h"

enum { LARGE = 70000 };

#define PASSWORD_MODIFY "1.3.6.1.4.1.4203.1.11.1"

static struct text photo(size_t size)
{
    return attribute("jpegPhoto", T(4, filled(size)));
}

static struct text password(void)
{
    return attribute("userPassword", str(4, "secret"));
}

/* As check_large(), and in small pieces: nothing but the head of an element is waited for. */
static void check_elements(const char *name, enum dialogue_verdict end)
{
    finish(name, end, 0);
    play(&starttls_ldap, &script, script.count, 0, 1, "byte by byte");
    play(&starttls_ldap, &script, script.count, 0, 7, "by sevens");
    check_large(name, end);
}

static void check_refused(const char *name, struct text request, int response)
{
    begin(optional);
    say(CLIENT, request);
    hear(CLIENT, tls_required(1, response));
    check(name, DIALOGUE_MORE, 0);
}

static void what_sets_or_compares_a_password_is_held_back(void **state)
{
    (void)state;
    static const char *const names[] = {
        "userPassword", "USERPASSWORD;lang-de",   "2.5.4.35",   "2.5.4.35;x",
        "authPassword", "1.3.6.1.4.1.4203.1.3.4", "unicodePwd", "1.2.840.113556.1.4.90"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        check_refused(names[i], add(1, attribute(names[i], str(4, "secret"))), 0x69);
        check_refused(names[i], modify(1, replace(attribute(names[i], str(4, "secret")))), 0x67);
        check_refused(names[i], compare(1, names[i], str(4, "secret")), 0x6f);
    }
    check_refused("behind another", add(1, JOIN(photo(10), password())), 0x69);
    check_refused("behind another", modify(1, JOIN(replace(photo(10)), replace(password()))), 0x67);
    check_refused("behind none",
                  modify(1, JOIN(replace(attribute("a", NONE)), replace(password()))), 0x67);
    check_refused("operation", MESSAGE(1, 0x77, str(0x80, PASSWORD_MODIFY), str(0x81, "x")), 0x78);
}

/* Servers in C read a name up to a NUL, and some up to a blank, or from behind one. */
static void names_that_some_read_as_a_passwords_are_held_back(void **state)
{
    (void)state;
    const struct text names[] = {RAW("userPassword\0"),
                                 RAW("userPassword\0x"),
                                 RAW("userPassword "),
                                 RAW(" userPassword"),
                                 RAW("\0"),
                                 RAW("")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_refused("odd", add(1, T(0x30, T(4, names[i]), T(0x31, str(4, "secret")))), 0x69);
}

static void other_attributes_pass(void **state)
{
    (void)state;
    static const char *const names[] = {"cn",        "userPasswordHint", "userPasswor",   "2.5.4.3",
                                        "2.5.4.355", "jpegPhoto;binary", "x;userPassword"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        begin(optional);
        through(CLIENT, add(1, JOIN(attribute(names[i], JOIN(str(4, "a"), str(4, "b"))),
                                    attribute("description", str(4, "userPassword")))));
        through(CLIENT, modify(2, replace(attribute(names[i], NONE))));
        through(CLIENT, compare(3, names[i], str(4, "userPassword")));
        check(names[i], DIALOGUE_MORE, 0);
    }
}

/* ---- filters ---- */

static struct text looking_for(struct text filter)
{
    return search(1, "dc=x", 2, 0, filter, str(4, "userPassword"));
}

static struct text equals(const char *type)
{
    return T(0xa3, str(4, type), str(4, "secret"));
}

static void a_filter_that_compares_a_password_is_held_back(void **state)
{
    (void)state;
    check_refused("equality", looking_for(equals("userPassword")), 0x65);
    check_refused("and", looking_for(T(0xa0, equals("uid"), any(), equals("2.5.4.35;x"))), 0x65);
    check_refused("or", looking_for(T(0xa1, equals("uid"), equals("unicodePwd"))), 0x65);
    check_refused("not", looking_for(T(0xa0, T(0xa2, equals("authPassword")), any())), 0x65);
    check_refused("substrings",
                  looking_for(T(0xa4, str(4, "userPassword"), T(0x30, str(0x80, "sec")))), 0x65);
    for (int tag = 0xa5; tag <= 0xa8; tag++)
        if (tag != 0xa7) /* that is the tag of no comparison */
            check_refused("order", looking_for(T(tag, str(4, "userPassword"), str(4, "x"))), 0x65);
    check_refused("extensible",
                  looking_for(T(0xa9, str(0x81, "2.5.13.5"), str(0x82, "userPassword"),
                                str(0x83, "secret"), RAW("\x84\x01\xff"))),
                  0x65);
    check_refused("odd tag", looking_for(T(0xa3, str(0x0c, "userPassword"), str(4, "x"))), 0x65);
}

static void other_filters_pass(void **state)
{
    (void)state;
    struct text deep = equals("uid");
    for (int i = 0; i < 20; i++)
        deep = T(0xa2, deep);
    const struct text filters[] = {
        str(0x87, "userPassword"),
        T(0xa0, NONE),
        T(0xa0, str(0x87, "userPassword"), equals("uid"), T(0xa1, equals("cn"), equals("sn"))),
        T(0xa3, str(4, "description"), str(4, "userPassword")),
        T(0xa9, str(0x81, "userPassword"), str(0x83, "x")),
        T(0xa9, NONE),
        T(0xa3, NONE),
        RAW("\xa0\x02\xa3\x20"),
        deep};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        const size_t used = arena_used;
        begin(optional);
        through(CLIENT, looking_for(filters[i]));
        check("other", DIALOGUE_MORE, 0);
        arena_used = used; /* the other filters stay */
    }
}

static void passwords_pass_where_the_route_allows_it(void **state)
{
    (void)state;
    const struct dialogue_facts facts[] = {allowing, inside};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        begin(facts[i]);
        through(CLIENT, add(1, password()));
        through(CLIENT, modify(2, JOIN(replace(photo(LARGE)), replace(password()))));
        through(CLIENT, looking_for(equals("userPassword")));
        through(CLIENT, MESSAGE(3, 0x68, RAW("what is broken is the upstream's to judge")));
        check_large("allowed", DIALOGUE_MORE);
    }
}

/* ---- what is not as the RFC has it ---- */

/* The same under another tag. */
static struct text tagged(char tag, struct text element)
{
    char *at = arena_take(element.size);
    memcpy(at, element.data, element.size);
    at[0] = tag;
    return (struct text){at, element.size};
}

static struct text change_of(struct text operation, struct text attribute)
{
    return T(0x30, operation, attribute);
}

/* Servers go by the place of an element: each of these sets or compares a password at one of them,
 * or hides by a wrong length that it does. */
static size_t odd_requests(struct text *requests)
{
    size_t n = 0;
    const struct text dn = str(4, "dc=x"), set = T(0x31, str(4, "secret"));
    requests[n++] = MESSAGE(1, 0x68, tagged(0x0c, dn), T(0x30, password()));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x31, password()));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, tagged(0x31, password())));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x31, NONE), password()));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x30, NONE), password()));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x30, str(0x0c, "userPassword"), set)));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x30, str(4, "a"), tagged(0x30, set))));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x30, str(4, "a"), T(0x31, str(0x0c, "b")))));
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x30, str(4, "a"))), password());
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, attribute("a", NONE)), password());
    requests[n++] = MESSAGE(1, 0x68, dn, T(0x30, T(0x30, str(4, "a"), set, str(4, "b"))));
    /* a value, an attribute and a list that end behind what they stand in */
    requests[n++] = add(1, T(0x30, str(4, "a"), T(0x31, RAW("\x04\x20"))));
    requests[n++] = add(1, JOIN(RAW("\x30\x03\x04\x01\x61\x31\x00"), password()));
    requests[n++] = MESSAGE(1, 0x68, dn, RAW("\x30\x20"), password());
    requests[n++] = MESSAGE(1, 0x68, dn, RAW("\x30\x80"), password());
    requests[n++] = MESSAGE(1, 0x68, dn, RAW("\x30"));
    requests[n++] = MESSAGE(1, 0x68, dn);
    requests[n++] = MESSAGE(1, 0x68, NONE);
    requests[n++] = modify(1, change_of(num(2, 2), password()));
    requests[n++] = modify(1, tagged(0x31, replace(password())));
    requests[n++] = modify(1, replace(tagged(0x31, password())));
    requests[n++] = modify(1, JOIN(T(0x30, num(10, 2)), password()));
    requests[n++] = modify(1, T(0x30, num(10, 2), attribute("a", NONE), password()));
    requests[n++] = modify(1, password());
    requests[n++] = MESSAGE(1, 0x6e, dn, T(0x31, str(4, "userPassword"), str(4, "secret")));
    requests[n++] = MESSAGE(1, 0x6e, dn, T(0x30, str(0x0c, "userPassword"), str(4, "secret")));
    requests[n++] = MESSAGE(1, 0x6e, dn, T(0x30, str(4, "cn"), str(0x0c, "secret")));
    requests[n++] = MESSAGE(1, 0x6e, dn, T(0x30, str(4, "cn"), str(4, "a"), str(4, "b")));
    return n;
}

enum { ODD_MAX = 32 };

static void what_cannot_be_read_ends_the_session(void **state)
{
    (void)state;
    struct text requests[ODD_MAX];
    const size_t count = odd_requests(requests);
    for (size_t i = 0; i < count; i++) {
        char name[32];
        snprintf(name, sizeof name, "row %zu", i);
        odd_requests(requests); /* the arena is emptied each time */
        begin(optional);
        say(CLIENT, requests[i]);
        hear(CLIENT, no_ldap());
        check(name, DIALOGUE_CLOSE, 0);
    }
}

static void the_name_of_an_operation_that_cannot_be_read_ends_the_session(void **state)
{
    (void)state;
    const struct text controls = T(0xa0, T(0x30, str(4, "1.2.3"), T(4, filled(LARGE))));
    const struct text requests[] = {
        MESSAGE(1, 0x77, str(4, PASSWORD_MODIFY), str(0x81, "secret")),
        MESSAGE(1, 0x77, T(0x80, RAW(PASSWORD_MODIFY "\0")), str(0x81, "secret")),
        MESSAGE(1, 0x77, str(0x80, PASSWORD_MODIFY " "), str(0x81, "secret")),
        T(0x30, num(2, 1), T(0x77, str(4, PASSWORD_MODIFY), str(0x81, "secret")), controls),
        MESSAGE(1, 0x77, T(0x80, RAW(PASSWORD_MODIFY "\0"), filled(LARGE)))};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        const size_t used = arena_used;
        begin(optional);
        say(CLIENT, requests[i]);
        hear(CLIENT, no_ldap());
        check_large("name", DIALOGUE_CLOSE);
        arena_used = used; /* the other requests stay */
    }
}

/* ---- larger than what is collected ---- */

static void large_requests_without_a_password_pass(void **state)
{
    (void)state;
    struct text many = NONE;
    for (int i = 0; i < 700; i++)
        many = JOIN(many, attribute("description", JOIN(T(4, filled(100)), NONE, str(4, ""))));
    const struct text controls = T(0xa0, T(0x30, str(4, "userPassword"), T(4, filled(10))));
    begin(optional);
    through(CLIENT, add(1, JOIN(photo(LARGE), attribute("cn", str(4, "x")))));
    through(CLIENT, modify(2, JOIN(replace(attribute("cn", NONE)), replace(photo(LARGE)))));
    through(CLIENT, compare(3, "jpegPhoto", T(4, filled(LARGE))));
    through(CLIENT, MESSAGE(4, 0x68, T(4, filled(LARGE)), T(0x30, attribute("cn", NONE))));
    through(CLIENT, T(0x30, num(2, 5), T(0x68, str(4, "dc=x"), T(0x30, many)), controls));
    through(CLIENT,
            T(0x30, num(2, 6), T(0x66, str(4, "dc=x"), T(0x30, replace(photo(LARGE)))), controls));
    say(CLIENT, simple_bind(7, "a", "secret"));
    hear(CLIENT, tls_required(7, 0x61));
    check_elements("large", DIALOGUE_MORE);
}

/* The upstream has heard what stands in front of it, and never hears the end. */
static void check_cut(const char *name, struct text request, size_t from_end, struct text last_word)
{
    begin(optional);
    say(CLIENT, request);
    hear(UPSTREAM, (struct text){request.data, request.size - from_end});
    hear(CLIENT, last_word);
    check_elements(name, DIALOGUE_CLOSE);
}

static struct text required_for_all(void)
{
    return notice(13, "TLS is required, send StartTLS first");
}

static void a_password_in_a_large_request_ends_the_session(void **state)
{
    (void)state;
    check_cut("add", add(1, JOIN(photo(LARGE), password())), password().size, required_for_all());
    check_cut("first", add(1, JOIN(password(), photo(LARGE))), JOIN(password(), photo(LARGE)).size,
              required_for_all());
    check_cut("modify", modify(1, JOIN(replace(photo(LARGE)), replace(password()))),
              replace(password()).size, required_for_all());
    check_cut("compare", compare(1, "userPassword", T(4, filled(LARGE))),
              T(0x30, str(4, "userPassword"), T(4, filled(LARGE))).size, required_for_all());
}

static void what_cannot_be_read_of_a_large_request_ends_the_session(void **state)
{
    (void)state;
    const size_t odd = tagged(0x31, password()).size;
    check_cut("attribute", add(1, JOIN(photo(LARGE), tagged(0x31, password()))), odd, no_ldap());
    check_cut("value", add(1, T(0x30, str(4, "a"), T(0x31, T(4, filled(LARGE)), str(0x0c, "b")))),
              str(0x0c, "b").size, no_ldap());
    check_cut("name", add(1, JOIN(photo(LARGE), T(0x30, T(4, filled(600)), T(0x31, NONE)))),
              T(0x30, T(4, filled(600)), T(0x31, NONE)).size, no_ldap());
}

static void the_end_at_a_password_waits_for_the_upstreams_message(void **state)
{
    (void)state;
    const struct text request = add(1, JOIN(photo(LARGE), password()));
    const struct text entry = MESSAGE(9, 0x64, str(4, "dc=x"), T(0x30, photo(300)));
    begin(optional);
    say(CLIENT, (struct text){request.data, LARGE / 2});
    through(UPSTREAM, (struct text){entry.data, 200});
    say(CLIENT, (struct text){request.data + LARGE / 2, request.size - LARGE / 2});
    hear(UPSTREAM, (struct text){request.data, request.size - password().size});
    through(UPSTREAM, (struct text){entry.data + 200, entry.size - 200});
    hear(CLIENT, required_for_all());
    check_elements("wait", DIALOGUE_CLOSE);
}

/* What begins an element is none of the bytes by which a security layer shows. */
static void elements_are_no_security_layer(void **state)
{
    (void)state;
    begin(optional);
    through(CLIENT, sasl_bind(1, "GSSAPI", "a"));
    through(UPSTREAM, result(1, 0x61, 0, ""));
    const struct text request = add(2, JOIN(photo(LARGE), password()));
    say(CLIENT, request);
    hear(UPSTREAM, (struct text){request.data, request.size - password().size});
    hear(CLIENT, required_for_all());
    check_elements("layer", DIALOGUE_CLOSE);
}

/* ---- who is told ---- */

static unsigned refused_logins(struct dialogue_facts facts, struct text request)
{
    struct stage st;
    stage_open(&st, &starttls_ldap, &facts);
    stage_say(&st, CLIENT, request.data, request.size);
    const unsigned count = st.dialogue.login_count;
    for (unsigned i = 0; i < count; i++)
        assert_string_equal(st.dialogue.logins[i].command, "password");
    stage_free(&st);
    arena_used = 0;
    return count;
}

static void each_is_a_login_that_was_refused(void **state)
{
    (void)state;
    const struct dialogue_facts facts[] = {required, optional};
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        assert_int_equal(refused_logins(facts[i], add(1, password())), 1);
        assert_int_equal(refused_logins(facts[i], modify(1, replace(password()))), 1);
        assert_int_equal(refused_logins(facts[i], compare(1, "2.5.4.35", str(4, "x"))), 1);
        assert_int_equal(refused_logins(facts[i], looking_for(equals("userPassword"))), 1);
        assert_int_equal(refused_logins(facts[i], looking_for(equals("uid"))), 0);
        assert_int_equal(refused_logins(facts[i], add(1, photo(10))), 0);
        assert_int_equal(refused_logins(facts[i], MESSAGE(1, 0x68, NONE)), 0);
    }
    assert_int_equal(refused_logins(optional, add(1, JOIN(photo(LARGE), password()))), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_sets_or_compares_a_password_is_held_back),
        cmocka_unit_test(names_that_some_read_as_a_passwords_are_held_back),
        cmocka_unit_test(other_attributes_pass),
        cmocka_unit_test(passwords_pass_where_the_route_allows_it),
        cmocka_unit_test(a_filter_that_compares_a_password_is_held_back),
        cmocka_unit_test(other_filters_pass),
        cmocka_unit_test(what_cannot_be_read_ends_the_session),
        cmocka_unit_test(the_name_of_an_operation_that_cannot_be_read_ends_the_session),
        cmocka_unit_test(large_requests_without_a_password_pass),
        cmocka_unit_test(a_password_in_a_large_request_ends_the_session),
        cmocka_unit_test(what_cannot_be_read_of_a_large_request_ends_the_session),
        cmocka_unit_test(the_end_at_a_password_waits_for_the_upstreams_message),
        cmocka_unit_test(elements_are_no_security_layer),
        cmocka_unit_test(each_is_a_login_that_was_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
