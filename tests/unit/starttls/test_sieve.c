/* test_sieve.c - ManageSieve dialogues around STARTTLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/starttls/sieve.h"

#define MODULE starttls_sieve
#include "lines.h"

#define LIST                                                                                       \
    "\"IMPLEMENTATION\" \"ManageSieve\"\r\n\"SASL\" \"\"\r\n\"SIEVE\" \"\"\r\n\"STARTTLS\"\r\n"    \
    "\"VERSION\" \"1.0\"\r\n"
#define HI       LIST "OK \"front.example ready\"\r\n"
#define DONE     "OK \"Capability completed\"\r\n"
#define READY    "OK \"Begin TLS negotiation\"\r\n"
#define NO_ARGS  "NO \"STARTTLS takes no arguments\"\r\n"
#define FIRST    "NO (ENCRYPT-NEEDED) \"Must issue a STARTTLS command first\"\r\n"
#define SYNTAX   "NO \"Syntax error\"\r\n"
#define ACTIVE   "NO \"Already on TLS\"\r\n"
#define NOT_YOU  "NO \"Insufficient authorization\"\r\n"
#define TOO_LONG "BYE \"Line too long\"\r\n"
#define DECODE   "BYE \"Cannot decode response\"\r\n"
#define DOWN     "BYE (TRYLATER) \"Service not available, try again later\"\r\n"
#define GOODBYE  "BYE \"Too many errors, closing connection\"\r\n"
#define WEB      "BYE \"This is not a web server\"\r\n"

/* A greeting that every upstream might give, and what a client sees of it. */
#define G     "\"IMPLEMENTATION\" \"old\"\r\n\"SASL\" \"PLAIN\"\r\nOK\r\n"
#define G_OPT "\"IMPLEMENTATION\" \"old\"\r\n\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK\r\n"
#define G_TRU "\"IMPLEMENTATION\" \"old\"\r\n\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK\r\n"

/* ---- required ---- */

static void required_capability_and_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("CAPABILITY\r\n"), C("STARTTLS\r\n")};
    SCENE(required, turns, HI LIST DONE READY, .end = DIALOGUE_UPGRADE);
}

static void required_knows_the_few_commands_of_its_own(void **state)
{
    (void)state;
    const struct turn turns[] = {C("NOOP\r\nNOOP \"a\\\"b\"\r\nnoop {5+}\r\nc \"\xff\"\r\nNOOP "
                                   "{0}\r\n\r\nLOGOUT\r\nNOOP\r\n")};
    SCENE(required, turns,
          HI
          "OK \"Done\"\r\nOK (TAG \"a\\\"b\") \"Done\"\r\nOK (TAG {5}\r\nc \"\xff\") \"Done\"\r\n"
          "OK (TAG {0}\r\n) \"Done\"\r\nOK \"Bye\"\r\n",
          .end = DIALOGUE_CLOSE);
}

static void required_echoes_nothing_that_could_be_a_line(void **state)
{
    (void)state;
    const struct turn turns[] = {C("NOOP {6+}\r\na\r\nOK \r\nNOOP {1+}\r\n\0\r\nNOOP a\r\nNOOP "
                                   "(\r\nNOOP \"a\r\nNOOP \"a\0\"\r\n")};
    SCENE(required, turns, HI SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX);
    char tag[1100] = "NOOP \"";
    memset(tag + 6, 'x', 1025);
    memcpy(tag + 6 + 1025, "\"\r\n", 4);
    const struct turn longer[] = {{CLIENT, tag, 0}};
    SCENE(required, longer, HI SYNTAX);
}

static void required_refuses_all_else(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("AUTHENTICATE \"PLAIN\" \"AGEAYg==\"\r\nAUTHENTICATE \"PLAIN\" {10+}\r\nSTARTTLS\r\n\r\n"
          "AUTHENTICATE {5}\r\nLOGIN\r\nLISTSCRIPTS\r\nSTARTTLSX\r\nXCLIENT "
          "ADDR=::1\r\n\"YQ==\"\r\n")};
    SCENE(required, turns, HI FIRST FIRST FIRST FIRST FIRST FIRST SYNTAX);
}

static void required_starttls_takes_no_arguments(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS now\r\nSTARTTLS \"\"\r\nSTARTTLS\r\n")};
    SCENE(required, turns, HI NO_ARGS NO_ARGS READY, .end = DIALOGUE_UPGRADE);
}

static void required_leaves_what_is_behind_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS\r\nNOOP \"x\"\r\n")};
    SCENE(required, turns, HI READY, .end = DIALOGUE_UPGRADE, .left = 10);
    const struct turn later[] = {C("STARTTLS\r\n"), C("STARTTLS\r\n")};
    SCENE(required, later, HI READY, .end = DIALOGUE_UPGRADE, .left = 10);
}

static void required_case_blanks_and_bare_lf(void **state)
{
    (void)state;
    const struct turn turns[] = {C("Capability\n \tstarttls \t\nX")};
    SCENE(required, turns, HI LIST DONE READY, .end = DIALOGUE_UPGRADE, .left = 1);
}

static void required_bytes_that_are_no_text(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("STARTTLS\0\r\nSTART\rTLS\r\nSTARTTLS\r\r\n\r\n\xc3\xa4\xff\r\nNOOP {x\r\nNOOP {}\r\n"
          "NOOP {1}x\r\nNOOP }\r\nSTARTTLS\r\n")};
    SCENE(required, turns, HI SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX READY,
          .end = DIALOGUE_UPGRADE);
}

static void required_ends_after_too_many_errors(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nNOOP\r\nK\r\nL\r\n")};
    SCENE(required, turns,
          HI FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST
          "OK \"Done\"\r\n" FIRST GOODBYE,
          .end = DIALOGUE_CLOSE);
}

static void a_browser_is_sent_away(void **state)
{
    (void)state;
    const struct turn turns[] = {C("POST / HTTP/1.1\r\nNOOP\r\n")};
    SCENE(required, turns, HI WEB, .end = DIALOGUE_CLOSE);
    const struct turn passing[] = {U(G), C("GET / HTTP/1.1\r\nNOOP\r\n")};
    SCENE(trusting, passing, G_TRU WEB, .end = DIALOGUE_CLOSE);
}

static void lines_far_too_long_end_the_session(void **state)
{
    (void)state;
    long_lines(&required, "", (struct outcome){.to_client = HI TOO_LONG, .end = DIALOGUE_CLOSE});
    long_lines(&optional, G, (struct outcome){.to_client = G_OPT TOO_LONG, .end = DIALOGUE_CLOSE});
    const struct turn turns[] = {C("PUTSCRIPT \"a\" {16385+}\r\n")};
    SCENE(required, turns, HI TOO_LONG, .end = DIALOGUE_CLOSE);
    const struct turn absurd[] = {C("NOOP {99999999999999999999999999+}\r\n")};
    SCENE(required, absurd, HI TOO_LONG, .end = DIALOGUE_CLOSE);
}

/* ---- optional ---- */

static void optional_adds_the_upgrade_and_holds_passwords_back(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U("\"IMPLEMENTATION\" \"old (STARTTLS)\"\r\n\"starttls\"\r\n\"STARTTLSX\"\r\n{4}\r\nSasl "
          "{5}\r\n"
          "PLAIN\r\n\"SIEVE\" {9}\r\nfileinto \r\n\"XCLIENT\"\r\nOK \"hi\"\r\n"),
        C("CAPABILITY\r\n"),
        U("{8}\r\nSTARTTLS\r\n\"SASL\" \"\"\r\nOK (X {2}\r\n\r\n) {1}\r\nx\r\n"),
        C("STARTTLS\r\n")};
    SCENE(optional, turns,
          "\"IMPLEMENTATION\" \"old (STARTTLS)\"\r\n\"STARTTLSX\"\r\n\"SASL\" \"\"\r\n"
          "\"SIEVE\" {9}\r\nfileinto \r\n\"STARTTLS\"\r\nOK \"hi\"\r\n"
          "\"SASL\" \"\"\r\n\"STARTTLS\"\r\nOK (X {2}\r\n\r\n) {1}\r\nx\r\n" READY,
          .to_upstream = "CAPABILITY\r\n", .end = DIALOGUE_UPGRADE);
}

static void optional_shows_passwords_where_they_may_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPABILITY\r\n"), U("\"SASL\" \"PLAIN\"\r\nOK\r\n")};
    SCENE(trusting, turns, G_TRU "\"SASL\" \"PLAIN\"\r\n\"STARTTLS\"\r\nOK\r\n",
          .to_upstream = "CAPABILITY\r\n");
}

static void capabilities_in_disguise_are_taken_out(void **state)
{
    (void)state;
    const struct turn turns[] = {U("\"START\\TLS\"\r\n\"X\"\nOK\n")};
    SCENE(inside, turns, "\"X\"\nOK\n");
    SCENE(optional, turns, "\"X\"\n\"STARTTLS\"\r\nOK\n");
}

static void a_command_alone_is_no_login(void **state)
{
    (void)state;
    alone_is_no_login(G, "AUTHENTICATE\r\nauthenticate \r\n", "AUTHENTICATE \"PLAIN\"\r\n");
}

static void optional_refuses_passwords(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("AUTHENTICATE \"PLAIN\" {8+}\r\nAGEAYg==\r\nauthenticate "
                                   "\"LOGIN\"\r\n\"Ym9i\"\r\n{4+}\r\n"
                                   "NOOP\r\nc2VjcmV0\r\nAHg=\r\nLOGOUT\r\n"),
                                 U("OK\r\n")};
    SCENE(optional, turns, G_OPT FIRST FIRST SYNTAX SYNTAX FIRST FIRST "OK\r\n",
          .to_upstream = "LOGOUT\r\n");
}

static void units_are_passed_on_as_we_read_them(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("  NOOP\t{12}\r\nAUTHENTICATE\nHAVESPACE  \"a\\\\\"{1+}\nx 12 ( )\n"),
        U("OK (TAG {12}\r\nAUTHENTICATE)\r\nNO\r\n")};
    SCENE(optional, turns, G_OPT "OK (TAG {12}\r\nAUTHENTICATE)\r\nNO\r\n",
          .to_upstream = "NOOP \"AUTHENTICATE\"\r\nHAVESPACE \"a\\\\\" \"x\" 12 ( )\r\n");
}

static void authentication_exchanges(void **state)
{
    (void)state;
    const struct turn failed[] = {U(G),
                                  C("AUTHENTICATE \"LOGIN\"\r\n"),
                                  U("{4}\r\n\r\nOK\r\n"),
                                  C("{4+}\r\nYm9i\r\n"),
                                  U("\"\"\r\n"),
                                  C("\"*\"\r\nSTARTTLS\r\n"),
                                  U("NO \"given up\"\r\n")};
    SCENE(trusting, failed, G_TRU "{4}\r\n\r\nOK\r\n\"\"\r\nNO \"given up\"\r\n" READY,
          .to_upstream = "AUTHENTICATE \"LOGIN\"\r\n\"Ym9i\"\r\n\"*\"\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn done[] = {U(G), C("NOOP\r\nAUTHENTICATE \"GSSAPI\" \"AA==\"\r\n"),
                                U("OK\r\n"), U("OK (SASL \"AA==\")\r\n\x02\xff"), C("\x01\xff")};
    SCENE(inside, done, G "OK\r\nOK (SASL \"AA==\")\r\n\x02\xff",
          .to_upstream = "NOOP\r\nAUTHENTICATE \"GSSAPI\" \"AA==\"\r\n\x01\xff",
          .end = DIALOGUE_RELAY);
}

/* Only what may still become a hidden name waits for its end. */
static void inside_names_that_never_end_pass(void **state)
{
    (void)state;
    static const char *const names[] = {"\"\r\n", "\"STARTTLS\r\n", "{5}\r\n", "{99999}\r\nx",
                                        "{8}\r\nSTARTTLX"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct turn turns[] = {U(G), C("CAPABILITY\r\n"), {UPSTREAM, names[i], 0}};
        char *heard = join(G, names[i]);
        SCENE(inside, turns, heard, .to_upstream = "CAPABILITY\r\n");
        free(heard);
    }
    const struct turn hidden[] = {U(G), C("CAPABILITY\r\n"), U("{8}\r\nSTART")};
    SCENE(inside, hidden, G, .to_upstream = "CAPABILITY\r\n");
}

/* Where a word ends, the upstream may read the same as with a blank (RFC 5804, 4). */
static void inside_a_verb_ends_with_its_word(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("STARTTLS(\r\nXCLIENT\"ADDR=::1\"\r\nNOOP{\r\nSTARTTLSX\r\n")};
    SCENE(inside, turns, G ACTIVE NOT_YOU, .to_upstream = "NOOP{\r\nSTARTTLSX\r\n");
}

static void an_exchange_begins_when_all_else_is_replied_to(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("NOOP\r\nAUTHENTICATE \"LOGIN\"\r\n")};
    SCENE(trusting, turns, G_TRU, .to_upstream = "NOOP\r\n");
    SCENE(inside, turns, G, .to_upstream = "NOOP\r\nAUTHENTICATE \"LOGIN\"\r\n");
}

static void responses_that_are_no_strings_end_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("AUTHENTICATE \"LOGIN\"\r\n"), U("\"\"\r\n"),
                                 C("Ym9i\r\nNOOP\r\n")};
    SCENE(trusting, turns, G_TRU "\"\"\r\n" DECODE, .to_upstream = "AUTHENTICATE \"LOGIN\"\r\n",
          .end = DIALOGUE_CLOSE);
    const struct turn more[] = {U(G), C("AUTHENTICATE \"LOGIN\"\r\n"), U("\"\"\r\n"),
                                C("\"a\" \"b\"\r\n")};
    SCENE(trusting, more, G_TRU "\"\"\r\n" DECODE, .to_upstream = "AUTHENTICATE \"LOGIN\"\r\n",
          .end = DIALOGUE_CLOSE);
}

static void replies_keep_their_order(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("NOOP\r\nCAPABILITY\r\nSTARTTLS x\r\nNOOP \"a\"\r\nSTARTTLS\r\n"),
        U("OK\r\n\"X\"\r\nOK\r\n"), U("OK (TAG \"a\")\r\n")};
    SCENE(optional, turns,
          G_OPT "OK\r\n\"X\"\r\n\"STARTTLS\"\r\nOK\r\n" NO_ARGS "OK (TAG \"a\")\r\n" READY,
          .to_upstream = "NOOP\r\nCAPABILITY\r\nNOOP \"a\"\r\n", .end = DIALOGUE_UPGRADE);
}

/* The upstream hears no more at once than we count, and replies to what it has heard. */
static void pipelines_longer_than_we_count(void **state)
{
    (void)state;
    long_pipeline(optional, G, G_OPT, "NOOP\r\n", "OK\r\n");
}

static void replies_that_we_do_not_know_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("LISTSCRIPTS\r\n"),
                                 U("\"a\" ACTIVE\r\n{8}\r\nSTARTTLS\r\nOK\r\n")};
    SCENE(optional, turns, G_OPT "\"a\" ACTIVE\r\n{8}\r\nSTARTTLS\r\nOK\r\n",
          .to_upstream = "LISTSCRIPTS\r\n");
}

static void commands_unknown_to_both_are_counted(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\n"),
        U("NO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\n")};
    SCENE(optional, turns,
          G_OPT "NO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\nNO\r\n" GOODBYE,
          .to_upstream = "A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\n",
          .end = DIALOGUE_CLOSE);
}

/* ---- the upstream ---- */

static void the_client_waits_for_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS\r\n"), U(G)};
    SCENE(optional, turns, G_OPT READY, .end = DIALOGUE_UPGRADE);
}

static void a_refusal_in_the_greeting_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U("BYE \"full\"\r\nOK\r\n"), C("NOOP\r\n")};
    SCENE(optional, turns, "BYE \"full\"\r\n", .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, "BYE \"full\"\r\nOK\r\n", .to_upstream = "NOOP\r\n");
    const struct turn referred[] = {U("BYE (REFERRAL \"sieve://x\") {4}\r\nfull\r\n"),
                                    C("NOOP\r\n")};
    SCENE(optional, referred, "BYE (REFERRAL \"sieve://x\") {4}\r\nfull\r\n",
          .end = DIALOGUE_CLOSE);
    SCENE(inside, referred, "BYE (REFERRAL \"sieve://x\") {4}\r\nfull\r\n",
          .to_upstream = "NOOP\r\n");
}

static void other_protocols_are_not_spoken(void **state)
{
    (void)state;
    const struct turn turns[] = {U("* OK IMAP\r\n")};
    SCENE(optional, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, "* OK IMAP\r\n");
}

static void the_upstreams_last_word_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), U("BYE \"too slow\"\r\nBYE\r\n")};
    SCENE(optional, turns, G_OPT "BYE \"too slow\"\r\n", .end = DIALOGUE_CLOSE);
    const struct turn early[] = {U(G), U("OK \"who asked?\"\r\n")};
    SCENE(optional, early, G_OPT DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, early, G "OK \"who asked?\"\r\n");
}

static void replies_without_end_are_bounded(void **state)
{
    (void)state;
    endless(&optional, "", "", "\"X\" \"", "xxxxxxxx", DOWN);
    endless(&upgraded, "", "", "OK ", "xxxxxxxx", DOWN);
    endless(&trusting, G, "NOOP\r\n", "OK {9}\r\nxxxxxxxxx", " {9}\r\nxxxxxxxxx", G_TRU DOWN);
    endless(&trusting, G, "CAPABILITY\r\n", "\"X\" {20000}\r\n", "x", G_TRU DOWN);
}

static void long_lists_pass(void **state)
{
    (void)state;
    long_list("", "", "", "\"STARTTLS\"\r\n", "OK\r\n");
}

/* ---- inside ---- */

static void inside_takes_the_upgrade_out(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U("\"SASL\" \"PLAIN\"\r\n\"StartTls\"\r\nOK\r\n"), C("CAPABILITY\r\nSTARTTLS\r\n"),
        U("\"STARTTLS\"\r\n\"STARTTLSX\"\r\n\"SASL\" \"PLAIN\"\r\nOK\r\n"), C("starttls now\r\n")};
    SCENE(inside, turns,
          "\"SASL\" \"PLAIN\"\r\nOK\r\n\"STARTTLSX\"\r\n\"SASL\" \"PLAIN\"\r\nOK\r\n" ACTIVE ACTIVE,
          .to_upstream = "CAPABILITY\r\n");
}

/* However the name is written, and however it is cut (scene.h cuts it everywhere). */
static void inside_knows_a_literal_name(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(" {8}\r\nSTARTTLS\r\n{0000000000000000000008}\r\nSTARTTLS\r\n\t{7+}\r\nXCLIENT \"x\"\r\n"
          "\"S\\TARTTLS\"\r\n{9}\r\nS\\TARTTLS\r\nOK\r\n")};
    SCENE(inside, turns, "{9}\r\nS\\TARTTLS\r\nOK\r\n");
}

static void upgraded_passes_the_capabilities(void **state)
{
    (void)state;
    const struct turn turns[] = {C("NOOP\r\n"), U("\"STARTTLS\"\r\n" G), U("OK\r\n")};
    SCENE(upgraded, turns, G "OK\r\n", .to_upstream = "NOOP\r\n");
    const struct turn empty[] = {C("NOOP\r\n"), U("\r\n" G "OK\r\n")};
    SCENE(upgraded, empty, "\r\n" G "OK\r\n", .to_upstream = "NOOP\r\n");
    const struct turn refused[] = {C("NOOP\r\n"), U("BYE \"full\"\r\n")};
    SCENE(upgraded, refused, DOWN, .end = DIALOGUE_CLOSE);
    const struct turn no[] = {C("NOOP\r\n"), U("NO \"full\"\r\n")};
    SCENE(upgraded, no, DOWN, .end = DIALOGUE_CLOSE);
}

/* ---- identity ---- */

static struct dialogue_facts telling(struct dialogue_facts facts, const char *address)
{
    facts.client_address = address;
    facts.client_port = 4711;
    facts.session_id = "s1";
    return facts;
}

static void xclient_tells_who_the_client_is(void **state)
{
    (void)state;
    const struct turn turns[] = {C("NOOP\r\n"), U("\"XCLIENT\"\r\n" G), U("OK \"Updated\"\r\n"),
                                 U("OK\r\n")};
    SCENE(telling(inside, "192.0.2.7"), turns, G "OK\r\n",
          .to_upstream = "XCLIENT ADDR=192.0.2.7 PORT=4711 SESSION=s1\r\nNOOP\r\n");
    SCENE(telling(upgraded, "2001:db8::1"), turns, G "OK\r\n",
          .to_upstream = "XCLIENT ADDR=2001:db8::1 PORT=4711 SESSION=s1\r\nNOOP\r\n");
    SCENE(telling(optional, "192.0.2.7"), turns, G_OPT "OK\r\n",
          .to_upstream = "XCLIENT ADDR=192.0.2.7 PORT=4711 SESSION=s1\r\nNOOP\r\n");
}

static void xclient_refused_goes_on_without(void **state)
{
    (void)state;
    const struct turn turns[] = {C("NOOP\r\n"), U("\"XCLIENT\"\r\n" G), U("NO\r\n"), U("OK\r\n")};
    SCENE(telling(inside, "::1"), turns, G "OK\r\n",
          .to_upstream = "XCLIENT ADDR=::1 PORT=4711 SESSION=s1\r\nNOOP\r\n");
}

static void xclient_not_announced_is_not_sent(void **state)
{
    (void)state;
    const struct turn turns[] = {U("\"XCLIENTS\" \"XCLIENT\"\r\nOK\r\n"), C("NOOP\r\n"),
                                 U("OK\r\n")};
    SCENE(telling(inside, "::1"), turns, "\"XCLIENTS\" \"XCLIENT\"\r\nOK\r\nOK\r\n",
          .to_upstream = "NOOP\r\n");
    const struct turn nobody[] = {U("\"XCLIENT\"\r\n" G), C("NOOP\r\n"), U("OK\r\n")};
    SCENE(inside, nobody, G "OK\r\n", .to_upstream = "NOOP\r\n");
}

static void the_clients_identity_is_ours_to_tell(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("XCLIENT ADDR=10.0.0.1\r\n")};
    SCENE(inside, turns, G NOT_YOU);
    SCENE(trusting, turns, G_TRU NOT_YOU);
}

#define CAUGHT "BYE \"Insufficient authorization\"\r\n"

/* Not every server takes for a literal what we do. Then lines begin in there. */
static void literals_hide_no_word_about_who_the_client_is(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"XYZZY {22+}\r\n", "XCLIENT ADDR=10.0.0.1\r\n\r\n"},
        {"NOOP ({31}\r\nNOOP\r\n", "\rXCLIENT ADDR=10.0.0.1\r\n\r\n"},
        {"NOOP x{3+}\r\n", "xcl"
                           "ient ADDR=10.0.0.1\r\n"},
        {"{4+}\r\na\r\n", "xclient\"ADDR=10.0.0.1\"\r\n"},
    };
    static const size_t passes[] = {12, 13, 3, 1};
    for (size_t i = 0; i < COUNT(lines); i++) {
        char *said = join(lines[i][0], lines[i][1]), *heard = join(lines[i][0], lines[i][1]);
        heard[strlen(lines[i][0]) + passes[i]] = '\0';
        const struct turn turns[] = {U(G), {CLIENT, said, 0}};
        SCENE(inside, turns, G CAUGHT, .to_upstream = heard, .end = DIALOGUE_CLOSE);
        free(said), free(heard);
    }
}

/* In clear they are no literals any more. */
static void literals_in_clear_hide_nothing(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("XYZZY {8+}\r\nSTARTTLS\r\nNOOP {9+}\r\nXCLIENT\r\n\r\nNOOP {2+}\r\n\"\\\r\n"),
        U("NO\r\n"), U("OK\r\n")};
    SCENE(optional, turns, G_OPT "NO\r\n" SYNTAX "OK\r\n",
          .to_upstream = "XYZZY \"STARTTLS\"\r\nNOOP \"\\\"\\\\\"\r\n");
}

static void a_long_token_in_clear_stays_a_literal(void **state)
{
    (void)state;
    char said[1100] = "AUTHENTICATE \"GSSAPI\" {1028+}\r\n";
    memset(said + strlen(said), 'A', 1028);
    char *line = join(said, "\r\n");
    const struct turn turns[] = {U(G), {CLIENT, line, 0}, U("NO\r\n")};
    SCENE(trusting, turns, G_TRU "NO\r\n", .to_upstream = line);
    free(line);
}

/* An answer to something else is none to AUTHENTICATE. */
static void inside_only_a_login_ends_the_watch(void **state)
{
    (void)state;
    const struct turn empty[] = {U(G), C("\r\nNOOP\r\nAUTHENTICATE \"XYZ\"\r\n"),
                                 U("NO\r\nOK\r\nNO\r\n"), C("XCLIENT ADDR=::1\r\n")};
    SCENE(inside, empty, G "NO\r\nOK\r\nNO\r\n" NOT_YOU,
          .to_upstream = "\r\nNOOP\r\nAUTHENTICATE \"XYZ\"\r\n");
    const struct turn early[] = {U(G),
                                 C("AUTHENTICATE \"PLAIN\"\r\nNOOP\r\n"),
                                 U("NO\r\n"),
                                 C("AUTHENTICATE \"XYZ\"\r\n"),
                                 U("NO\r\n"),
                                 C("NOOP\r\n"),
                                 U("OK\r\n"),
                                 C("STARTTLS\r\nNOOP\r\n"),
                                 U("OK\r\nOK\r\n")};
    SCENE(inside, early, G "NO\r\nNO\r\nOK\r\nOK\r\n" ACTIVE "OK\r\n",
          .to_upstream =
              "AUTHENTICATE \"PLAIN\"\r\nNOOP\r\nAUTHENTICATE \"XYZ\"\r\nNOOP\r\nNOOP\r\n");
}

static void units_are_cut_short_within_their_literals_too(void **state)
{
    (void)state;
    static const char unit[] = "AUTHENTICATE \"PLAIN\" {4+}\r\na\r\nb\r\n";
    for (size_t n = 1; n < sizeof unit; n++)
        assert_int_equal(MODULE.cut_short((struct slice){(const uint8_t *)unit, n}),
                         n < sizeof unit - 1);
}

static void our_refusals(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        [REFUSE_UPSTREAM_DOWN] = DOWN,
        [REFUSE_TOO_MANY] = "BYE (TRYLATER) \"Too many connections, try again later\"\r\n",
        [REFUSE_DRAINING] = "BYE (TRYLATER) \"Service is shutting down, try again later\"\r\n",
        [REFUSE_TIMEOUT] = "BYE (TRYLATER) \"Timeout, closing connection\"\r\n",
    };
    for (int why = REFUSE_UPSTREAM_DOWN; why <= REFUSE_TIMEOUT; why++) {
        struct buf b;
        buf_init(&b, 200);
        starttls_sieve.refuse((enum starttls_refusal)why, "h", &b);
        assert_int_equal(b.size, strlen(wanted[why]));
        assert_memory_equal(b.data, wanted[why], b.size);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_capability_and_starttls),
        cmocka_unit_test(required_knows_the_few_commands_of_its_own),
        cmocka_unit_test(required_echoes_nothing_that_could_be_a_line),
        cmocka_unit_test(required_refuses_all_else),
        cmocka_unit_test(required_starttls_takes_no_arguments),
        cmocka_unit_test(required_leaves_what_is_behind_starttls),
        cmocka_unit_test(required_case_blanks_and_bare_lf),
        cmocka_unit_test(required_bytes_that_are_no_text),
        cmocka_unit_test(required_ends_after_too_many_errors),
        cmocka_unit_test(a_browser_is_sent_away),
        cmocka_unit_test(lines_far_too_long_end_the_session),
        cmocka_unit_test(optional_adds_the_upgrade_and_holds_passwords_back),
        cmocka_unit_test(optional_shows_passwords_where_they_may_pass),
        cmocka_unit_test(capabilities_in_disguise_are_taken_out),
        cmocka_unit_test(optional_refuses_passwords),
        cmocka_unit_test(a_command_alone_is_no_login),
        cmocka_unit_test(units_are_passed_on_as_we_read_them),
        cmocka_unit_test(authentication_exchanges),
        cmocka_unit_test(inside_names_that_never_end_pass),
        cmocka_unit_test(inside_a_verb_ends_with_its_word),
        cmocka_unit_test(an_exchange_begins_when_all_else_is_replied_to),
        cmocka_unit_test(responses_that_are_no_strings_end_the_session),
        cmocka_unit_test(replies_keep_their_order),
        cmocka_unit_test(pipelines_longer_than_we_count),
        cmocka_unit_test(replies_that_we_do_not_know_pass),
        cmocka_unit_test(commands_unknown_to_both_are_counted),
        cmocka_unit_test(the_client_waits_for_the_greeting),
        cmocka_unit_test(a_refusal_in_the_greeting_passes),
        cmocka_unit_test(other_protocols_are_not_spoken),
        cmocka_unit_test(the_upstreams_last_word_passes),
        cmocka_unit_test(replies_without_end_are_bounded),
        cmocka_unit_test(long_lists_pass),
        cmocka_unit_test(inside_takes_the_upgrade_out),
        cmocka_unit_test(inside_knows_a_literal_name),
        cmocka_unit_test(upgraded_passes_the_capabilities),
        cmocka_unit_test(xclient_tells_who_the_client_is),
        cmocka_unit_test(xclient_refused_goes_on_without),
        cmocka_unit_test(xclient_not_announced_is_not_sent),
        cmocka_unit_test(the_clients_identity_is_ours_to_tell),
        cmocka_unit_test(literals_hide_no_word_about_who_the_client_is),
        cmocka_unit_test(literals_in_clear_hide_nothing),
        cmocka_unit_test(a_long_token_in_clear_stays_a_literal),
        cmocka_unit_test(inside_only_a_login_ends_the_watch),
        cmocka_unit_test(units_are_cut_short_within_their_literals_too),
        cmocka_unit_test(our_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
