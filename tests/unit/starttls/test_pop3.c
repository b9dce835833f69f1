/* test_pop3.c - POP3 dialogues around STLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/starttls/pop3.h"

#define MODULE starttls_pop3
#include "lines.h"

#define HI       "+OK front.example ready\r\n"
#define LIST     "+OK Capability list follows\r\nRESP-CODES\r\nSTLS\r\n.\r\n"
#define OLD_LIST "+OK Capability list follows\r\nSTLS\r\n.\r\n"
#define READY    "+OK Begin TLS negotiation\r\n"
#define NO_ARGS  "-ERR STLS takes no arguments\r\n"
#define FIRST    "-ERR Must issue a STLS command first\r\n"
#define NO_LOGIN "-ERR [SYS/PERM] Must issue a STLS command first\r\n"
#define UNKNOWN  "-ERR Unknown command\r\n"
#define SYNTAX   "-ERR Syntax error\r\n"
#define ACTIVE   "-ERR Already on TLS\r\n"
#define NOT_YOU  "-ERR Insufficient authorization\r\n"
#define DOWN     "-ERR [SYS/TEMP] Service not available, try again later\r\n"
#define GOODBYE  "-ERR Too many errors, closing connection\r\n"
#define WEB      "-ERR This is not a web server\r\n"

/* A greeting that every upstream might give. */
#define G "+OK old.example\r\n"

/* ---- required ---- */

static void required_capa_and_stls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("CAPA\r\n"), C("STLS\r\n")};
    SCENE(required, turns, HI LIST READY, .end = DIALOGUE_UPGRADE);
}

static void required_quit(void **state)
{
    (void)state;
    const struct turn turns[] = {C("QUIT\r\nSTLS\r\n")};
    SCENE(required, turns, HI "+OK Bye\r\n", .end = DIALOGUE_CLOSE);
}

static void required_refuses_all_else(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("USER bob\r\nPASS x y\r\nAPOP bob 0\r\nAUTH\r\nAUTH PLAIN AGEAYg==\r\nNOOP\r\nSTLSX\r\n"
          "XCLIENT ADDR=::1\r\nLIST\r\n")};
    SCENE(required, turns, HI NO_LOGIN NO_LOGIN NO_LOGIN NO_LOGIN NO_LOGIN FIRST FIRST FIRST FIRST);
}

static void required_stls_takes_no_arguments(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STLS now\r\nSTLS\r\n")};
    SCENE(required, turns, HI NO_ARGS READY, .end = DIALOGUE_UPGRADE);
}

static void required_leaves_what_is_behind_stls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STLS\r\nUSER evil\r\n")};
    SCENE(required, turns, HI READY, .end = DIALOGUE_UPGRADE, .left = 11);
    const struct turn later[] = {C("STLS\r\n"), C("STLS\r\n")};
    SCENE(required, later, HI READY, .end = DIALOGUE_UPGRADE, .left = 6);
}

static void required_case_blanks_and_bare_lf(void **state)
{
    (void)state;
    const struct turn turns[] = {C("cApA\nstls \t\nX")};
    SCENE(required, turns, HI LIST READY, .end = DIALOGUE_UPGRADE, .left = 1);
}

static void required_bytes_that_are_no_text(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("STLS\0\r\nST\rLS\r\nSTLS\r\r\n\r\n STLS\r\n\xc3\xa4\xff\r\nSTLS\r\n")};
    SCENE(required, turns, HI SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX SYNTAX READY,
          .end = DIALOGUE_UPGRADE);
}

static void required_ends_after_too_many_errors(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nCAPA\r\nK\r\nL\r\n")};
    SCENE(required, turns,
          HI FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST LIST FIRST GOODBYE,
          .end = DIALOGUE_CLOSE);
}

static void a_browser_is_sent_away(void **state)
{
    (void)state;
    const struct turn turns[] = {C("POST / HTTP/1.1\r\nUSER bob\r\n")};
    SCENE(required, turns, HI WEB, .end = DIALOGUE_CLOSE);
    const struct turn passing[] = {U(G), C("GET / HTTP/1.1\r\nUSER bob\r\n")};
    SCENE(trusting, passing, G WEB, .end = DIALOGUE_CLOSE);
}

static void lines_far_too_long_end_the_session(void **state)
{
    (void)state;
    long_lines(&required, "",
               (struct outcome){.to_client = HI "-ERR Line too long\r\n", .end = DIALOGUE_CLOSE});
    long_lines(&optional, G,
               (struct outcome){.to_client = G "-ERR Line too long\r\n", .end = DIALOGUE_CLOSE});
    long_lines(&trusting, G,
               (struct outcome){.to_client = G "-ERR Line too long\r\n", .end = DIALOGUE_CLOSE});
}

/* ---- optional ---- */

static void optional_adds_the_upgrade_and_holds_passwords_back(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("CAPA\r\n"),
        U("+OK\r\nTOP\r\nUSER\r\nsasl PLAIN LOGIN\r\nstls\r\nSTLSX\r\nUSERS\r\nUTF8 USER\r\n.\r\n"),
        C("STLS\r\n")};
    SCENE(optional, turns, G "+OK\r\nTOP\r\nSTLSX\r\nUSERS\r\nUTF8 USER\r\nSTLS\r\n.\r\n" READY,
          .to_upstream = "CAPA\r\n", .end = DIALOGUE_UPGRADE);
}

static void optional_shows_passwords_where_they_may_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPA\r\n"), U("+OK\r\nUSER\r\nSASL PLAIN\r\n.\r\n")};
    SCENE(trusting, turns, G "+OK\r\nUSER\r\nSASL PLAIN\r\nSTLS\r\n.\r\n",
          .to_upstream = "CAPA\r\n");
}

static void capabilities_that_are_no_text_are_taken_out(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPA\r\n"),
                                 U("+OK\r\n STLS\r\nA\rSTLS\r\nB\0C\r\nTOP\n.\n")};
    SCENE(optional, turns, G "+OK\r\nTOP\r\nSTLS\r\n.\r\n", .to_upstream = "CAPA\r\n");
    static const char plain[] = G "+OK\r\nA\rSTLS\r\nB\0C\r\nTOP\n.\n";
    const struct scene as_it_came = {.name = "inside",
                                     .facts = inside,
                                     .turns = turns,
                                     .count = COUNT(turns),
                                     .to_client = plain,
                                     .to_client_size = sizeof plain - 1,
                                     .to_upstream = "CAPA\r\n"};
    scene_check(&starttls_pop3, &as_it_came);
}

static void optional_a_server_too_old_for_capa(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPA\r\n"), U("-ERR what?\r\n"), C("STLS\r\n")};
    SCENE(optional, turns, G OLD_LIST READY, .to_upstream = "CAPA\r\n", .end = DIALOGUE_UPGRADE);
    const struct turn allowed[] = {U(G), C("CAPA\r\n"), U("-ERR what?\r\n")};
    SCENE(trusting, allowed, G "+OK Capability list follows\r\nUSER\r\nSTLS\r\n.\r\n",
          .to_upstream = "CAPA\r\n");
    SCENE(inside, allowed, G "-ERR what?\r\n", .to_upstream = "CAPA\r\n");
}

static void optional_refuses_passwords(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("USER bob\r\nPASS secret\r\nAPOP bob 0\r\nAUTH\r\nrpop x\r\nUSER\tbob\r\nNOOP\r\n"),
        U("-ERR no\r\n")};
    SCENE(optional, turns, G NO_LOGIN NO_LOGIN NO_LOGIN NO_LOGIN NO_LOGIN NO_LOGIN "-ERR no\r\n",
          .to_upstream = "NOOP\r\n");
}

/* K-9 Mail and older Thunderbirds ask so for the mechanisms, before CAPA and STLS. */
static void a_command_alone_is_no_login(void **state)
{
    (void)state;
    alone_is_no_login(G, "AUTH\r\nUSER\r\nPASS\r\nAPOP \r\nRPOP\r\n", "AUTH PLAIN AGEAYg==\r\n");
    alone_is_no_login(G, "auth\n", "AUTH\r\nUSER bob\r\nAUTH\r\nPASS x\r\n");
    const struct turn turns[] = {U(G), C("AUTH\r\nXFOO\r\n"), U("-ERR\r\n"), C("STLS\r\n")};
    SCENE(optional, turns, G NO_LOGIN "-ERR\r\n" READY, .to_upstream = "XFOO\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void optional_never_passes_what_follows_a_refused_auth(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("AUTH LOGIN\r\nYm9i\r\nc2VjcmV0\r\nAHg=\r\nQUIT\r\n"),
                                 U("+OK\r\n")};
    SCENE(optional, turns, G NO_LOGIN UNKNOWN UNKNOWN SYNTAX "+OK\r\n", .to_upstream = "QUIT\r\n");
}

static void optional_takes_the_apop_timestamp_out(void **state)
{
    (void)state;
    const struct turn turns[] = {U("+OK POP3  server ready <1896.69@old>\r\n")};
    SCENE(optional, turns, "+OK POP3 server ready\r\n");
    SCENE(trusting, turns, "+OK POP3 server ready <1896.69@old>\r\n");
    SCENE(inside, turns, "+OK POP3  server ready <1896.69@old>\r\n");
    const struct turn glued[] = {U("+OK ready.<1@old>\r\n")};
    SCENE(optional, glued, "+OK ready.\r\n");
}

static void optional_login_in_clear_ends_the_watch(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),          C("USER bob\r\nPASS  a b \r\n"),   U("+OK\r\n-ERR no\r\n"),
        C("PASS x\r"), C("\nSTAT\nRETR 1\r\n\xff\rSTLS"), U("+OK\r\n+OK 0 0\r\n")};
    SCENE(trusting, turns, G "+OK\r\n-ERR no\r\n+OK\r\n+OK 0 0\r\n",
          .to_upstream = "USER bob\r\nPASS  a b \r\nPASS x\r\nSTAT\r\nRETR 1\r\n\xff\rSTLS",
          .end = DIALOGUE_RELAY);
}

static void authentication_exchanges(void **state)
{
    (void)state;
    const struct turn failed[] = {
        U(G),       C("AUTH LOGIN\r\n"), U("+ VXNlcg==\r\n"),    C("Ym9i\r\n"),
        U("+\r\n"), C("*\r\nQUIT\r\n"),  U("-ERR given up\r\n"), U("+OK\r\n")};
    SCENE(trusting, failed, G "+ VXNlcg==\r\n+\r\n-ERR given up\r\n+OK\r\n",
          .to_upstream = "AUTH LOGIN\r\nYm9i\r\n*\r\nQUIT\r\n");
    const struct turn done[] = {U(G), C("CAPA\r\nAUTH PLAIN AHg=\r\nX\r\n"), U("+OK\r\n.\r\n"),
                                U("+OK in\r\n+OK x\r\n")};
    SCENE(inside, done, G "+OK\r\n.\r\n+OK in\r\n+OK x\r\n",
          .to_upstream = "CAPA\r\nAUTH PLAIN AHg=\r\nX\r\n", .end = DIALOGUE_RELAY);
    const struct turn list[] = {U(G), C("AUTH\r\n"), U("+OK\r\nLOGIN\r\nSTLS\r\n.\r\n"),
                                C("STLS\r\n")};
    SCENE(inside, list, G "+OK\r\nLOGIN\r\nSTLS\r\n.\r\n" ACTIVE, .to_upstream = "AUTH\r\n");
}

static void an_exchange_begins_when_all_else_is_replied_to(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("PASS x\r\nAUTH LOGIN\r\nYm9i\r\n"), U("-ERR\r\n"),
                                 U("+ \r\n"), U("-ERR no\r\n")};
    SCENE(trusting, turns, G "-ERR\r\n+ \r\n-ERR no\r\n",
          .to_upstream = "PASS x\r\nAUTH LOGIN\r\nYm9i\r\n");
}

static void exchange_begins_ntlm_with_ok(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("auth ntlm\r\n"),
                                 U("+OK\r\n"),
                                 C("TlRMTQ==\r\n"),
                                 U("+ TlRMTQ==\r\n"),
                                 C("TlRMTR==\r\n"),
                                 U("-ERR no\r\n"),
                                 C("STLS\r\n")};
    SCENE(inside, turns, G "+OK\r\n+ TlRMTQ==\r\n-ERR no\r\n" ACTIVE,
          .to_upstream = "auth ntlm\r\nTlRMTQ==\r\nTlRMTR==\r\n");
    const struct turn unknown[] = {U(G), C("AUTH NTLM\r\nSTLS\r\n"), U("-ERR no\r\n")};
    SCENE(inside, unknown, G "-ERR no\r\n" ACTIVE, .to_upstream = "AUTH NTLM\r\n");
}

static void responses_that_are_no_lines_end_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("AUTH LOGIN\r\n"), U("+ \r\n"), C("a\0b\r\nUSER x\r\n")};
    SCENE(trusting, turns, G "+ \r\n-ERR Cannot decode response\r\n",
          .to_upstream = "AUTH LOGIN\r\n", .end = DIALOGUE_CLOSE);
}

static void replies_keep_their_order(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("NOOP\r\nCAPA\r\nSTLS x\r\nUTF8\r\nSTLS\r\n"),
                                 U("-ERR no\r\n"), U("+OK\r\n.\r\n"), U("+OK utf8\r\n")};
    SCENE(optional, turns, G "-ERR no\r\n+OK\r\nSTLS\r\n.\r\n" NO_ARGS "+OK utf8\r\n" READY,
          .to_upstream = "NOOP\r\nCAPA\r\nUTF8\r\n", .end = DIALOGUE_UPGRADE);
}

/* The upstream hears no more at once than we count, and replies to what it has heard. */
static void pipelines_longer_than_we_count(void **state)
{
    (void)state;
    long_pipeline(optional, G, G, "NOOP\r\n", "+OK\r\n");
}

static void languages_may_be_a_list(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("LANG\r\nLANG de\r\nLANG\r\nSTLS\r\n"),
                                 U("+OK\r\nde\r\n..\r\n.\r\n+OK gut\r\n-ERR no\r\n")};
    SCENE(optional, turns, G "+OK\r\nde\r\n..\r\n.\r\n+OK gut\r\n-ERR no\r\n" READY,
          .to_upstream = "LANG\r\nLANG de\r\nLANG\r\n", .end = DIALOGUE_UPGRADE);
}

/* Where they end is anybody's guess, and so is what a reply of ours would be read as. */
/* Servers answer HELP so, and put empty lines in between. */
static void lines_that_are_no_replies_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("HELP\r\nNOOP\r\n"),
                                 U("+OK\r\nask\r\n.\r\n\r\n+OK noop\r\n"), C("STLS\r\n")};
    const char *const heard = G "+OK\r\nask\r\n.\r\n\r\n+OK noop\r\n";
    char *begun = join(heard, READY), *active = join(heard, ACTIVE);
    SCENE(optional, turns, begun, .to_upstream = "HELP\r\nNOOP\r\n", .end = DIALOGUE_UPGRADE);
    SCENE(inside, turns, active, .to_upstream = "HELP\r\nNOOP\r\n");
    free(begun);
    free(active);
}

static void commands_unknown_to_both_are_counted(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\n"),
        U("-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n"
          "-ERR\r\n")};
    SCENE(optional, turns,
          G "-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n-ERR\r\n"
            "-ERR\r\n" GOODBYE,
          .to_upstream = "A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\n",
          .end = DIALOGUE_CLOSE);
}

/* ---- the upstream ---- */

static void the_client_waits_for_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STLS\r\n"), U(G)};
    SCENE(optional, turns, G READY, .end = DIALOGUE_UPGRADE);
    const struct turn pass[] = {C("QUIT\r\n"), U(G), U("+OK\r\n")};
    SCENE(inside, pass, G "+OK\r\n", .to_upstream = "QUIT\r\n");
}

static void a_refusal_in_the_greeting_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U("-ERR [SYS/TEMP] full\r\n+OK\r\n"), C("CAPA\r\n")};
    SCENE(optional, turns, "-ERR [SYS/TEMP] full\r\n", .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, "-ERR [SYS/TEMP] full\r\n+OK\r\n", .to_upstream = "CAPA\r\n");
}

static void other_protocols_are_not_spoken(void **state)
{
    (void)state;
    const struct turn turns[] = {U("220 old ESMTP\r\n")};
    SCENE(optional, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, "220 old ESMTP\r\n");
}

static void the_upstreams_last_word_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), U("-ERR too slow\r\n-ERR again\r\n")};
    SCENE(optional, turns, G "-ERR too slow\r\n", .end = DIALOGUE_CLOSE);
    const struct turn early[] = {U(G), U("+OK who asked?\r\n")};
    SCENE(optional, early, G DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, early, G "+OK who asked?\r\n");
}

static void replies_without_end_are_bounded(void **state)
{
    (void)state;
    endless(&optional, "", "", "+OK ", "x", DOWN);
    endless(&upgraded, "", "", "+OK ", "x", DOWN);
    endless(&optional, G, "NOOP\r\n", "-ERR", " x", G DOWN);
    endless(&optional, G, "CAPA\r\n", "+OK\r\n", "x", G "+OK\r\n" DOWN);
}

static void long_lists_pass(void **state)
{
    (void)state;
    long_list(G, "CAPA\r\n", "+OK\r\n", "STLS\r\n", ".\r\n");
}

/* ---- inside ---- */

static void a_long_login_may_be_refused_before_it_ends(void **state)
{
    (void)state;
    refused_in_the_middle(G, "AUTH GSSAPI ", "-ERR too long\r\n", "CAPA\r\n",
                          "+OK\r\nSTLS\r\n.\r\n", "+OK\r\n.\r\n");
}

static void inside_white_space_hides_no_verb(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("\rXCLIENT ADDR=::1\r\n\v\fSTLS\v\r\nXCLIENT\x01X\r\n\rNOOP\n"), U("+OK\r\n")};
    SCENE(inside, turns, G NOT_YOU ACTIVE NOT_YOU "+OK\r\n", .to_upstream = "\rNOOP\n");
}

static void inside_an_empty_line_may_have_no_answer(void **state)
{
    (void)state;
    const struct turn silent[] = {U(G), C("\r\nSTLS\r\nCAPA\r\n"),
                                  U("+OK\r\nSTLS\r\nUSER\r\n.\r\n"), C("STLS\r\n")};
    SCENE(inside, silent, G ACTIVE "+OK\r\nUSER\r\n.\r\n" ACTIVE, .to_upstream = "\r\nCAPA\r\n");
    const struct turn answers[] = {U(G), C("\r\nCAPA\r\n"),
                                   U("-ERR what?\r\n+OK\r\nSTLS\r\nUSER\r\n.\r\n"), C("STLS\r\n")};
    SCENE(inside, answers, G "-ERR what?\r\n+OK\r\nUSER\r\n.\r\n" ACTIVE,
          .to_upstream = "\r\nCAPA\r\n");
}

static void inside_takes_the_upgrade_out(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("CAPA\r\nSTLS\r\n"),
                                 U("+OK\r\nUSER\r\nStls\r\nXCLIENT\r\nSTLSX\r\n.\r\n"),
                                 C("stls now\r\n")};
    SCENE(inside, turns, G "+OK\r\nUSER\r\nSTLSX\r\n.\r\n" ACTIVE ACTIVE,
          .to_upstream = "CAPA\r\n");
}

static void upgraded_swallows_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("CAPA\r\n"), U("+OK <1@old>\r\n"), U("+OK\r\nTOP\r\n.\r\n")};
    SCENE(upgraded, turns, "+OK\r\nTOP\r\n.\r\n", .to_upstream = "CAPA\r\n");
    const struct turn refused[] = {C("CAPA\r\n"), U("-ERR full\r\n")};
    SCENE(upgraded, refused, DOWN, .end = DIALOGUE_CLOSE);
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
    const struct turn turns[] = {C("CAPA\r\n"), U("+OK [XCLIENT] Dovecot <1@old>\r\n"),
                                 U("+OK Updated\r\n"), U("+OK\r\n.\r\n")};
    SCENE(telling(inside, "192.0.2.7"), turns, "+OK Dovecot <1@old>\r\n+OK\r\n.\r\n",
          .to_upstream = "XCLIENT ADDR=192.0.2.7 PORT=4711 SESSION=s1\r\nCAPA\r\n");
    SCENE(telling(upgraded, "2001:db8::1"), turns, "+OK\r\n.\r\n",
          .to_upstream = "XCLIENT ADDR=2001:db8::1 PORT=4711 SESSION=s1\r\nCAPA\r\n");
    SCENE(telling(optional, "192.0.2.7"), turns, "+OK Dovecot\r\n+OK\r\nSTLS\r\n.\r\n",
          .to_upstream = "XCLIENT ADDR=192.0.2.7 PORT=4711 SESSION=s1\r\nCAPA\r\n");
}

static void xclient_refused_goes_on_without(void **state)
{
    (void)state;
    const struct turn turns[] = {C("QUIT\r\n"), U("+OK [XCLIENT]\r\n"), U("-ERR no\r\n"),
                                 U("+OK\r\n")};
    SCENE(telling(inside, "::1"), turns, "+OK\r\n+OK\r\n",
          .to_upstream = "XCLIENT ADDR=::1 PORT=4711 SESSION=s1\r\nQUIT\r\n");
}

static void xclient_not_announced_is_not_sent(void **state)
{
    (void)state;
    const struct turn turns[] = {U("+OK [XCLIENTS] XCLIENT\r\n"), C("QUIT\r\n"), U("+OK\r\n")};
    SCENE(telling(inside, "::1"), turns, "+OK [XCLIENTS] XCLIENT\r\n+OK\r\n",
          .to_upstream = "QUIT\r\n");
    const struct turn nobody[] = {U("+OK [XCLIENT] hi\r\n"), C("QUIT\r\n"), U("+OK\r\n")};
    SCENE(inside, nobody, "+OK hi\r\n+OK\r\n", .to_upstream = "QUIT\r\n");
}

static void the_clients_identity_is_ours_to_tell(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("XCLIENT ADDR=10.0.0.1\r\n")};
    SCENE(inside, turns, G NOT_YOU);
    SCENE(trusting, turns, G NOT_YOU);
}

static void our_refusals(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        [REFUSE_UPSTREAM_DOWN] = DOWN,
        [REFUSE_TOO_MANY] = "-ERR [SYS/TEMP] Too many connections, try again later\r\n",
        [REFUSE_DRAINING] = "-ERR [SYS/TEMP] Service is shutting down, try again later\r\n",
        [REFUSE_TIMEOUT] = "-ERR [SYS/TEMP] Timeout, closing connection\r\n",
    };
    for (int why = REFUSE_UPSTREAM_DOWN; why <= REFUSE_TIMEOUT; why++) {
        struct buf b;
        buf_init(&b, 200);
        starttls_pop3.refuse((enum starttls_refusal)why, "h", &b);
        assert_int_equal(b.size, strlen(wanted[why]));
        assert_memory_equal(b.data, wanted[why], b.size);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_capa_and_stls),
        cmocka_unit_test(required_quit),
        cmocka_unit_test(required_refuses_all_else),
        cmocka_unit_test(required_stls_takes_no_arguments),
        cmocka_unit_test(required_leaves_what_is_behind_stls),
        cmocka_unit_test(required_case_blanks_and_bare_lf),
        cmocka_unit_test(required_bytes_that_are_no_text),
        cmocka_unit_test(required_ends_after_too_many_errors),
        cmocka_unit_test(a_browser_is_sent_away),
        cmocka_unit_test(lines_far_too_long_end_the_session),
        cmocka_unit_test(optional_adds_the_upgrade_and_holds_passwords_back),
        cmocka_unit_test(optional_shows_passwords_where_they_may_pass),
        cmocka_unit_test(capabilities_that_are_no_text_are_taken_out),
        cmocka_unit_test(optional_a_server_too_old_for_capa),
        cmocka_unit_test(optional_refuses_passwords),
        cmocka_unit_test(a_command_alone_is_no_login),
        cmocka_unit_test(optional_never_passes_what_follows_a_refused_auth),
        cmocka_unit_test(optional_takes_the_apop_timestamp_out),
        cmocka_unit_test(optional_login_in_clear_ends_the_watch),
        cmocka_unit_test(authentication_exchanges),
        cmocka_unit_test(an_exchange_begins_when_all_else_is_replied_to),
        cmocka_unit_test(exchange_begins_ntlm_with_ok),
        cmocka_unit_test(responses_that_are_no_lines_end_the_session),
        cmocka_unit_test(replies_keep_their_order),
        cmocka_unit_test(pipelines_longer_than_we_count),
        cmocka_unit_test(languages_may_be_a_list),
        cmocka_unit_test(lines_that_are_no_replies_pass),
        cmocka_unit_test(commands_unknown_to_both_are_counted),
        cmocka_unit_test(the_client_waits_for_the_greeting),
        cmocka_unit_test(a_refusal_in_the_greeting_passes),
        cmocka_unit_test(other_protocols_are_not_spoken),
        cmocka_unit_test(the_upstreams_last_word_passes),
        cmocka_unit_test(replies_without_end_are_bounded),
        cmocka_unit_test(long_lists_pass),
        cmocka_unit_test(a_long_login_may_be_refused_before_it_ends),
        cmocka_unit_test(inside_white_space_hides_no_verb),
        cmocka_unit_test(inside_an_empty_line_may_have_no_answer),
        cmocka_unit_test(inside_takes_the_upgrade_out),
        cmocka_unit_test(upgraded_swallows_the_greeting),
        cmocka_unit_test(xclient_tells_who_the_client_is),
        cmocka_unit_test(xclient_refused_goes_on_without),
        cmocka_unit_test(xclient_not_announced_is_not_sent),
        cmocka_unit_test(the_clients_identity_is_ours_to_tell),
        cmocka_unit_test(our_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
