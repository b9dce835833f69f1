/* test_nntp.c - NNTP dialogues around STARTTLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/starttls/nntp.h"

#define MODULE starttls_nntp
#include "lines.h"

#define HI       "200 front.example ready\r\n"
#define LIST     "101 Capability list:\r\nVERSION 2\r\nAUTHINFO\r\nSTARTTLS\r\n.\r\n"
#define READY    "382 Continue with TLS negotiation\r\n"
#define NO_ARGS  "501 STARTTLS takes no arguments\r\n"
#define FIRST    "483 Must issue a STARTTLS command first\r\n"
#define UNKNOWN  "500 Unknown command\r\n"
#define SYNTAX   "501 Syntax error\r\n"
#define ACTIVE   "502 STARTTLS not allowed with active TLS layer\r\n"
#define TOO_LATE "502 STARTTLS not allowed once authenticated\r\n"
#define DOWN     "400 Service not available, try again later\r\n"
#define GOODBYE  "400 Too many errors, closing connection\r\n"
#define WEB      "500 This is not a web server\r\n"
#define CAUGHT   "400 Command in an article, closing connection\r\n"
#define NO_FLOW  "503 STREAMING was not offered\r\n"
#define LONG     "501 Line too long\r\n"

/* A greeting that every upstream might give. */
#define G "200 old.example\r\n"

/* ---- required ---- */

static void required_capabilities_and_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("CAPABILITIES\r\n"), C("STARTTLS\r\n")};
    SCENE(required, turns, HI LIST READY, .end = DIALOGUE_UPGRADE);
    const struct turn bare[] = {C("STARTTLS\r\n")};
    SCENE(required, bare, HI READY, .end = DIALOGUE_UPGRADE);
}

static void required_knows_the_few_commands_of_its_own(void **state)
{
    (void)state;
    const struct turn turns[] = {C("HELP\r\nCAPABILITIES AUTOUPDATE\r\nQUIT\r\nSTARTTLS\r\n")};
    SCENE(required, turns,
          HI "100 Help text follows\r\nCAPABILITIES\r\nHELP\r\nQUIT\r\nSTARTTLS\r\n.\r\n" LIST
             "205 Connection closing\r\n",
          .end = DIALOGUE_CLOSE);
}

static void required_refuses_all_else(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("MODE READER\r\nAUTHINFO USER bob\r\nAUTHINFO PASS x y\r\nAUTHINFO SASL PLAIN AA==\r\n"
          "GROUP a\r\nPOST\r\nSTARTTLSX\r\nDATE\r\n")};
    SCENE(required, turns, HI FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST);
}

static void required_starttls_takes_no_arguments(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS now\r\nSTARTTLS\r\n")};
    SCENE(required, turns, HI NO_ARGS READY, .end = DIALOGUE_UPGRADE);
}

static void required_leaves_what_is_behind_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS\r\nGROUP evil\r\n")};
    SCENE(required, turns, HI READY, .end = DIALOGUE_UPGRADE, .left = 12);
    const struct turn later[] = {C("STARTTLS\r\n"), C("STARTTLS\r\n")};
    SCENE(required, later, HI READY, .end = DIALOGUE_UPGRADE, .left = 10);
}

static void required_case_blanks_and_bare_lf(void **state)
{
    (void)state;
    const struct turn turns[] = {C("Capabilities\nstarttls \t\nX")};
    SCENE(required, turns, HI LIST READY, .end = DIALOGUE_UPGRADE, .left = 1);
}

static void required_bytes_that_are_no_text(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("STARTTLS\0\r\nSTART\rTLS\r\nSTARTTLS\r\r\n\v\r\n\xc3\xa4\xff\r\nSTARTTLS\r\n")};
    SCENE(required, turns, HI SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX READY, .end = DIALOGUE_UPGRADE);
}

/* INN skips both, and answers no empty line. */
static void empty_lines_and_blanks_in_front_are_skipped_in_clear(void **state)
{
    (void)state;
    const struct turn own[] = {C("\r\n\n \t\r\n \tSTARTTLS\r\n")};
    SCENE(required, own, HI READY, .end = DIALOGUE_UPGRADE);
    const struct turn turns[] = {
        U(G),
        C("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n DATE\r\n\t AUTHINFO USER x\r\n  \r\n"),
        U("111 1\r\n"), C(" STARTTLS\r\n")};
    SCENE(optional, turns, G "111 1\r\n" FIRST READY, .to_upstream = "DATE\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn behind[] = {U(G), C("STARTTLS\r\n\r\n")};
    SCENE(optional, behind, G READY, .end = DIALOGUE_UPGRADE, .left = 2);
}

static void required_ends_after_too_many_errors(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nCAPABILITIES\r\nK\r\nL\r\n")};
    SCENE(required, turns,
          HI FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST LIST FIRST GOODBYE,
          .end = DIALOGUE_CLOSE);
}

static void a_browser_is_sent_away(void **state)
{
    (void)state;
    const struct turn turns[] = {C("POST / HTTP/1.1\r\nGROUP a\r\n")};
    SCENE(required, turns, HI WEB, .end = DIALOGUE_CLOSE);
    const struct turn passing[] = {U(G), C("GET / HTTP/1.1\r\nGROUP a\r\n")};
    SCENE(trusting, passing, G WEB, .end = DIALOGUE_CLOSE);
    const struct turn posting[] = {U(G), C("POST / HTTP/1.1\r\nGROUP a\r\n")};
    SCENE(optional, posting, G WEB, .end = DIALOGUE_CLOSE);
    SCENE(inside, posting, G WEB, .end = DIALOGUE_CLOSE);
}

static void lines_far_too_long_end_the_session(void **state)
{
    (void)state;
    long_lines(&required, "",
               (struct outcome){.to_client = HI "501 Line too long\r\n", .end = DIALOGUE_CLOSE});
    long_lines(&optional, G,
               (struct outcome){.to_client = G "501 Line too long\r\n", .end = DIALOGUE_CLOSE});
}

/* ---- optional ---- */

static void optional_adds_the_upgrade_and_holds_passwords_back(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("CAPABILITIES\r\n"),
        U("101 list\r\nVERSION 2\r\nREADER\r\nAuthinfo USER SASL\r\nSASL PLAIN\r\nstarttls\r\n"
          "STARTTLSX\r\nSASLX\r\nCOMPRESS DEFLATE\r\nOVER MSGID\r\n.\r\n"),
        C("STARTTLS\r\n")};
    SCENE(optional, turns,
          G "101 list\r\nVERSION 2\r\nREADER\r\nAuthinfo\r\nSTARTTLSX\r\nSASLX\r\nOVER MSGID\r\n"
            "STARTTLS\r\n.\r\n" READY,
          .to_upstream = "CAPABILITIES\r\n", .end = DIALOGUE_UPGRADE);
}

static void optional_shows_passwords_where_they_may_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPABILITIES\r\n"),
                                 U("101\r\nAUTHINFO USER SASL\r\nSASL PLAIN\r\n.\r\n")};
    SCENE(trusting, turns, G "101\r\nAUTHINFO USER SASL\r\nSASL PLAIN\r\nSTARTTLS\r\n.\r\n",
          .to_upstream = "CAPABILITIES\r\n");
}

static void capabilities_that_are_no_text_are_taken_out(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPABILITIES\r\n"),
                                 U("101\r\n STARTTLS\r\nA\rSTARTTLS\r\nB\0C\r\n\r\nREADER\n.\n")};
    SCENE(optional, turns, G "101\r\nREADER\r\nSTARTTLS\r\n.\r\n",
          .to_upstream = "CAPABILITIES\r\n");
    static const char plain[] = G "101\r\n STARTTLS\r\nA\rSTARTTLS\r\nB\0C\r\n\r\nREADER\n.\n";
    const struct scene as_it_came = {.name = "inside",
                                     .facts = inside,
                                     .turns = turns,
                                     .count = COUNT(turns),
                                     .to_client = plain,
                                     .to_client_size = sizeof plain - 1,
                                     .to_upstream = "CAPABILITIES\r\n"};
    scene_check(&starttls_nntp, &as_it_came);
}

#define OLD_LIST(how)                                                                              \
    "101 Capability list:\r\nVERSION 2\r\nREADER\r\nPOST\r\nAUTHINFO" how "\r\nSTARTTLS\r\n.\r\n"

static void optional_a_server_too_old_for_capabilities(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPABILITIES\r\n"), U("500 what?\r\n"),
                                 C("STARTTLS\r\n")};
    SCENE(optional, turns, G OLD_LIST("") READY, .to_upstream = "CAPABILITIES\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn allowed[] = {U(G), C("CAPABILITIES\r\n"), U("500 what?\r\n")};
    SCENE(trusting, allowed, G OLD_LIST(" USER"), .to_upstream = "CAPABILITIES\r\n");
    SCENE(inside, allowed, G "500 what?\r\n", .to_upstream = "CAPABILITIES\r\n");
    const struct turn first[] = {U(G), C("CAPABILITIES\r\n"), U("480 log in\r\n")};
    SCENE(optional, first, G OLD_LIST(""), .to_upstream = "CAPABILITIES\r\n");
    const struct turn gone[] = {U(G), C("CAPABILITIES\r\n"), U("400 going\r\n")};
    SCENE(optional, gone, G "400 going\r\n", .to_upstream = "CAPABILITIES\r\n");
}

static void optional_a_keyword_that_the_server_does_not_take(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPABILITIES 123\r\nCAPABILITIES x\r\nCAPABILITIES \r\n"),
                                 U("501 keyword?\r\n101\r\nREADER\r\n.\r\n501 what?\r\n")};
    SCENE(optional, turns, G "501 keyword?\r\n101\r\nREADER\r\nSTARTTLS\r\n.\r\n" OLD_LIST(""),
          .to_upstream = "CAPABILITIES 123\r\nCAPABILITIES x\r\nCAPABILITIES \r\n");
    const struct turn old[] = {U(G), C("CAPABILITIES x\r\n"), U("500 what?\r\n")};
    SCENE(optional, old, G OLD_LIST(""), .to_upstream = "CAPABILITIES x\r\n");
}

static void optional_refuses_passwords(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("AUTHINFO USER bob\r\nauthinfo pass secret\r\nAUTHINFO\r\nAUTHINFO\tUSER bob\r\n"
          "AUTHINFO GENERIC x\r\nDATE\r\n"),
        U("111 20260101000000\r\n")};
    SCENE(optional, turns, G FIRST FIRST FIRST FIRST FIRST "111 20260101000000\r\n",
          .to_upstream = "DATE\r\n");
}

static void optional_refuses_passwords_behind_real_work(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("GROUP a\r\n"), U("480 log in\r\n"),
                                 C("AUTHINFO USER bob\r\nSTARTTLS\r\n")};
    SCENE(optional, turns, G "480 log in\r\n" FIRST READY, .to_upstream = "GROUP a\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void a_command_alone_is_no_login(void **state)
{
    (void)state;
    alone_is_no_login(G, "AUTHINFO\r\nAUTHINFO SASL\r\nAUTHINFO USER \r\nAUTHINFO GENERIC\r\n",
                      "AUTHINFO SASL PLAIN AA==\r\n");
    alone_is_no_login(G, "AUTHINFO PASS\r\n", "AUTHINFO SIMPLE\r\n");
}

static void optional_never_passes_what_follows_a_refused_authinfo(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("AUTHINFO SASL LOGIN\r\nYm9i\r\nc2VjcmV0\r\nAHg=\r\nQUIT\r\n"), U("205\r\n")};
    SCENE(optional, turns, G FIRST UNKNOWN UNKNOWN SYNTAX "205\r\n", .to_upstream = "QUIT\r\n");
}

static void optional_login_forbids_the_upgrade(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("AUTHINFO USER bob\r\n"),
                                 U("381\r\n"),
                                 C("AUTHINFO PASS  a b \r\nSTARTTLS\r\nCAPABILITIES\r\n"),
                                 U("281 welcome\r\n"),
                                 U("101\r\nSTARTTLS\r\nREADER\r\nCOMPRESS DEFLATE\r\n.\r\n"),
                                 C("GROUP a\r\nSTARTTLS\xff")};
    SCENE(trusting, turns,
          G "381\r\n281 welcome\r\n" TOO_LATE "101\r\nREADER\r\nCOMPRESS DEFLATE\r\n.\r\n",
          .to_upstream = "AUTHINFO USER bob\r\nAUTHINFO PASS  a b \r\nCAPABILITIES\r\n"
                         "GROUP a\r\nSTARTTLS\xff",
          .end = DIALOGUE_RELAY);
    const struct turn failed[] = {U(G), C("AUTHINFO USER bob\r\nSTARTTLS\r\n"), U("481 no\r\n")};
    SCENE(trusting, failed, G "481 no\r\n" READY, .to_upstream = "AUTHINFO USER bob\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void authentication_exchanges(void **state)
{
    (void)state;
    const struct turn failed[] = {
        U(G),           C("DATE\r\nAUTHINFO SASL LOGIN\r\nYm9i\r\n*\r\nSTARTTLS\r\n"),
        U("111 1\r\n"), U("383 VXNlcg==\r\n"),
        U("383 =\r\n"), U("481 no\r\n")};
    SCENE(trusting, failed, G "111 1\r\n383 VXNlcg==\r\n383 =\r\n481 no\r\n" READY,
          .to_upstream = "DATE\r\nAUTHINFO SASL LOGIN\r\nYm9i\r\n*\r\n", .end = DIALOGUE_UPGRADE);
    const struct turn done[] = {U(G), C("AUTHINFO SASL GSSAPI AA==\r\n\x01\xff"),
                                U("283 AA==\r\n\x02\xff")};
    SCENE(inside, done, G "283 AA==\r\n\x02\xff",
          .to_upstream = "AUTHINFO SASL GSSAPI AA==\r\n\x01\xff", .end = DIALOGUE_RELAY);
    const struct turn simple[] = {U(G), C("AUTHINFO SIMPLE\r\n"), U("350\r\n"), C("bob secret\r\n"),
                                  U("250\r\n")};
    SCENE(inside, simple, G "350\r\n250\r\n", .to_upstream = "AUTHINFO SIMPLE\r\nbob secret\r\n",
          .end = DIALOGUE_RELAY);
    const struct turn generic[] = {U(G), C("DATE\r\nAUTHINFO GENERIC x\r\n\xff"), U("111 1\r\n"),
                                   U("?\r\n")};
    SCENE(inside, generic, G "111 1\r\n?\r\n", .to_upstream = "DATE\r\nAUTHINFO GENERIC x\r\n\xff",
          .end = DIALOGUE_RELAY);
}

static void responses_that_are_no_lines_end_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("AUTHINFO SASL LOGIN\r\n"), U("383 =\r\n"),
                                 C("a\0b\r\nDATE\r\n")};
    SCENE(trusting, turns, G "383 =\r\n482 Cannot decode response\r\n",
          .to_upstream = "AUTHINFO SASL LOGIN\r\n", .end = DIALOGUE_CLOSE);
}

/* ---- real work in clear ---- */

#define BLOCKS                                                                                     \
    "215 list\r\na 1 1 y\r\n.\r\n211 1 1 1 a\r\n211 1 1 1 a\r\n1\r\n.\r\n282 "                     \
    "x\r\n.\r\n218\r\n.\r\n288 x\r\n281 no reply\r\n.\r\n"                                         \
    "220 1 <x>\r\nSubject: 1\r\n\r\n..\r\n\n.\n281 x\r\n.x\r\n\0\r\n.\r\n"

static void lists_and_articles_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("LIST\r\nGROUP a\r\nLISTGROUP a\r\nXGTITLE\r\nXINDEX\r\nXTHREAD\r\nARTICLE "
          "1\r\nSTARTTLS\r\n"),
        U(BLOCKS)};
    static const char heard[] = G BLOCKS READY;
    const struct scene sc = {
        .name = __func__,
        .facts = optional,
        .turns = turns,
        .count = COUNT(turns),
        .to_client = heard,
        .to_client_size = sizeof heard - 1,
        .to_upstream =
            "LIST\r\nGROUP a\r\nLISTGROUP a\r\nXGTITLE\r\nXINDEX\r\nXTHREAD\r\nARTICLE 1\r\n",
        .end = DIALOGUE_UPGRADE};
    scene_check(&starttls_nntp, &sc);
}

#define TEXT "299 x\r\n123 y\r\n400 z\r\n\r\n5\r\n.\r\n"

/* Codes do not tell of every text. What nobody asked for ends the session all the same. */
static void texts_under_unknown_codes_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("XFOO\r\n"), U(TEXT), C("DATE\r\nSTARTTLS\r\n"),
                                 U("111 1\r\n")};
    SCENE(optional, turns, G TEXT "111 1\r\n" READY, .to_upstream = "XFOO\r\nDATE\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn behind[] = {U(G), C("XFOO\r\n"), U(TEXT), U("281 who asked?\r\n")};
    SCENE(optional, behind, G TEXT DOWN, .to_upstream = "XFOO\r\n", .end = DIALOGUE_CLOSE);
    const struct turn asked[] = {U(G), C("XFOO\r\n"), U("299 x\r\n"), C("DATE\r\n"),
                                 U("111 1\r\n281 who asked?\r\n")};
    SCENE(optional, asked, G "299 x\r\n111 1\r\n" DOWN, .to_upstream = "XFOO\r\nDATE\r\n",
          .end = DIALOGUE_CLOSE);
    const struct turn known[] = {U(G), C("XFOO\r\n"), U("215 x\r\n123 y\r\n.\r\n281 who?\r\n")};
    SCENE(optional, known, G "215 x\r\n123 y\r\n.\r\n" DOWN, .to_upstream = "XFOO\r\n",
          .end = DIALOGUE_CLOSE);
    const struct turn unknown[] = {U(G), C("XFOO\r\n"), U("500 what?\r\n"), U("400 bye\r\n")};
    SCENE(optional, unknown, G "500 what?\r\n400 bye\r\n", .to_upstream = "XFOO\r\n",
          .end = DIALOGUE_CLOSE);
}

static void articles_of_the_clients_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("POST\r\n"), U("340 go\r\n"),
                                 C("AUTHINFO USER x\r\n\n.\nSTARTTLS\r\n.\r\nSTARTTLS\r\n"),
                                 U("240 thanks\r\n")};
    SCENE(optional, turns, G "340 go\r\n240 thanks\r\n" READY,
          .to_upstream = "POST\r\nAUTHINFO USER x\r\n\n.\nSTARTTLS\r\n.\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn refused[] = {U(G), C("IHAVE <x>\r\nAUTHINFO PASS x\r\n"), U("435 no\r\n")};
    SCENE(optional, refused, G "435 no\r\n" FIRST, .to_upstream = "IHAVE <x>\r\n");
    const struct turn replicated[] = {U(G), C("XREPLIC a:1\r\n"), U("335 go\r\n"),
                                      C("AUTHINFO USER x\r\n.\r\nDATE\r\n"), U("235\r\n")};
    SCENE(optional, replicated, G "335 go\r\n235\r\n",
          .to_upstream = "XREPLIC a:1\r\nAUTHINFO USER x\r\n.\r\nDATE\r\n");
    const struct turn empty[] = {U(G), C("POST\r\n"), U("340\r\n"), C(".\r\nDATE\r\n"),
                                 U("441\r\n111 1\r\n")};
    SCENE(optional, empty, G "340\r\n441\r\n111 1\r\n", .to_upstream = "POST\r\n.\r\nDATE\r\n");
}

static void articles_of_the_clients_may_be_pipelined(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),         C("POST\r\n"),
                                 U("340\r\n"), C("x\r\r\n.\r\nPOST\r\nDATE\r\n.\r\nSTARTTLS\r\n"),
                                 U("240\r\n"), U("340\r\n"),
                                 U("240\r\n")};
    SCENE(optional, turns, G "340\r\n240\r\n340\r\n240\r\n" READY,
          .to_upstream = "POST\r\nx\r\r\n.\r\nPOST\r\nDATE\r\n.\r\n", .end = DIALOGUE_UPGRADE);
}

static void a_reply_inside_the_article_ends_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),       C("POST\r\n"),   U("340\r\n"),
                                 C("x\r\n"), U("441 no\r\n"), C("AUTHINFO USER x\r\n")};
    SCENE(optional, turns, G "340\r\n441 no\r\n", .to_upstream = "POST\r\nx\r\n",
          .end = DIALOGUE_CLOSE);
}

static void streams_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("MODE STREAM\r\nCHECK <a>\r\nTAKETHIS <b>\r\nAUTHINFO USER "
                                   "x\r\n.\r\nTAKETHIS <c>\r\n.\r\n"
                                   "STARTTLS\r\n"),
                                 U("203\r\n238 <a>\r\n239 <b>\r\n439 <c>\r\n")};
    SCENE(optional, turns, G "203\r\n238 <a>\r\n239 <b>\r\n439 <c>\r\n" READY,
          .to_upstream = "MODE STREAM\r\nCHECK <a>\r\nTAKETHIS <b>\r\nAUTHINFO USER x\r\n.\r\n"
                         "TAKETHIS <c>\r\n.\r\n",
          .end = DIALOGUE_UPGRADE);
}

/* What the RFC calls STREAMING: 203 to MODE STREAM, or a line of the list. The list counts only
 * when it is there. */
static void an_article_may_come_unasked_before_a_server_that_streams(void **state)
{
    (void)state;
    const struct turn listed[] = {
        U(G), C("CAPABILITIES\r\nTAKETHIS <b>\r\nSTARTTLS\r\n.\r\nTAKETHIS <c>\r\nx\r\n"),
        U("101\r\nIHAVE\r\nstreaming\r\n.\r\n239 <b>\r\n"), C(".\r\nCHECK <d>\r\n"),
        U("439 <c>\r\n238 <d>\r\n")};
    SCENE(optional, listed,
          G "101\r\nIHAVE\r\nstreaming\r\nSTARTTLS\r\n.\r\n239 <b>\r\n439 <c>\r\n238 <d>\r\n",
          .to_upstream = "CAPABILITIES\r\nTAKETHIS <b>\r\nSTARTTLS\r\n.\r\nTAKETHIS <c>\r\nx\r\n"
                         ".\r\nCHECK <d>\r\n");
    const struct turn refused[] = {
        U(G),         C("MODE STREAM\r\n"),       U("203\r\n"),    C("MODE X\r\n"),
        U("501\r\n"), C("TAKETHIS <b>\r\n.\r\n"), U("239 <b>\r\n")};
    SCENE(optional, refused, G "203\r\n501\r\n239 <b>\r\n",
          .to_upstream = "MODE STREAM\r\nMODE X\r\nTAKETHIS <b>\r\n.\r\n");
}

#define LOGIN "AUTHINFO USER x\r\nAUTHINFO PASS y\r\n.\r\n"

/* Others read the article as commands. */
static void no_article_comes_unasked_before_other_servers(void **state)
{
    (void)state;
    const struct turn unknown[] = {U(G), C("TAKETHIS <b>\r\n" LOGIN)};
    SCENE(optional, unknown, G NO_FLOW, .end = DIALOGUE_CLOSE);
    const struct turn refused[] = {U(G), C("MODE STREAM\r\nTAKETHIS <b>\r\n" LOGIN),
                                   U("501 what?\r\n")};
    SCENE(optional, refused, G "501 what?\r\n" NO_FLOW, .to_upstream = "MODE STREAM\r\n",
          .end = DIALOGUE_CLOSE);
    const struct turn listed[] = {U(G), C("CAPABILITIES\r\nTAKETHIS <b>\r\n" LOGIN),
                                  U("101\r\nREADER\r\nSTREAMINGS\r\n STREAMING\r\n.\r\n")};
    SCENE(optional, listed, G "101\r\nREADER\r\nSTREAMINGS\r\nSTARTTLS\r\n.\r\n" NO_FLOW,
          .to_upstream = "CAPABILITIES\r\n", .end = DIALOGUE_CLOSE);
    const struct turn handed_over[] = {
        U(G), C("MODE STREAM\r\nCAPABILITIES\r\nMODE READER\r\nTAKETHIS <b>\r\n" LOGIN),
        U("203\r\n"), U("101\r\nSTREAMING\r\n.\r\n"), U("200\r\n")};
    SCENE(optional, handed_over, G "203\r\n101\r\nSTREAMING\r\nSTARTTLS\r\n.\r\n200\r\n" NO_FLOW,
          .to_upstream = "MODE STREAM\r\nCAPABILITIES\r\nMODE READER\r\n", .end = DIALOGUE_CLOSE);
}

/* innd knows no command of more octets than the RFC allows, and has read the line by then. */
static void no_article_comes_unasked_behind_a_line_that_is_too_long(void **state)
{
    (void)state;
    char *identity = many("x", 498), *longest = join("TAKETHIS <", identity);
    char *taken = join(longest, ">y\r\n.\r\n"), *refused = join(longest, ">yz\r\n" LOGIN);
    char *heard = join("MODE STREAM\r\n", taken);
    const struct turn at_most[] = {
        U(G), C("MODE STREAM\r\n"), U("203\r\n"), {CLIENT, taken, 0}, U("239\r\n")};
    SCENE(optional, at_most, G "203\r\n239\r\n", .to_upstream = heard);
    const struct turn longer[] = {U(G), C("MODE STREAM\r\n"), U("203\r\n"), {CLIENT, refused, 0}};
    SCENE(optional, longer, G "203\r\n" LONG, .to_upstream = "MODE STREAM\r\n",
          .end = DIALOGUE_CLOSE);
    free(identity);
    free(longest);
    free(taken);
    free(refused);
    free(heard);
}

/* Nothing is at stake: what a server makes of it is between the two of them. */
static void where_passwords_may_pass_any_server_may_be_sent_an_article(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATE\r\nTAKETHIS <b>\r\n" LOGIN "DATE\r\n"),
                                 U("111 1\r\n"), U("500 what?\r\n381\r\n281\r\n500\r\n111 2\r\n")};
    SCENE(trusting, turns, G "111 1\r\n500 what?\r\n381\r\n281\r\n500\r\n111 2\r\n",
          .to_upstream = "DATE\r\nTAKETHIS <b>\r\n" LOGIN "DATE\r\n", .end = DIALOGUE_RELAY);
}

static void a_reply_to_an_article_that_is_not_over_ends_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("MODE STREAM\r\nCHECK <a>\r\nTAKETHIS <b>\r\nx\r\n"),
                                 U("203\r\n"), U("238 <a>\r\n500 what?\r\n"), C(LOGIN)};
    SCENE(optional, turns, G "203\r\n238 <a>\r\n500 what?\r\n",
          .to_upstream = "MODE STREAM\r\nCHECK <a>\r\nTAKETHIS <b>\r\nx\r\n",
          .end = DIALOGUE_CLOSE);
}

/* nnrpd ends an article at any of these, and reads what is behind as commands. */
static void nothing_secret_hides_behind_another_end_of_an_article(void **state)
{
    (void)state;
    static const char *const hidden[] = {"\n.\nAUTHINFO",     "\n.\r\nauthinfo",
                                         "\r\n.\n\tAuthinfo", "\n.\nDATE\r\n AUTHINFO",
                                         "\n.\nCOMPRESS",     "\r\n.\nXFEATURE"};
    for (size_t i = 0; i < COUNT(hidden); i++) {
        char *passes = join("AUTHINFO USER x\r\nx", hidden[i]), *said = join(passes, " PASS y\r\n");
        char *posted = join("POST\r\n", passes);
        char *streamed = join("MODE STREAM\r\nTAKETHIS <a>\r\n", passes);
        const struct turn post[] = {U(G), C("POST\r\n"), U("340\r\n"), {CLIENT, said, 0}};
        SCENE(optional, post, G "340\r\n" CAUGHT, .to_upstream = posted, .end = DIALOGUE_CLOSE);
        const struct turn stream[] = {
            U(G), C("MODE STREAM\r\nTAKETHIS <a>\r\n"), U("203\r\n"), {CLIENT, said, 0}};
        SCENE(optional, stream, G "203\r\n" CAUGHT, .to_upstream = streamed, .end = DIALOGUE_CLOSE);
        free(passes);
        free(said);
        free(posted);
        free(streamed);
    }
    static const char with_nul[] = "POST\r\nx\r\n.\0\r\nAUTHINFO";
    const struct turn turns[] = {U(G), C("POST\r\n"), U("340\r\n"),
                                 C("x\r\n.\0\r\nAUTHINFO USER x\r\n")};
    const struct scene sc = {.name = __func__,
                             .facts = optional,
                             .turns = turns,
                             .count = COUNT(turns),
                             .to_client = G "340\r\n" CAUGHT,
                             .to_upstream = with_nul,
                             .to_upstream_size = sizeof with_nul - 1,
                             .end = DIALOGUE_CLOSE};
    scene_check(&starttls_nntp, &sc);
}

/* The reply to a hidden command is taken for that to a later one: here IHAVE's, which is refused.
 */
static void nothing_secret_hides_in_a_later_article_either(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),         C("POST\r\n"),
        U("340\r\n"), C("x\n.\nPOST\r\n.\r\nIHAVE <x>\r\nx\r\nAUTHINFO USER x\r\n"),
        U("240\r\n"), U("340\r\n")};
    SCENE(optional, turns, G "340\r\n240\r\n340\r\n" CAUGHT,
          .to_upstream = "POST\r\nx\n.\nPOST\r\n.\r\nIHAVE <x>\r\nx\r\nAUTHINFO",
          .end = DIALOGUE_CLOSE);
}

#define ODD "x\n.\nAUTHINFO USER x\r\n.\r\n"

/* Where passwords may pass nobody is kept from it; and a server that took it shows it. */
static void odd_ends_of_lines_are_no_reason_to_end(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("POST\r\n"), U("340\r\n"), C(ODD), U("240\r\n")};
    SCENE(trusting, turns, G "340\r\n240\r\n", .to_upstream = "POST\r\n" ODD);
    const struct turn harmless[] = {U(G), C("POST\r\n"), U("340\r\n"),
                                    C("x\n.\nAUTHINFOS\r\n the AUTHINFO\r\n.\r\n"), U("240\r\n")};
    SCENE(optional, harmless, G "340\r\n240\r\n",
          .to_upstream = "POST\r\nx\n.\nAUTHINFOS\r\n the AUTHINFO\r\n.\r\n");
    const struct turn taken[] = {U(G), C("POST\r\n"), U("340\r\n"), C("x\n.\nDATE\r\n"),
                                 U("240\r\n")};
    SCENE(optional, taken, G "340\r\n240\r\n", .to_upstream = "POST\r\nx\n.\nDATE\r\n",
          .end = DIALOGUE_CLOSE);
}

static void compression_would_hide_what_follows(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("COMPRESS DEFLATE\r\nXFEATURE COMPRESS GZIP\r\n")};
    SCENE(optional, turns,
          G "502 Compression is not available here\r\n502 Compression is not available here\r\n");
    SCENE(inside, turns, G, .to_upstream = "COMPRESS DEFLATE\r\nXFEATURE COMPRESS GZIP\r\n",
          .end = DIALOGUE_RELAY);
}

static void batches_are_not_followed(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATE\r\nXBATCH 4\r\nDATE\r\n"), U("111 1\r\n"),
                                 U("111 2\r\n")};
    SCENE(optional, turns, G "111 1\r\n502 Batches are not available here\r\n111 2\r\n",
          .to_upstream = "DATE\r\nDATE\r\n");
    const struct turn allowed[] = {U(G), C("DATE\r\nXBATCH 4\r\n"), U("111 1\r\n"), U("339 go\r\n"),
                                   C("\r\n\n\xff")};
    SCENE(trusting, allowed, G "111 1\r\n339 go\r\n",
          .to_upstream = "DATE\r\nXBATCH 4\r\n\r\n\n\xff", .end = DIALOGUE_RELAY);
}

static void replies_keep_their_order(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("MODE READER\r\nHELP\r\nSTARTTLS x\r\nDATE\r\nSTARTTLS\r\n"),
                                 U("201\r\n"), U("100\r\nhelp\r\n.\r\n"), U("111 1\r\n")};
    SCENE(optional, turns, G "201\r\n100\r\nhelp\r\n.\r\n" NO_ARGS "111 1\r\n" READY,
          .to_upstream = "MODE READER\r\nHELP\r\nDATE\r\n", .end = DIALOGUE_UPGRADE);
}

/* The upstream hears no more at once than we count, and replies to what it has heard. */
static void pipelines_longer_than_we_count(void **state)
{
    (void)state;
    long_pipeline(optional, G, G, "STAT\r\n", "223\r\n");
}

static void commands_unknown_to_both_are_counted(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\n"),
        U("500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n")};
    SCENE(optional, turns,
          G "500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n500\r\n" GOODBYE,
          .to_upstream = "A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\n",
          .end = DIALOGUE_CLOSE);
}

/* ---- the upstream ---- */

static void the_client_waits_for_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS\r\n"), U("201 old\r\n")};
    SCENE(optional, turns, "201 old\r\n" READY, .end = DIALOGUE_UPGRADE);
}

static void a_refusal_in_the_greeting_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U("400 full\r\n200\r\n"), C("DATE\r\n")};
    SCENE(optional, turns, "400 full\r\n", .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, "400 full\r\n200\r\n", .to_upstream = "DATE\r\n");
}

static void other_protocols_are_not_spoken(void **state)
{
    (void)state;
    const struct turn turns[] = {U("+OK old\r\n")};
    SCENE(optional, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, "+OK old\r\n");
}

static void the_upstreams_last_word_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), U("400 too slow\r\n400 again\r\n")};
    SCENE(optional, turns, G "400 too slow\r\n", .end = DIALOGUE_CLOSE);
    const struct turn early[] = {U(G), U("281 who asked?\r\n")};
    SCENE(optional, early, G DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, early, G "281 who asked?\r\n");
}

static void replies_without_end_are_bounded(void **state)
{
    (void)state;
    endless(&optional, "", "", "200 ", "x", DOWN);
    endless(&upgraded, "", "", "200 ", "x", DOWN);
    endless(&optional, G, "DATE\r\n", "111", " x", G DOWN);
    endless(&optional, G, "CAPABILITIES\r\n", "101\r\n", "x", G "101\r\n" DOWN);
}

static void long_lists_pass(void **state)
{
    (void)state;
    long_list(G, "CAPABILITIES\r\n", "101\r\n", "STARTTLS\r\n", ".\r\n");
}

/* ---- inside ---- */

static void a_long_login_may_be_refused_before_it_ends(void **state)
{
    (void)state;
    refused_in_the_middle(G, "AUTHINFO SASL GSSAPI ", "501 too long\r\n", "CAPABILITIES\r\n",
                          "101\r\nSTARTTLS\r\n.\r\n", "101\r\n.\r\n");
}

static void inside_takes_the_upgrade_out(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("CAPABILITIES\r\nSTARTTLS\r\n"),
        U("101\r\nVERSION 2\r\nStartTls\r\nSTARTTLSX\r\nAUTHINFO USER\r\nSASL PLAIN\r\n.\r\n"),
        C("starttls now\r\n")};
    SCENE(inside, turns,
          G "101\r\nVERSION 2\r\nSTARTTLSX\r\nAUTHINFO USER\r\nSASL PLAIN\r\n.\r\n" ACTIVE ACTIVE,
          .to_upstream = "CAPABILITIES\r\n");
}

static void inside_real_work_ends_the_watch_in_its_turn(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("MODE READER\r\nCAPABILITIES\r\nGROUP a\r\nPOST\r\nx"),
                                 U("200\r\n101\r\n"), U("STARTTLS\r\n.\r\n"),
                                 U("211 1 1 1 a\r\nSTARTTLS\r\n\xff")};
    SCENE(inside, turns, G "200\r\n101\r\n.\r\n211 1 1 1 a\r\nSTARTTLS\r\n\xff",
          .to_upstream = "MODE READER\r\nCAPABILITIES\r\nGROUP a\r\nPOST\r\nx",
          .end = DIALOGUE_RELAY);
    const struct turn login[] = {U(G),         C("AUTHINFO USER a\r\n"),
                                 U("381\r\n"), C("AUTHINFO PASS b\r\n"),
                                 U("281\r\n"), C("XFOO\r\n")};
    SCENE(inside, login, G "381\r\n281\r\n",
          .to_upstream = "AUTHINFO USER a\r\nAUTHINFO PASS b\r\nXFOO\r\n", .end = DIALOGUE_RELAY);
}

/* Cyrus answers an empty line, INN takes no notice. */
static void inside_an_empty_line_may_have_no_answer(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("\r\n\t\r\nCAPABILITIES\r\nSTARTTLS\r\nDATE\r\n"),
                                 U("501 Empty\r\n501 Empty\r\n101\r\nSTARTTLS\r\n.\r\n111 1\r\n")};
    SCENE(inside, turns, G "501 Empty\r\n501 Empty\r\n101\r\n.\r\n" ACTIVE "111 1\r\n",
          .to_upstream = "\r\n\t\r\nCAPABILITIES\r\nDATE\r\n");
    const struct turn ignored[] = {U(G), C("\r\n\t\r\nCAPABILITIES\r\nSTARTTLS\r\nDATE\r\n"),
                                   U("101\r\nSTARTTLS\r\n.\r\n111 1\r\n")};
    SCENE(inside, ignored, G "101\r\n.\r\n" ACTIVE "111 1\r\n",
          .to_upstream = "\r\n\t\r\nCAPABILITIES\r\nDATE\r\n");
    const struct turn upgrade[] = {U(G), C("\r\nSTARTTLS\r\n"), U("501 Empty\r\n")};
    SCENE(inside, upgrade, G "501 Empty\r\n" ACTIVE, .to_upstream = "\r\n");
    const struct turn failing[] = {U(G), C("\r\nAUTHINFO USER a\r\n"), U("481 no\r\n"),
                                   C("CAPABILITIES\r\n"), U("101\r\nSTARTTLS\r\n.\r\n")};
    SCENE(inside, failing, G "481 no\r\n101\r\n.\r\n",
          .to_upstream = "\r\nAUTHINFO USER a\r\nCAPABILITIES\r\n");
    const struct turn exchange[] = {U(G),
                                    C("\r\nAUTHINFO SIMPLE\r\n"),
                                    U("350\r\n"),
                                    C("bob secret\r\n"),
                                    U("452 no\r\n"),
                                    C("STARTTLS\r\n")};
    SCENE(inside, exchange, G "350\r\n452 no\r\n" ACTIVE,
          .to_upstream = "\r\nAUTHINFO SIMPLE\r\nbob secret\r\n");
}

static void upgraded_swallows_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("MODE READER\r\n"), U("201 old\r\n"), U("200 you may\r\n")};
    SCENE(upgraded, turns, "200 you may\r\n", .to_upstream = "MODE READER\r\n");
    const struct turn work[] = {C("GROUP a\r\n"), U("200 old\r\n"), U("411\r\n")};
    SCENE(upgraded, work, "411\r\n", .to_upstream = "GROUP a\r\n", .end = DIALOGUE_RELAY);
    const struct turn refused[] = {C("DATE\r\n"), U("400 full\r\n")};
    SCENE(upgraded, refused, DOWN, .end = DIALOGUE_CLOSE);
    const struct turn never[] = {C("DATE\r\n"), U("502 go away\r\n")};
    SCENE(upgraded, never, DOWN, .end = DIALOGUE_CLOSE);
}

static void our_refusals(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        [REFUSE_UPSTREAM_DOWN] = DOWN,
        [REFUSE_TOO_MANY] = "400 Too many connections, try again later\r\n",
        [REFUSE_DRAINING] = "400 Service is shutting down, try again later\r\n",
        [REFUSE_TIMEOUT] = "400 Timeout, closing connection\r\n",
    };
    for (int why = REFUSE_UPSTREAM_DOWN; why <= REFUSE_TIMEOUT; why++) {
        struct buf b;
        buf_init(&b, 200);
        starttls_nntp.refuse((enum starttls_refusal)why, "h", &b);
        assert_int_equal(b.size, strlen(wanted[why]));
        assert_memory_equal(b.data, wanted[why], b.size);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_capabilities_and_starttls),
        cmocka_unit_test(required_knows_the_few_commands_of_its_own),
        cmocka_unit_test(required_refuses_all_else),
        cmocka_unit_test(required_starttls_takes_no_arguments),
        cmocka_unit_test(required_leaves_what_is_behind_starttls),
        cmocka_unit_test(required_case_blanks_and_bare_lf),
        cmocka_unit_test(required_bytes_that_are_no_text),
        cmocka_unit_test(empty_lines_and_blanks_in_front_are_skipped_in_clear),
        cmocka_unit_test(required_ends_after_too_many_errors),
        cmocka_unit_test(a_browser_is_sent_away),
        cmocka_unit_test(lines_far_too_long_end_the_session),
        cmocka_unit_test(optional_adds_the_upgrade_and_holds_passwords_back),
        cmocka_unit_test(optional_shows_passwords_where_they_may_pass),
        cmocka_unit_test(capabilities_that_are_no_text_are_taken_out),
        cmocka_unit_test(optional_a_server_too_old_for_capabilities),
        cmocka_unit_test(optional_a_keyword_that_the_server_does_not_take),
        cmocka_unit_test(optional_refuses_passwords),
        cmocka_unit_test(a_command_alone_is_no_login),
        cmocka_unit_test(optional_refuses_passwords_behind_real_work),
        cmocka_unit_test(optional_never_passes_what_follows_a_refused_authinfo),
        cmocka_unit_test(optional_login_forbids_the_upgrade),
        cmocka_unit_test(authentication_exchanges),
        cmocka_unit_test(responses_that_are_no_lines_end_the_session),
        cmocka_unit_test(lists_and_articles_pass),
        cmocka_unit_test(texts_under_unknown_codes_pass),
        cmocka_unit_test(articles_of_the_clients_pass),
        cmocka_unit_test(articles_of_the_clients_may_be_pipelined),
        cmocka_unit_test(a_reply_inside_the_article_ends_the_session),
        cmocka_unit_test(streams_pass),
        cmocka_unit_test(an_article_may_come_unasked_before_a_server_that_streams),
        cmocka_unit_test(no_article_comes_unasked_before_other_servers),
        cmocka_unit_test(no_article_comes_unasked_behind_a_line_that_is_too_long),
        cmocka_unit_test(where_passwords_may_pass_any_server_may_be_sent_an_article),
        cmocka_unit_test(a_reply_to_an_article_that_is_not_over_ends_the_session),
        cmocka_unit_test(nothing_secret_hides_behind_another_end_of_an_article),
        cmocka_unit_test(nothing_secret_hides_in_a_later_article_either),
        cmocka_unit_test(odd_ends_of_lines_are_no_reason_to_end),
        cmocka_unit_test(compression_would_hide_what_follows),
        cmocka_unit_test(batches_are_not_followed),
        cmocka_unit_test(replies_keep_their_order),
        cmocka_unit_test(pipelines_longer_than_we_count),
        cmocka_unit_test(commands_unknown_to_both_are_counted),
        cmocka_unit_test(the_client_waits_for_the_greeting),
        cmocka_unit_test(a_refusal_in_the_greeting_passes),
        cmocka_unit_test(other_protocols_are_not_spoken),
        cmocka_unit_test(the_upstreams_last_word_passes),
        cmocka_unit_test(replies_without_end_are_bounded),
        cmocka_unit_test(long_lists_pass),
        cmocka_unit_test(a_long_login_may_be_refused_before_it_ends),
        cmocka_unit_test(inside_takes_the_upgrade_out),
        cmocka_unit_test(inside_real_work_ends_the_watch_in_its_turn),
        cmocka_unit_test(inside_an_empty_line_may_have_no_answer),
        cmocka_unit_test(upgraded_swallows_the_greeting),
        cmocka_unit_test(our_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
