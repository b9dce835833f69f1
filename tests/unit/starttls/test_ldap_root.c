/* test_ldap_root.c - the rootDSE: our own before required TLS, the upstream's with StartTLS put in
 * or taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ldap_script.h"

static struct text done(int id)
{
    return result(id, 0x65, 0, "");
}

static struct text starttls_only(void)
{
    return attribute("supportedExtension", str(4, STARTTLS_OID));
}

static struct text version_only(void)
{
    return attribute("supportedLDAPVersion", str(4, "3"));
}

/* ---- required ---- */

static void check_own(const char *attribute_name, bool extension, bool version)
{
    begin(required);
    say(CLIENT, root_search(1, attribute_name));
    hear(CLIENT,
         root_entry(1, JOIN(extension ? starttls_only() : NONE, version ? version_only() : NONE)));
    hear(CLIENT, done(1));
    say(CLIENT, starttls(2));
    hear(CLIENT, starttls_result(2, 0, ""));
    check(attribute_name != NULL ? attribute_name : "no list", DIALOGUE_UPGRADE, 0);
}

static void our_own_honours_the_selection(void **state)
{
    (void)state;
    check_own(NULL, true, true);
    check_own("*", true, true);
    check_own("+", true, true);
    check_own("supportedExtension", true, false);
    check_own("SUPPORTEDEXTENSION", true, false);
    check_own("1.3.6.1.4.1.1466.101.120.7", true, false);
    check_own("supportedLDAPVersion", false, true);
    check_own("1.3.6.1.4.1.1466.101.120.15", false, true);
    check_own("namingContexts", false, false);
    check_own("supportedExtensions", false, false);
    check_own("1.1", false, false);
}

static void our_own_with_types_only(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, search(1, "", 0, 1, any(), JOIN(str(4, "cn"), str(4, "+"))));
    hear(CLIENT, root_entry(1, JOIN(attribute("supportedExtension", NONE),
                                    attribute("supportedLDAPVersion", NONE))));
    hear(CLIENT, done(1));
    check("types", DIALOGUE_MORE, 0);
}

static void other_scopes_and_bases_are_no_root(void **state)
{
    (void)state;
    begin(required);
    say(CLIENT, search(1, "", 1, 0, any(), NONE));
    hear(CLIENT, tls_required(1, 0x65));
    say(CLIENT, search(2, "", 2, 0, any(), NONE));
    hear(CLIENT, tls_required(2, 0x65));
    say(CLIENT, search(3, "cn=schema", 0, 0, any(), NONE));
    hear(CLIENT, tls_required(3, 0x65));
    check("no root", DIALOGUE_MORE, 0);
}

/* ---- optional and inside ---- */

/* The upstream's entry to one search, and what becomes of it. */
static void check_edit(const char *name, struct dialogue_facts facts, struct text request,
                       struct text from, struct text to)
{
    const struct text last = done(5), entry = root_entry(5, from), wanted = root_entry(5, to);
    begin(facts);
    through(CLIENT, request);
    say(UPSTREAM, JOIN(entry, last));
    hear(CLIENT, JOIN(wanted, last));
    check(name, DIALOGUE_MORE, 0);
}

static struct text extension_with(const char *before, const char *after)
{
    return attribute("supportedExtension", JOIN(before != NULL ? str(4, before) : NONE,
                                                after != NULL ? str(4, after) : NONE));
}

static void starttls_is_added_to_the_upstreams_extensions(void **state)
{
    (void)state;
    check_edit("added", optional, root_search(5, "+"),
               JOIN(attribute("a", str(4, "x")), extension_with("1.2.3", NULL),
                    attribute("b", str(4, "y"))),
               JOIN(attribute("a", str(4, "x")), extension_with("1.2.3", STARTTLS_OID),
                    attribute("b", str(4, "y"))));
    /* also when the client did not ask for it and the upstream shows it all the same */
    check_edit("shown", optional, root_search(5, NULL), extension_with("1.2.3", NULL),
               extension_with("1.2.3", STARTTLS_OID));
    /* the upstream's own becomes ours: exactly one */
    check_edit("own", optional, root_search(5, "+"), extension_with(STARTTLS_OID, "1.2.3"),
               extension_with("1.2.3", STARTTLS_OID));
    check_edit("only own", optional, root_search(5, "+"), starttls_only(), starttls_only());
    /* by number, and in another case */
    check_edit(
        "number", optional, root_search(5, "+"),
        attribute("1.3.6.1.4.1.1466.101.120.7", str(4, "1.2.3")),
        attribute("1.3.6.1.4.1.1466.101.120.7", JOIN(str(4, "1.2.3"), str(4, STARTTLS_OID))));
    check_edit("case", optional, root_search(5, "+"),
               attribute("supportedextension", str(4, "1.2.3")),
               attribute("supportedextension", JOIN(str(4, "1.2.3"), str(4, STARTTLS_OID))));
}

static void the_attribute_is_added_where_it_was_asked_for(void **state)
{
    (void)state;
    const char *const asking[] = {"+", "supportedExtension", "1.3.6.1.4.1.1466.101.120.7"};
    const char *const other[] = {"*", "namingContexts", NULL};
    for (size_t i = 0; i < 3; i++) {
        check_edit("asked", optional, root_search(5, asking[i]), attribute("a", str(4, "x")),
                   JOIN(attribute("a", str(4, "x")), starttls_only()));
        check_edit("empty", optional, root_search(5, asking[i]), NONE, starttls_only());
        check_edit("not asked", optional, root_search(5, other[i]), attribute("a", str(4, "x")),
                   attribute("a", str(4, "x")));
    }
}

static void types_only_get_no_values(void **state)
{
    (void)state;
    const struct text types = search(5, "", 0, 1, any(), str(4, "+"));
    check_edit("new", optional, types, NONE, attribute("supportedExtension", NONE));
    check_edit(
        "listed", optional, search(5, "", 0, 1, any(), str(4, "+")),
        JOIN(attribute("supportedExtension", NONE), attribute("supportedSASLMechanisms", NONE)),
        JOIN(attribute("supportedExtension", NONE), attribute("supportedSASLMechanisms", NONE)));
    check_edit("inside", inside, search(5, "", 0, 1, any(), str(4, "+")),
               attribute("supportedExtension", NONE), attribute("supportedExtension", NONE));
}

static struct text mechanisms(const char *a, const char *b, const char *c)
{
    return attribute("supportedSASLMechanisms",
                     JOIN(a != NULL ? str(4, a) : NONE, b != NULL ? str(4, b) : NONE,
                          c != NULL ? str(4, c) : NONE));
}

static void password_mechanisms_are_hidden_before_tls(void **state)
{
    (void)state;
    check_edit("hidden", optional, root_search(5, NULL), mechanisms("GSSAPI", "PLAIN", "login"),
               mechanisms("GSSAPI", NULL, NULL));
    check_edit("whole words", optional, root_search(5, NULL),
               mechanisms("OAUTHBEARER", "SCRAM-SHA-1", "X"),
               mechanisms("SCRAM-SHA-1", NULL, NULL));
    check_edit("all", optional, root_search(5, NULL),
               JOIN(attribute("a", str(4, "x")), mechanisms("LOGIN", "PLAIN", NULL)),
               attribute("a", str(4, "x")));
    check_edit("allowed", allowing, root_search(5, NULL), mechanisms("GSSAPI", "PLAIN", "LOGIN"),
               mechanisms("GSSAPI", "PLAIN", "LOGIN"));
    check_edit("inside", inside, root_search(5, NULL), mechanisms("GSSAPI", "PLAIN", "LOGIN"),
               mechanisms("GSSAPI", "PLAIN", "LOGIN"));
}

static void starttls_is_taken_out_inside_tls(void **state)
{
    (void)state;
    check_edit("one of two", inside, root_search(5, "+"), extension_with(STARTTLS_OID, "1.2.3"),
               extension_with("1.2.3", NULL));
    check_edit("the only one", inside, root_search(5, "+"),
               JOIN(starttls_only(), attribute("b", str(4, "y"))), attribute("b", str(4, "y")));
    check_edit("whole words", inside, root_search(5, "+"),
               extension_with(STARTTLS_OID ".1", STARTTLS_OID "0"),
               extension_with(STARTTLS_OID ".1", STARTTLS_OID "0"));
    check_edit("none", inside, root_search(5, "+"), attribute("b", str(4, "y")),
               attribute("b", str(4, "y")));
}

static void only_answers_to_searches_of_the_root_change(void **state)
{
    (void)state;
    begin(inside);
    through(CLIENT, search(1, "dc=x", 0, 0, any(), NONE));
    through(UPSTREAM, root_entry(1, starttls_only()));
    through(CLIENT, search(2, "", 2, 0, any(), NONE));
    through(UPSTREAM, root_entry(2, starttls_only()));
    through(UPSTREAM, root_entry(3, starttls_only())); /* nobody asked */
    through(UPSTREAM, root_entry(0, starttls_only()));
    through(CLIENT, root_search(4, NULL));
    through(UPSTREAM, done(4));
    through(UPSTREAM, root_entry(4, starttls_only())); /* too late */
    check("others", DIALOGUE_MORE, 0);
}

/* With lengths as Active Directory writes them, and controls behind the entry. */
static void long_lengths_and_controls_survive(void **state)
{
    (void)state;
    const struct text controls = T(0xa0, T(0x30, str(4, "1.2.840.113556.1.4.319")));
    begin(optional);
    through(CLIENT, root_search(5, NULL));
    say(UPSTREAM,
        JOIN(RAW("\x30\x84\x00\x00\x00\x52\x02\x01\x05\x64\x84\x00\x00\x00\x2d\x04\x00"
                 "\x30\x84\x00\x00\x00\x25\x30\x84\x00\x00\x00\x1f\x04\x12supportedExtension"
                 "\x31\x84\x00\x00\x00\x05\x04\x03"
                 "1.2"),
             controls));
    hear(CLIENT, T(0x30, num(2, 5),
                   T(0x64, str(4, ""), T(0x30, extension_with("1.2", STARTTLS_OID))), controls));
    check("long lengths", DIALOGUE_MORE, 0);
}

static void an_entry_that_is_not_understood_passes(void **state)
{
    (void)state;
    const struct text broken[] = {
        MESSAGE(5, 0x64, str(4, "")),
        MESSAGE(5, 0x64, str(4, ""), T(0x30, RAW("\x30\x05\x04\x01"))),
        root_entry(5, T(0x30, str(4, "supportedExtension"))),
        root_entry(5, attribute("supportedExtension", JOIN(str(4, STARTTLS_OID), num(2, 1)))),
    };
    begin(inside);
    through(CLIENT, root_search(5, "+"));
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        through(UPSTREAM, broken[i]);
    through(UPSTREAM, done(5));
    check("not understood", DIALOGUE_MORE, 0);
}

static void large_entries_change_up_to_the_limit(void **state)
{
    (void)state;
    const size_t frame =
        root_entry(5, JOIN(attribute("a", T(4, filled(60000))), starttls_only())).size - 60000;
    for (size_t over = 0; over < 2; over++) {
        const struct text big = attribute("a", T(4, filled(65536 - frame + over)));
        begin(inside);
        through(CLIENT, root_search(5, "+"));
        say(UPSTREAM, JOIN(root_entry(5, JOIN(big, starttls_only())), done(5)));
        hear(CLIENT, JOIN(root_entry(5, over ? JOIN(big, starttls_only()) : big), done(5)));
        check_large("large", DIALOGUE_MORE);
    }
}

static void an_upstream_that_shows_no_root_gets_one(void **state)
{
    (void)state;
    static const int codes[] = {0, 1, 8, 13, 32, 48, 50, 53};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin(optional);
        through(CLIENT, root_search(5, "+"));
        say(UPSTREAM, result(5, 0x65, codes[i], "no"));
        hear(CLIENT, JOIN(root_entry(5, starttls_only()), done(5)));
        through(CLIENT, root_search(6, "namingContexts"));
        through(UPSTREAM, result(6, 0x65, codes[i], "no"));
        through(CLIENT, search(7, "dc=x", 0, 0, any(), str(4, "+")));
        through(UPSTREAM, result(7, 0x65, codes[i], "no"));
        say(CLIENT, starttls(8));
        hear(CLIENT, starttls_result(8, 0, ""));
        check("no root", DIALOGUE_UPGRADE, 0);

        begin(inside);
        through(CLIENT, root_search(5, "+"));
        through(UPSTREAM, result(5, 0x65, codes[i], "no"));
        check("inside", DIALOGUE_MORE, 0);
    }
}

/* The search is at fault, or it is not the time for it. */
static void other_results_are_the_upstreams_own(void **state)
{
    (void)state;
    static const int codes[] = {2, 3, 10, 12, 51, 52, 80};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin(optional);
        through(CLIENT, root_search(5, "+"));
        through(UPSTREAM, result(5, 0x65, codes[i], "no"));
        check("own", DIALOGUE_MORE, 0);
    }
}

static void what_was_shown_is_the_upstreams_own(void **state)
{
    (void)state;
    static const int codes[] = {0, 32, 50};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        begin(optional);
        through(CLIENT, root_search(5, "+"));
        through(UPSTREAM, MESSAGE(5, 0x73, str(4, "ldap://x/")));
        through(UPSTREAM, result(5, 0x65, codes[i], ""));
        through(CLIENT, root_search(6, "+"));
        through(UPSTREAM, root_entry(6, starttls_only()));
        through(UPSTREAM, result(6, 0x65, codes[i], ""));
        through(CLIENT, root_search(6, "+")); /* with the same number */
        say(UPSTREAM, result(6, 0x65, codes[i], ""));
        hear(CLIENT, JOIN(root_entry(6, starttls_only()), done(6)));
        check("shown", DIALOGUE_MORE, 0);
    }
}

/* The answers come in the other order, other entries among them. */
static void more_searches_than_are_followed_show_the_same(void **state)
{
    (void)state;
    enum { MANY = LDAP_OPERATIONS + 3 };
    const struct dialogue_facts facts[] = {optional, inside};
    for (size_t i = 0; i < 2; i++) {
        const char *before = i == 0 ? NULL : STARTTLS_OID, *after = i == 0 ? STARTTLS_OID : NULL;
        begin(facts[i]);
        for (int id = 1; id <= MANY; id++)
            through(CLIENT, root_search(id, "supportedExtension"));
        for (int id = MANY; id >= 1; id--) {
            say(UPSTREAM, root_entry(id, extension_with("1.2.3", before)));
            hear(CLIENT, root_entry(id, extension_with("1.2.3", after)));
            through(UPSTREAM,
                    MESSAGE(1000, 0x64, str(4, "dc=x"), T(0x30, extension_with("1.2.3", before))));
            through(UPSTREAM, done(id));
        }
        check_large("many", DIALOGUE_MORE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_own_honours_the_selection),
        cmocka_unit_test(our_own_with_types_only),
        cmocka_unit_test(other_scopes_and_bases_are_no_root),
        cmocka_unit_test(starttls_is_added_to_the_upstreams_extensions),
        cmocka_unit_test(the_attribute_is_added_where_it_was_asked_for),
        cmocka_unit_test(types_only_get_no_values),
        cmocka_unit_test(password_mechanisms_are_hidden_before_tls),
        cmocka_unit_test(starttls_is_taken_out_inside_tls),
        cmocka_unit_test(only_answers_to_searches_of_the_root_change),
        cmocka_unit_test(long_lengths_and_controls_survive),
        cmocka_unit_test(an_entry_that_is_not_understood_passes),
        cmocka_unit_test(large_entries_change_up_to_the_limit),
        cmocka_unit_test(an_upstream_that_shows_no_root_gets_one),
        cmocka_unit_test(other_results_are_the_upstreams_own),
        cmocka_unit_test(what_was_shown_is_the_upstreams_own),
        cmocka_unit_test(more_searches_than_are_followed_show_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
