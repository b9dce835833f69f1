/* test_smtp.c - SMTP and LMTP dialogues around STARTTLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/starttls/smtp.h"

#define MODULE starttls_smtp
#include "lines.h"

#define HI         "220 front.example ESMTP\r\n"
#define LIST       "250-front.example\r\n250-ENHANCEDSTATUSCODES\r\n250 STARTTLS\r\n"
#define READY      "220 2.0.0 Ready to start TLS\r\n"
#define FIRST      "530 5.7.0 Must issue a STARTTLS command first\r\n"
#define UNKNOWN    "500 5.5.2 Syntax error, command unrecognized\r\n"
#define CONTROL    "500 5.5.2 Syntax error, control character in command\r\n"
#define DOWN       "421 front.example Service not available, try again later\r\n"
#define GOODBYE    "421 4.7.0 front.example Too many errors, closing connection\r\n"
#define NO_AUTH    "538 5.7.11 Encryption required for requested authentication mechanism\r\n"
#define ACTIVE     "503 5.5.1 TLS is already active\r\n"
#define NOT_YOU    "550 5.7.0 Insufficient authorization\r\n"
#define NO_COMMAND "502 5.5.1 Command not implemented\r\n"

/* A greeting and an EHLO that every upstream might give. */
#define G    "220 old.example ready\r\n"
#define EHLO "EHLO me\r\n"
#define E_UP "250-old.example\r\n250 SIZE\r\n"
#define E_TO "250-old.example\r\n250-SIZE\r\n250 STARTTLS\r\n"

/* ---- required ---- */

static void required_ehlo_and_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("EHLO me.example\r\n"), C("STARTTLS\r\n")};
    SCENE(required, turns, HI LIST READY, .end = DIALOGUE_UPGRADE);
}

static void required_knows_the_few_commands_of_its_own(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("HELO me\r\nLHLO me\r\nEHLO [::1]\r\nNOOP x\r\nRSET\r\nQUIT\r\nX")};
    SCENE(required, turns,
          HI "250 front.example\r\n" LIST LIST "250 2.0.0 OK\r\n250 2.0.0 OK\r\n221 2.0.0 Bye\r\n",
          .end = DIALOGUE_CLOSE);
}

static void required_refuses_all_else(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("MAIL FROM:<a@b>\r\nAUTH PLAIN AGEAYg==\r\nSTARTTLSX\r\nBDAT 3\r\n"
          "EHLO\r\nHELO \r\n")};
    SCENE(required, turns,
          HI FIRST FIRST FIRST FIRST
          "501 5.5.4 Hostname required\r\n501 5.5.4 Hostname required\r\n");
}

static void required_starttls_takes_no_parameters(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS now\r\nSTARTTLS\r\n")};
    SCENE(required, turns, HI "501 5.5.4 Syntax error (no parameters allowed)\r\n" READY,
          .end = DIALOGUE_UPGRADE);
}

static void required_leaves_what_is_behind_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("STARTTLS\r\nEHLO evil\r\n")};
    SCENE(required, turns, HI READY, .end = DIALOGUE_UPGRADE, .left = 11);
    const struct turn later[] = {C("STARTTLS\r\n"), C("RSET\r\n")};
    SCENE(required, later, HI READY, .end = DIALOGUE_UPGRADE, .left = 6);
}

static void required_case_blanks_and_bare_lf(void **state)
{
    (void)state;
    const struct turn turns[] = {C("eHlO me\nnoop\n \t starttls \t\nX")};
    SCENE(required, turns, HI LIST "250 2.0.0 OK\r\n" READY, .end = DIALOGUE_UPGRADE, .left = 1);
}

static void required_bytes_that_are_no_text(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("STARTTLS\0\r\nSTART\rTLS\r\nNOOP\x7f\r\nSTARTTLS\r\r\n\r\n\xc3\xa4\xff\r\n"
          "STARTTLS\r\n")};
    SCENE(required, turns, HI CONTROL CONTROL CONTROL CONTROL UNKNOWN UNKNOWN READY,
          .end = DIALOGUE_UPGRADE);
}

static void required_ends_after_too_many_errors(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nNOOP\r\nK\r\nL\r\n")};
    SCENE(required, turns,
          HI FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST
          "250 2.0.0 OK\r\n" FIRST GOODBYE,
          .end = DIALOGUE_CLOSE);
}

static void a_browser_is_sent_away(void **state)
{
    (void)state;
    const struct turn turns[] = {C("POST / HTTP/1.1\r\nSTARTTLS\r\n")};
    SCENE(required, turns, HI "500 5.5.1 This is not a web server\r\n", .end = DIALOGUE_CLOSE);
    const struct turn in[] = {U(G), C("GET / HTTP/1.1\r\nHost: x\r\n")};
    SCENE(inside, in, G "500 5.5.1 This is not a web server\r\n", .end = DIALOGUE_CLOSE);
}

/* Too long for every cut: whole, and in steps that are large and odd. */
static void long_line(const struct dialogue_facts *facts, size_t size, bool ended,
                      const char *wanted)
{
    char *line = malloc(size + 2);
    assert_non_null(line);
    memset(line, 'A', size);
    memcpy(line + size, "\r\n", 2);
    const struct turn turns[] = {{UPSTREAM, G, 0}, {CLIENT, line, ended ? size + 2 : size}};
    const bool speaks = facts->mode != DIALOGUE_REQUIRED;
    const struct scene sc = {
        .name = "long line",
        .facts = *facts,
        .turns = speaks ? turns : turns + 1,
        .count = speaks ? 2 : 1,
        .to_client = wanted,
        .end = DIALOGUE_CLOSE,
    };
    play(&starttls_smtp, &sc, sc.count, 0, 0, "whole");
    play(&starttls_smtp, &sc, sc.count, 0, 4093, "in steps");
    free(line);
}

static void lines_have_a_limit(void **state)
{
    (void)state;
    const size_t sizes[] = {12290, 65536, 1 << 20};
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (int ended = 0; ended < 2; ended++) {
            long_line(&required, sizes[i], ended != 0, HI "500 5.5.2 Line too long\r\n");
            long_line(&optional, sizes[i], ended != 0, G "500 5.5.2 Line too long\r\n");
        }
}

/* ---- optional: capabilities ---- */

static void optional_adds_the_upgrade_to_the_real_list(void **state)
{
    (void)state;
    const struct turn turns[] = {U("220-old.example\r\n220 ready\r\n"), C("EHLO me.example\r\n"),
                                 U("250-old.example hello\r\n250-8BITMIME\r\n250 SIZE 1000\r\n"),
                                 C("STARTTLS\r\n")};
    SCENE(optional, turns,
          "220-old.example\r\n220 ready\r\n"
          "250-old.example hello\r\n250-8BITMIME\r\n250-SIZE 1000\r\n250 STARTTLS\r\n" READY,
          "EHLO me.example\r\n", .end = DIALOGUE_UPGRADE);
}

static void optional_list_of_one_line(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C(EHLO), U("250 old.example\r\n")};
    SCENE(optional, turns, G "250-old.example\r\n250 STARTTLS\r\n", EHLO);
    const struct turn bare[] = {U(G), C(EHLO), U("250\r\n")};
    SCENE(optional, bare, G "250-\r\n250 STARTTLS\r\n", EHLO);
}

static void optional_holds_back_passwords_and_what_is_ours(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C(EHLO),
        U("250-old\r\n250-STARTTLS\r\n250-auth LOGIN PLAIN\r\n250-AUTH=LOGIN\r\n250-SIZE 5\r\n"
          "250-X-EXPS GSSAPI\r\n250-X-EXPS=LOGIN\r\n250-XCLIENT ADDR\r\n250-XFORWARD ADDR\r\n"
          "250-X-ANONYMOUSTLS\r\n250-AUTHX\r\n250-STARTTLSX\r\n250 starttls\r\n")};
    SCENE(optional, turns,
          G "250-old\r\n250-SIZE 5\r\n250-AUTHX\r\n250-STARTTLSX\r\n250 STARTTLS\r\n", EHLO);
    SCENE(trusting, turns,
          G
          "250-old\r\n250-auth LOGIN PLAIN\r\n250-AUTH=LOGIN\r\n250-SIZE 5\r\n250-X-EXPS GSSAPI\r\n"
          "250-X-EXPS=LOGIN\r\n250-AUTHX\r\n250-STARTTLSX\r\n250 STARTTLS\r\n",
          EHLO);
}

static void optional_last_line_is_held_back(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C(EHLO), U("250-old\r\n250-SIZE\r\n250 AUTH PLAIN\r\n")};
    SCENE(optional, turns, G "250-old\r\n250-SIZE\r\n250 STARTTLS\r\n", EHLO);
}

static void lists_that_are_not_quite_lists(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C(EHLO),
                                 U("250-old\n250-\r\n250-  STARTTLS\r\n250-SI\rZE\r\n"
                                   "250-NU\0L\r\n250-DSN\n500-STARTTLS\r\n500 STARTTLS\r\n"),
                                 C("NOOP\r\n"), U("250 ok\r\n")};
    SCENE(optional, turns, G "250-old\r\n250-\r\n250-DSN\r\n250 STARTTLS\r\n250 ok\r\n",
          EHLO "NOOP\r\n");
    static const char plain[] = G "250-old\n250-\r\n250-SI\rZE\r\n250-NU\0L\r\n250-DSN\n"
                                  "500-STARTTLS\r\n500 STARTTLS\r\n250 ok\r\n";
    const struct scene as_it_came = {.name = "inside",
                                     .facts = inside,
                                     .turns = turns,
                                     .count = COUNT(turns),
                                     .to_client = plain,
                                     .to_client_size = sizeof plain - 1,
                                     .to_upstream = EHLO "NOOP\r\n"};
    scene_check(&starttls_smtp, &as_it_came);
}

static void optional_upstream_too_old_for_ehlo(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("EHLO me.example\r\nSTARTTLS\r\n"),
                                 U("500-what?\r\n500 unknown\r\n"), U("250 old.example\r\n")};
    SCENE(optional, turns, G "250-old.example\r\n250 STARTTLS\r\n" READY,
          "EHLO me.example\r\nHELO me.example\r\n", .end = DIALOGUE_UPGRADE);
    const struct turn again[] = {U(G),
                                 C(EHLO),
                                 U("502 unknown\r\n"),
                                 U("250 old.example\r\n"),
                                 C("EHLO you\r\nNOOP\r\n"),
                                 U("502 unknown\r\n"),
                                 U("250 old.example\r\n"),
                                 U("250 ok\r\n")};
    SCENE(optional, again,
          G "250-old.example\r\n250 STARTTLS\r\n250-old.example\r\n250 STARTTLS\r\n250 ok\r\n",
          "EHLO me\r\nHELO me\r\nEHLO you\r\nHELO you\r\nNOOP\r\n");
}

static void optional_hello_refused(void **state)
{
    (void)state;
    const struct turn helo[] = {
        U(G),          C(EHLO),         U("500 unknown\r\n"), U("501 your name!\r\n"),
        C("QUIT\r\n"), U("221 bye\r\n")};
    SCENE(optional, helo, G "501 your name!\r\n221 bye\r\n", "EHLO me\r\nHELO me\r\nQUIT\r\n");
    static const char *const unknown[] = {"500 what?\r\n",         "501 what?\r\n", "502 what?\r\n",
                                          "503 what?\r\n",         "504 what?\r\n", "554 what?\r\n",
                                          "550-go\r\n550 away\r\n"};
    for (size_t i = 0; i < COUNT(unknown); i++) {
        const struct turn old[] = {U(G), C(EHLO), {UPSTREAM, unknown[i], 0}, U("250 hi\r\n")};
        SCENE(optional, old, G "250-hi\r\n250 STARTTLS\r\n", EHLO "HELO me\r\n");
    }
    const struct turn ehlo[] = {U(G), C(EHLO), U("421-go\r\n421 away\r\n"), C("NOOP\r\n")};
    SCENE(optional, ehlo, G "421-go\r\n421 away\r\n", EHLO "NOOP\r\n");
    const struct turn lhlo[] = {U(G), C("LHLO me\r\n"), U("500 unknown\r\n")};
    SCENE(optional, lhlo, G "500 unknown\r\n", "LHLO me\r\n");
}

static void optional_upstream_that_knows_no_hello_at_all(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C(EHLO), U("500 what\r\n"), U("500 what again\r\n"),
                                 C("STARTTLS\r\n")};
    SCENE(optional, turns, G "500 what again\r\n" READY, "EHLO me\r\nHELO me\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void optional_helo_has_no_list_but_can_upgrade(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("HELO me\r\n"), U("250 old.example\r\n"),
                                 C("STARTTLS\r\n")};
    SCENE(optional, turns, G "250 old.example\r\n" READY, "HELO me\r\n", .end = DIALOGUE_UPGRADE);
}

/* ---- optional: passwords ---- */

static void a_command_alone_is_no_login(void **state)
{
    (void)state;
    alone_is_no_login(G, "AUTH\r\nX-EXPS \r\n", "AUTH PLAIN AA==\r\n");
}

static void optional_refuses_auth_and_all_its_lines(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("AUTH PLAIN AGEAYg==\r\n auth LOGIN\r\ndXNlcg==\r\ncGFzcw\r\n*\r\n"
          "X-EXPS LOGIN\r\nNOOP\r\n"),
        U("250 ok\r\n"), C("SECRET\r\nQUIT\r\n"), U("221 bye\r\n")};
    SCENE(optional, turns,
          G NO_AUTH NO_AUTH UNKNOWN UNKNOWN UNKNOWN NO_AUTH "250 ok\r\n" UNKNOWN "221 bye\r\n",
          "NOOP\r\nQUIT\r\n");
}

static void verbs_that_hide_their_name_are_refused(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("\"AUTH\" PLAIN AA==\r\n\\AUTH PLAIN AA==\r\nAUTH\vPLAIN AA==\r\n"
                "AUTH=PLAIN AA==\r\nAUTH: PLAIN\r\n")};
    SCENE(optional, turns, G UNKNOWN UNKNOWN CONTROL UNKNOWN UNKNOWN);
}

static void a_login_passes_where_it_may(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("AUTH LOGIN\r\nSTARTTLS\r\n"), /* a user by that name */
                                 U("334 VXNlcm5hbWU6\r\n"),
                                 U("334 UGFzc3dvcmQ6\r\n"),
                                 C("AUTH\n"),
                                 U("535 5.7.8 no\r\n"),
                                 C("AUTH PLAIN\r\n"),
                                 U("334\r\n"),
                                 C("*\r\n"),
                                 U("501 5.7.0 given up\r\n"),
                                 C("AUTH PLAIN AGEAYg==\r\nNOOP\r\n"),
                                 U("235 2.7.0 ok\r\n"),
                                 U("250 ok\r\n")};
    const char *heard = G "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n535 5.7.8 no\r\n334\r\n"
                          "501 5.7.0 given up\r\n235 2.7.0 ok\r\n250 ok\r\n";
    SCENE(trusting, turns, heard,
          "AUTH LOGIN\r\nSTARTTLS\r\nAUTH\r\nAUTH PLAIN\r\n*\r\n"
          "AUTH PLAIN AGEAYg==\r\nNOOP\r\n");
    SCENE(inside, turns, heard,
          "AUTH LOGIN\r\nSTARTTLS\r\nAUTH\nAUTH PLAIN\r\n*\r\n"
          "AUTH PLAIN AGEAYg==\r\nNOOP\r\n");
}

static void optional_upgrade_after_a_login_forgets_it(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("AUTH PLAIN AGEAYg==\r\n"), U("235 2.7.0 ok\r\n"),
                                 C("STARTTLS\r\n")};
    SCENE(trusting, turns, G "235 2.7.0 ok\r\n" READY, "AUTH PLAIN AGEAYg==\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void a_response_with_control_characters_ends(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("AUTH LOGIN\r\n"), U("334 \r\n"), C("a\0b\r\nNOOP\r\n")};
    SCENE(trusting, turns, G "334 \r\n501 5.5.2 Cannot decode response\r\n", "AUTH LOGIN\r\n",
          .end = DIALOGUE_CLOSE);
}

static void a_response_has_a_limit(void **state)
{
    (void)state;
    char *line = malloc(65537);
    memset(line, 'A', 65536);
    line[65536] = '\0';
    const struct turn turns[] = {U(G), C("AUTH LOGIN\r\n"), U("334 \r\n"), {CLIENT, line, 0}};
    const struct scene sc = {.name = __func__,
                             .facts = trusting,
                             .turns = turns,
                             .count = COUNT(turns),
                             .to_client = G "334 \r\n500 5.5.6 Line too long\r\n",
                             .to_upstream = "AUTH LOGIN\r\n",
                             .end = DIALOGUE_CLOSE};
    play(&starttls_smtp, &sc, sc.count, 0, 0, "whole");
    play(&starttls_smtp, &sc, sc.count, 0, 4093, "in steps");
    free(line);
}

/* ---- mail ---- */

#define ENVELOPE "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
#define ENV_OK   "250 from\r\n250 to\r\n354 go\r\n"

static void a_mail_passes_untouched(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C(EHLO),
        U(E_UP),
        C(ENVELOPE),
        U(ENV_OK),
        C("STARTTLS\r\nAUTH PLAIN AA==\r\n\0\xff..\r\n..\r\n.\n\r\n.x\r\n\n.\n"
          "\r.\r\r\n.\r\r\n\r\n.\r\nSTARTTLS\r\n"),
        U("250 queued\r\n")};
    static const char upstream[] =
        EHLO ENVELOPE "STARTTLS\r\nAUTH PLAIN AA==\r\n\0\xff..\r\n..\r\n.\n\r\n.x\r\n\n.\n"
                      "\r.\r\r\n.\r\r\n\r\n.\r\n";
    const struct scene sc = {.name = __func__,
                             .facts = optional,
                             .turns = turns,
                             .count = COUNT(turns),
                             .to_client = G E_TO ENV_OK "250 queued\r\n" READY,
                             .to_upstream = upstream,
                             .to_upstream_size = sizeof upstream - 1,
                             .end = DIALOGUE_UPGRADE};
    scene_check(&starttls_smtp, &sc);
}

static void an_empty_mail_and_the_next_pipelined(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C(ENVELOPE),
                                 U(ENV_OK),
                                 C(".\r\n" ENVELOPE),
                                 U("250 queued\r\n" ENV_OK),
                                 C("x\r\n.\r\nQUIT\r\n"),
                                 U("250 queued\r\n221 bye\r\n")};
    SCENE(inside, turns, G ENV_OK "250 queued\r\n" ENV_OK "250 queued\r\n221 bye\r\n",
          ENVELOPE ".\r\n" ENVELOPE "x\r\n.\r\nQUIT\r\n");
}

static void the_end_may_follow_a_bare_cr(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATA\r\n"), U("354 go\r\n"), C("x\r\r\n.\r\nNOOP\r\n"),
                                 U("250 queued\r\n250 ok\r\n")};
    SCENE(inside, turns, G "354 go\r\n250 queued\r\n250 ok\r\n", "DATA\r\nx\r\r\n.\r\nNOOP\r\n");
}

/* The upstream takes LF.LF for the end of the text; what follows was meant to be smuggled. */
static void a_reply_inside_the_text_ends_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C(ENVELOPE),
                                 U(ENV_OK),
                                 C("x\n.\nMAIL FROM:<evil@b>\r\n"),
                                 U("250 queued\r\n250 from\r\n"),
                                 C("DATA\r\n")};
    SCENE(optional, turns, G ENV_OK "250 queued\r\n", ENVELOPE "x\n.\nMAIL FROM:<evil@b>\r\n",
          .end = DIALOGUE_CLOSE);
    const struct turn whole[] = {U(G), C(ENVELOPE), U(ENV_OK), C("x\n.\nNOOP\r\n.\r\n"),
                                 U("250 queued\r\n250 noop\r\n500 what\r\n")};
    SCENE(optional, whole, G ENV_OK "250 queued\r\n" DOWN, ENVELOPE "x\n.\nNOOP\r\n.\r\n",
          .end = DIALOGUE_CLOSE);
}

#define CAUGHT "421 4.7.0 Insufficient authorization\r\n"

/* CVE-2023-51764: what some take for the end of a text, with a name behind it that it must not hear
 * from a client. As mail text all of it but that may pass. */
static void a_text_hides_no_word_about_who_the_client_is(void **state)
{
    (void)state;
    static const char *const ends[] = {"\n.\n", "\n.\r\n", "\r\n.\n",   "\r\n.\r\r\n",
                                       "\r.\r", "\r\n.\r", "\r\n.\n\n", "\n.\nNOOP\r\n"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        char *text = join("x", ends[i]), *bad = join(text, "\v XClient ADDR=::1\r\n"),
             *passed = join(text, "\v XClient ADDR"), *heard = join("DATA\r\n", passed);
        const struct turn turns[] = {U(G), C("DATA\r\n"), U("354 go\r\n"), {CLIENT, bad, 0}};
        SCENE(inside, turns, G "354 go\r\n" CAUGHT, heard, .end = DIALOGUE_CLOSE);
        SCENE(optional, turns, G "354 go\r\n" CAUGHT, heard, .end = DIALOGUE_CLOSE);
        free(text), free(bad), free(passed), free(heard);
    }
}

/* The same of logins, where passwords wait for TLS, and of what would hide one from us. */
static void a_text_hides_no_login_that_waits_for_tls(void **state)
{
    (void)state;
    static const char *const names[] = {"AUTH", "x-exps", "XEXCH50"}, *const behind[] = {" ",
                                                                                         "\r\n"};
    static const char *const ends[] = {"AUTH x\r\nx\n.\n", "\r\n.\n", "x\r\n.\v\r\nNOOP\r\n"};
    for (size_t i = 0; i < COUNT(names) * COUNT(behind) * COUNT(ends); i++) {
        const char *name = names[i % COUNT(names)], *blank = behind[i % COUNT(behind)],
                   *end = ends[i / COUNT(names) % COUNT(ends)];
        char *passed = join(end, name), *bad = join(passed, blank), *all = join(bad, "\r\n.\r\n"),
             *heard = join("DATA\r\n", passed), *text = join("DATA\r\n", all);
        const struct turn turns[] = {U(G), C("DATA\r\n"), U("354 go\r\n"), {CLIENT, all, 0}};
        SCENE(optional, turns, G "354 go\r\n" CAUGHT, heard, .end = DIALOGUE_CLOSE);
        SCENE(trusting, turns, G "354 go\r\n", text);
        SCENE(inside, turns, G "354 go\r\n", text);
        free(passed), free(bad), free(all), free(heard), free(text);
    }
}

/* A chunk that only the upstream counts would end in the middle of what is a line to us. */
static void a_text_hides_no_chunk(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATA\r\n"), U("354 go\r\n"),
                                 C("BDAT 9\r\n\n.\nbdat 8\r\n\r\n.\r\nabcXCLIENT ADDR=::1\r\n")};
    const struct dialogue_facts facts[] = {optional, trusting, inside};
    for (size_t i = 0; i < COUNT(facts); i++)
        SCENE(facts[i], turns, G "354 go\r\n" CAUGHT, "DATA\r\nBDAT 9\r\n\n.\nbdat",
              .end = DIALOGUE_CLOSE);
}

#define C_LIST    "250-old\r\n250 CHUNKING\r\n"
#define C_LIST_UP "250-old\r\n250-CHUNKING\r\n250 STARTTLS\r\n"
#define DOUBTFUL  "x\n.\nNOOP\r\n.\r\n"
#define BEHIND                                                                                     \
    U(G), C("EHLO x\r\n"), U(C_LIST), C("DATA\r\n"), U("354 go\r\n"), C(DOUBTFUL), U("250 a\r\n")
#define B_HEARD  "EHLO x\r\nDATA\r\n" DOUBTFUL
#define B_SEEN   G C_LIST_UP "354 go\r\n250 a\r\n"
#define B_INSIDE G C_LIST "354 go\r\n250 a\r\n"

/* The reply to a hidden command is taken for that to a later one, or the upstream is in a text that
 * is over to us: then it reads as commands what is none. */
static void nothing_hides_in_bytes_behind_a_doubtful_text(void **state)
{
    (void)state;
    const struct turn chunk[] = {BEHIND,
                                 C("BDAT 40 LAST\r\nAUTH.\r\nx\r\nAUTH PLAIN AGEAYg==\r\n")};
    SCENE(optional, chunk, B_SEEN CAUGHT, B_HEARD "BDAT 40 LAST\r\nAUTH.\r\nx\r\nAUTH",
          .end = DIALOGUE_CLOSE);
    const struct turn exchange[] = {BEHIND, C("XEXCH50 18 2\r\n"), U("354 other\r\n"),
                                    C("XCLIENT ADDR=::1\r\n")};
    SCENE(optional, exchange, B_SEEN "354 other\r\n" CAUGHT, B_HEARD "XEXCH50 18 2\r\nXCLIENT ADDR",
          .end = DIALOGUE_CLOSE);
    SCENE(inside, exchange, B_INSIDE "354 other\r\n" CAUGHT, B_HEARD "XEXCH50 18 2\r\nXCLIENT ADDR",
          .end = DIALOGUE_CLOSE);
    const struct turn harmless[] = {BEHIND, C("BDAT 8 LAST\r\nx\r\nAUTHS"), U("250 b\r\n"),
                                    C("NOOP\r\n")};
    SCENE(optional, harmless, B_SEEN "250 b\r\n", B_HEARD "BDAT 8 LAST\r\nx\r\nAUTHSNOOP\r\n");
    SCENE(inside, harmless, B_INSIDE "250 b\r\n", B_HEARD "BDAT 8 LAST\r\nx\r\nAUTHSNOOP\r\n");
}

static void no_command_goes_on_behind_bytes_that_may_have_begun_it(void **state)
{
    (void)state;
    const struct turn login[] = {BEHIND, C("BDAT 5 LAST\r\nx\r\nAUTH PLAIN AGEAYg==\r\n")};
    SCENE(optional, login, B_SEEN CAUGHT, B_HEARD "BDAT 5 LAST\r\nx\r\nAU", .end = DIALOGUE_CLOSE);
    const struct turn identity[] = {BEHIND, C("BDAT 6 LAST\r\nx\r\nXCLIENT ADDR=::1\r\n")};
    SCENE(optional, identity, B_SEEN CAUGHT, B_HEARD "BDAT 6 LAST\r\nx\r\nXCL",
          .end = DIALOGUE_CLOSE);
    SCENE(inside, identity, B_INSIDE CAUGHT, B_HEARD "BDAT 6 LAST\r\nx\r\nXCL",
          .end = DIALOGUE_CLOSE);
}

/* Nor is one heard before it is known whether it is text. */
static void no_chunk_is_heard_ahead_of_an_answer(void **state)
{
    (void)state;
    const struct turn text[] = {
        U(G), C(EHLO "DATA\r\nx\n.\nBDAT 8\r\n\r\n.\r\nabcXCLIENT ADDR=::1\r\n"), U(C_LIST)};
    SCENE(inside, text, G C_LIST, EHLO "DATA\r\nx\n.\n");
    const struct turn known[] = {text[0], text[1], text[2], U("354 go\r\n")};
    SCENE(inside, known, G C_LIST "354 go\r\n" CAUGHT, EHLO "DATA\r\nx\n.\nBDAT",
          .end = DIALOGUE_CLOSE);
    const struct turn login[] = {U(G), C(EHLO), U(C_LIST),
                                 C("AUTH X\r\nBDAT 3\r\nabcXCLIENT ADDR=::1\r\n")};
    SCENE(inside, login, G C_LIST, EHLO "AUTH X\r\n");
    const struct turn refused[] = {login[0], login[1], login[2], login[3],
                                   U("504 no\r\n503 no\r\n")};
    SCENE(inside, refused, G C_LIST "504 no\r\n503 no\r\n" NOT_YOU, EHLO "AUTH X\r\nBDAT 3\r\nabc");
}

/* One that offers none reads it as commands, as we do. */
static void a_chunk_that_was_not_offered_waits_for_no_answer(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C(EHLO), U(E_UP), C("AUTH X\r\nBDAT 3\r\nabcNOOP\r\n")};
    SCENE(inside, turns, G E_UP, EHLO "AUTH X\r\nBDAT 3\r\nabcNOOP\r\n");
}

static void nothing_hides_in_a_response_behind_a_doubtful_text(void **state)
{
    (void)state;
    const struct turn turns[] = {BEHIND,        C("AUTH X\r\n"),    U("334 other\r\n"),
                                 C("eA==\r\n"), U("334 other\r\n"), C("XCLIENT ADDR=::1\r\n")};
    SCENE(trusting, turns, B_SEEN "334 other\r\n334 other\r\n" CAUGHT, B_HEARD "AUTH X\r\neA==\r\n",
          .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, B_INSIDE "334 other\r\n334 other\r\n" CAUGHT, B_HEARD "AUTH X\r\neA==\r\n",
          .end = DIALOGUE_CLOSE);
}

/* The reply to it may be that to a hidden command. */
static void no_turn_behind_a_doubtful_text_ends_the_watch(void **state)
{
    (void)state;
    const struct turn turns[] = {BEHIND, C("TURN\r\n"), U("250 hidden\r\n"),
                                 C("XCLIENT ADDR=::1\r\n")};
    SCENE(inside, turns, B_INSIDE "250 hidden\r\n" NOT_YOU, B_HEARD "TURN\r\n");
    const struct turn clear[] = {BEHIND, C("TURN\r\nNOOP\r\n"), U("250 hidden\r\n"),
                                 C("XCLIENT ADDR=::1\r\n")};
    SCENE(trusting, clear, B_SEEN NO_COMMAND "250 hidden\r\n" NOT_YOU, B_HEARD "NOOP\r\n");
}

/* Servers differ in what else they take for BDAT, and for which size: no bytes are counted behind
 * it. */
static void a_chunk_is_announced_in_one_form(void **state)
{
    (void)state;
    static const char *const lines[] = {"BDAT  30\r\n",
                                        "BDAT\t30\r\n",
                                        " BDAT 30\r\n",
                                        "BDAT 30 \r\n",
                                        "BDAT 30  LAST\r\n",
                                        "BDAT 000000000000000000030\r\n",
                                        "BDAT 30\vLAST\r\n",
                                        "BDAT\r\n",
                                        "BDAT x\r\n",
                                        "BDAT 30 LASTS\r\n",
                                        "BDAT 99999999999999999999\r\n",
                                        "BDAT 30 LAST x\r\n"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        char *said = join(lines[i], "XCLIENT ADDR=::1\r\n"), *heard = join(EHLO, lines[i]);
        const struct turn turns[] = {
            U(G), C(EHLO), U("250-old\r\n250 CHUNKING\r\n"), {CLIENT, said, 0}, U("551 no\r\n")};
        SCENE(inside, turns, G "250-old\r\n250 CHUNKING\r\n551 no\r\n" NOT_YOU, heard);
        const struct turn clear[] = {
            U(G), C(EHLO), U("250-old\r\n250 CHUNKING\r\n"), {CLIENT, said, 0}};
        struct stage st;
        stage_open(&st, &starttls_smtp, &optional);
        for (size_t k = 0; k < COUNT(clear); k++)
            stage_say(&st, clear[k].side, clear[k].text, strlen(clear[k].text));
        if (lines[i][0] != ' ') /* in clear blanks in front go */
            assert_int_equal(st.heard[UPSTREAM].size, strlen(EHLO));
        stage_free(&st);
        free(said), free(heard);
    }
}

/* What the upstream took for text, or did not answer, leaves a reply too many or too few. */
static void a_turn_that_may_not_be_one_ends_no_watch(void **state)
{
    (void)state;
    const struct turn chunk[] = {U(G),
                                 C("HELO x\r\n"),
                                 U("250 x\r\n"),
                                 C("MAIL FROM:<a@b>\r\nBDAT 6\r\nTURN\r\n"),
                                 U("250 a\r\n250 chunk\r\n"),
                                 C("RSET\r\n"),
                                 U("250 reset\r\n"),
                                 C("XCLIENT ADDR=::1\r\n")};
    SCENE(inside, chunk, G "250 x\r\n250 a\r\n250 chunk\r\n250 reset\r\n",
          "HELO x\r\nMAIL FROM:<a@b>\r\nBDAT 6\r\nTURN\r\nRSET\r\n");
    const struct turn lmtp[] = {U(G),
                                C("LHLO x\r\n"),
                                U("250-x\r\n250 CHUNKING\r\n"),
                                C("BDAT 1 LAST\r\nxTURN\r\n"),
                                U("501 no\r\n250 what\r\n"),
                                C("XCLIENT ADDR=::1\r\n")};
    SCENE(inside, lmtp, G "250-x\r\n250 CHUNKING\r\n501 no\r\n250 what\r\n" NOT_YOU,
          "LHLO x\r\nBDAT 1 LAST\r\nxTURN\r\n");
}

static void a_text_may_speak_of_what_it_does_not_hide(void **state)
{
    (void)state;
    static const char *const texts[] = {"XCLIENT ADDR=::1\r\n.XFORWARD x\r\n.\r\n",
                                        "x\n.\nXCLIENTS \r\n the XCLIENT\r\n.\r\n",
                                        ".x\n..\nXCLIENT \n. XCLIENT \r\n.\r\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *said = join("DATA\r\n", texts[i]);
        const struct turn turns[] = {
            U(G), C("DATA\r\n"), U("354 go\r\n"), {CLIENT, texts[i], 0}, U("250 ok\r\n")};
        SCENE(inside, turns, G "354 go\r\n250 ok\r\n", said);
        SCENE(optional, turns, G "354 go\r\n250 ok\r\n", said);
        free(said);
    }
}

static void data_refused_is_followed_by_commands(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATA\r\nSTARTTLS\r\n"), U("503 no\r\n")};
    SCENE(optional, turns, G "503 no\r\n" READY, "DATA\r\n", .end = DIALOGUE_UPGRADE);
}

static void optional_no_upgrade_during_a_transaction(void **state)
{
    (void)state;
    const char *refused = "503 5.5.1 Not during a mail transaction\r\n";
    char *heard = join(G "250 from\r\n", refused);
    const struct turn turns[] = {U(G), C("MAIL FROM:<a@b>\r\nSTARTTLS\r\n"), U("250 from\r\n")};
    SCENE(optional, turns, heard, "MAIL FROM:<a@b>\r\n");
    free(heard);

    char *after = join(refused, "250 reset\r\n" READY);
    heard = join(G "250 from\r\n", after);
    const struct turn reset[] = {U(G), C("MAIL FROM:<a@b>\r\nSTARTTLS\r\nRSET\r\nSTARTTLS\r\n"),
                                 U("250 from\r\n"), U("250 reset\r\n")};
    SCENE(optional, reset, heard, "MAIL FROM:<a@b>\r\nRSET\r\n", .end = DIALOGUE_UPGRADE);
    free(heard);
    free(after);
}

static void optional_upgrade_after_mail_was_refused(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("MAIL FROM:<a@b>\r\nSTARTTLS\r\nMAIL\r\n"),
                                 U("530 5.7.0 first log in\r\n")};
    SCENE(optional, turns, G "530 5.7.0 first log in\r\n" READY, "MAIL FROM:<a@b>\r\n",
          .end = DIALOGUE_UPGRADE, .left = 6);
}

static void replies_keep_their_order(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("NOOP\r\nVRFY a\r\nXCLIENT ADDR=1.2.3.4\r\nNOOP\r\nGET /\r\n"),
                                 U("250 1\r\n252-"), U("2\r\n252 2\r\n"), U("250 3\r\n")};
    SCENE(inside, turns,
          G "250 1\r\n252-2\r\n252 2\r\n" NOT_YOU "250 3\r\n500 5.5.1 This is not a web server\r\n",
          "NOOP\r\nVRFY a\r\nNOOP\r\n", .end = DIALOGUE_CLOSE);
}

static void pipelines_longer_than_we_count(void **state)
{
    (void)state;
    static const char *const last[][2] = {{"NOOP\r\n", "250 ok\r\n"},
                                          {"BDAT 5\r\nQUIT\n", "250 ok\r\n"},
                                          {EHLO, "250-old\r\n250 CHUNKING\r\n"}};
    char *noops = many("NOOP\r\n", ASKED_MAX), *oks = many("250 ok\r\n", ASKED_MAX);
    char *answers = join(G "250-old\r\n250 CHUNKING\r\n", oks);
    for (size_t i = 0; i < COUNT(last); i++) {
        char *asked = join(noops, last[i][0]), *heard = join(answers, last[i][1]);
        char *wanted = join(EHLO, asked);
        const struct turn turns[] = {U(G),
                                     C(EHLO),
                                     U("250-old\r\n250 CHUNKING\r\n"),
                                     {CLIENT, asked, 0},
                                     {UPSTREAM, oks, 0},
                                     {UPSTREAM, last[i][1], 0}};
        SCENE(inside, turns, heard, wanted);
        free(asked);
        free(heard);
        free(wanted);
    }
    free(noops);
    free(oks);
    free(answers);
}

static void chunks_are_counted(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C(EHLO),
                                 U("250-old\r\n250 CHUNKING\r\n"),
                                 C("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 10\r\nSTARTTLS\r\nBDAT "
                                   "0\r\nbdat 3 last\r\n.\r\nSTARTTLS\r\n"),
                                 U("250 1\r\n250 2\r\n250 3\r\n250 4\r\n"),
                                 U("250 5\r\n")};
    SCENE(optional, turns,
          G "250-old\r\n250-CHUNKING\r\n250 STARTTLS\r\n250 1\r\n250 2\r\n250 3\r\n250 4\r\n250 "
            "5\r\n" READY,
          EHLO
          "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBDAT 10\r\nSTARTTLS\r\nBDAT 0\r\nbdat 3 last\r\n.\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void burl_takes_the_place_of_a_chunk(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBURL imap://x\r\nSTARTTLS\r\n"),
                                 U("250 1\r\n250 2\r\n250 3\r\n"),
                                 C("burl  imap://last/LAST last\r\nSTARTTLS\r\n"), U("250 4\r\n")};
    SCENE(optional, turns,
          G "250 1\r\n250 2\r\n250 3\r\n503 5.5.1 Not during a mail transaction\r\n250 4\r\n" READY,
          "MAIL FROM:<a>\r\nRCPT TO:<b>\r\nBURL imap://x\r\nburl  imap://last/LAST last\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void chunks_without_sense_end_the_session(void **state)
{
    (void)state;
    const struct turn none[] = {U(G), C(EHLO), U(E_UP), C("BDAT 24\r\nXCLIENT ADDR=127.0.0.1\r\n")};
    SCENE(optional, none, G E_TO "503 5.5.1 CHUNKING was not offered\r\n", EHLO,
          .end = DIALOGUE_CLOSE);

    static const char *const bad[] = {"BDAT\r\n",          "BDAT x\r\n",
                                      "BDAT -1\r\n",       "BDAT 1 FIRST\r\n",
                                      "BDAT 1 LAST x\r\n", "BDAT 18446744073709551616\r\n"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        const struct turn turns[] = {
            U(G), C(EHLO), U("250-old\r\n250 CHUNKING\r\n"), {CLIENT, bad[i], 0}};
        SCENE(optional, turns,
              G "250-old\r\n250-CHUNKING\r\n250 STARTTLS\r\n501 5.5.4 Syntax: BDAT size [LAST]\r\n",
              EHLO, .end = DIALOGUE_CLOSE);
    }
}

static void chunking_goes_with_the_last_list(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),    C(EHLO), U("250-old\r\n250 CHUNKING\r\n"),
                                 C(EHLO), U(E_UP), C("BDAT 1\r\nxSTARTTLS\r\nSTARTTLS\r\n")};
    SCENE(optional, turns,
          G "250-old\r\n250-CHUNKING\r\n250 STARTTLS\r\n" E_TO
            "503 5.5.1 CHUNKING was not offered\r\n",
          EHLO EHLO, .end = DIALOGUE_CLOSE);
    const struct turn refused[] = {turns[0],
                                   turns[1],
                                   turns[2],
                                   turns[3],
                                   turns[4],
                                   turns[5],
                                   U("502 what?\r\n502 what?\r\n")};
    SCENE(inside, refused, G "250-old\r\n250 CHUNKING\r\n" E_UP "502 what?\r\n502 what?\r\n" ACTIVE,
          EHLO EHLO "BDAT 1\r\nxSTARTTLS\r\n");
}

/* It is one reply for all, and what we owe does not wait for more. */
static void lmtp_has_one_reply_to_a_command_that_is_not_known(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("LHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\n"),
                                 U("250 old\r\n250 a\r\n250 b\r\n250 c\r\n"),
                                 C("BDAT 10 LAST\r\nSTARTTLS\r\n"), U("502 what\r\n")};
    SCENE(inside, turns, G "250 old\r\n250 a\r\n250 b\r\n250 c\r\n502 what\r\n" ACTIVE,
          "LHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nBDAT 10 LAST\r\n");
}

/* A client that does not wait means text by what stands behind DATA, and an upstream may want all
 * of that first. */
static void text_that_is_early_waits_for_no_reply(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATA\r\nx\r\nSTARTTLS\r\nGET / HTTP/1.1\r\nXCL\r\n.\r\n"),
                                 U("354 go\r\n250 queued\r\n"), C("NOOP\r\n"), U("250 noop\r\n")};
    SCENE(inside, turns, G "354 go\r\n250 queued\r\n250 noop\r\n",
          "DATA\r\nx\r\nSTARTTLS\r\nGET / HTTP/1.1\r\nXCL\r\n.\r\nNOOP\r\n");
    const struct turn silent[] = {turns[0], turns[1]};
    SCENE(inside, silent, G, "DATA\r\nx\r\nSTARTTLS\r\nGET / HTTP/1.1\r\nXCL\r\n.\r\n");
    const struct turn refused[] = {U(G), C("DATA\r\nSTARTTLS\r\nNOOP\r\n"),
                                   U("503 no\r\n503 neither\r\n250 noop\r\n"), C("STARTTLS\r\n")};
    SCENE(inside, refused, G "503 no\r\n503 neither\r\n250 noop\r\n" ACTIVE,
          "DATA\r\nSTARTTLS\r\nNOOP\r\n");
}

/* What the upstream has heard of a line that turns out to be ours is a line of its own to it, and
 * the beginning of no other. */
static void a_line_of_ours_that_has_begun_ends(void **state)
{
    (void)state;
    const struct turn text[] = {U(G), C("DATA\r\nSTART"), U("503 no\r\n"), C("TLS\r\nNOOP\r\n"),
                                U("500 start\r\n250 noop\r\n")};
    SCENE(inside, text, G "503 no\r\n500 start\r\n250 noop\r\n", "DATA\r\nSTART\r\nNOOP\r\n");
    const struct turn response[] = {U(G),
                                    C("AUTH LOGIN\r\n"),
                                    U("334 \r\n"),
                                    C("XCL"),
                                    U("500 late\r\n"),
                                    C("IENT\r\nIENT ADDR=::1\r\n"),
                                    U("500 xcl\r\n500 ient\r\n")};
    SCENE(inside, response, G "334 \r\n500 late\r\n500 xcl\r\n500 ient\r\n",
          "AUTH LOGIN\r\nXCL\r\nIENT ADDR=::1\r\n");
}

/* It could be a command to an upstream that refuses DATA. */
static void text_that_says_who_the_client_is_waits(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("DATA\r\nx\r\nXCLIENT ADDR=192.0.2.1\r\n.\r\n")};
    SCENE(inside, turns, G, "DATA\r\nx\r\n");
}

static void lmtp_has_a_reply_for_each_recipient(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("LHLO me\r\n"),
        U("250-old\r\n250 PIPELINING\r\n"),
        C("MAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nRCPT TO:<d>\r\nDATA\r\n"),
        U("250 a\r\n250 b\r\n550 c\r\n250 d\r\n354 go\r\n"),
        C("x\r\n.\r\nSTARTTLS\r\n"),
        U("250 b\r\n"),
        U("452-d\r\n452 d\r\n")};
    SCENE(optional, turns,
          G "250-old\r\n250-PIPELINING\r\n250 STARTTLS\r\n250 a\r\n250 b\r\n550 c\r\n250 d\r\n354 "
            "go\r\n"
            "250 b\r\n452-d\r\n452 d\r\n" READY,
          "LHLO me\r\nMAIL FROM:<a>\r\nRCPT TO:<b>\r\nRCPT TO:<c>\r\nRCPT "
          "TO:<d>\r\nDATA\r\nx\r\n.\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void exchange_bytes_are_counted(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("XEXCH50 6 2\r\n"),
                                 U("354 Send\r\n"),
                                 C("QUIT\r\nNOOP\r\n"),
                                 U("250 ok\r\n250 noop\r\n"),
                                 C("XEXCH50 4 2\r\n"),
                                 U("504 no\r\n"),
                                 C("XEXCH50 no\r\n")};
    SCENE(optional, turns,
          G "354 Send\r\n250 ok\r\n250 noop\r\n504 no\r\n501 5.5.4 Syntax error in parameters\r\n",
          "XEXCH50 6 2\r\nQUIT\r\nNOOP\r\nXEXCH50 4 2\r\n");
    SCENE(inside, turns, G "354 Send\r\n250 ok\r\n250 noop\r\n504 no\r\n",
          "XEXCH50 6 2\r\nQUIT\r\nNOOP\r\nXEXCH50 4 2\r\nXEXCH50 no\r\n");
}

static void exchange_bytes_pass_behind_an_early_reply(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),           C("XEXCH50 13 2\r\n"), U("354 Send\r\n"),
                                 C("XCL"),       U("500 no\r\n"),       C("STARTTLS\r\nNOOP\r\n"),
                                 U("250 ok\r\n")};
    SCENE(inside, turns, G "354 Send\r\n500 no\r\n250 ok\r\n",
          "XEXCH50 13 2\r\nXCLSTARTTLS\r\nNOOP\r\n");
}

static void when_the_roles_change_all_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("TURN\r\n"),
                                 U("502 no\r\n"),
                                 C("ATRN a.example\r\n"),
                                 U("250 ok\r\nEHLO you\r\n"),
                                 C("250-me\r\n250 STARTTLS\r\n"),
                                 U("STARTTLS\r\n")};
    SCENE(inside, turns, G "502 no\r\n250 ok\r\nEHLO you\r\nSTARTTLS\r\n",
          "TURN\r\nATRN a.example\r\n250-me\r\n250 STARTTLS\r\n", .end = DIALOGUE_RELAY);
}

/* A login could come behind it. */
static void the_roles_do_not_change_where_passwords_wait_for_tls(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("NOOP\r\nTURN\r\natrn a.example\r\nAUTH PLAIN AGEAYg==\r\n"), U("250 noop\r\n")};
    SCENE(optional, turns, G "250 noop\r\n" NO_COMMAND NO_COMMAND NO_AUTH, "NOOP\r\n");
    const struct turn allowed[] = {U(G), C("TURN\r\n"), U("250 ok\r\n"), C("AUTH\r\n")};
    SCENE(trusting, allowed, G "250 ok\r\n", "TURN\r\nAUTH\r\n", .end = DIALOGUE_RELAY);
}

/* ---- refusals ---- */

static void the_clients_identity_is_ours_to_tell(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("XCLIENT ADDR=127.0.0.1\r\nxforward ADDR=127.0.0.1\r\n"
                                         "X-ANONYMOUSTLS\r\n")};
    SCENE(optional, turns, G NOT_YOU NOT_YOU "502 5.5.1 Command not implemented\r\n");
    SCENE(inside, turns, G NOT_YOU NOT_YOU "502 5.5.1 Command not implemented\r\n");
}

static void commands_unknown_to_both_are_counted(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\nL\r\n"),
        U("500 1\r\n502 2\r\n500 3\r\n500 4\r\n500 5\r\n500 6\r\n500 7\r\n250 8\r\n500 9\r\n"),
        U("500 10\r\n500 11\r\n504 12\r\n500 13\r\n")};
    const char *heard =
        G "500 1\r\n502 2\r\n500 3\r\n500 4\r\n500 5\r\n500 6\r\n500 7\r\n250 8\r\n500 9\r\n"
          "500 10\r\n500 11\r\n504 12\r\n" GOODBYE;
    SCENE(optional, turns, heard, "A\r\nB\r\nC\r\nD\r\nE\r\nF\r\nG\r\nH\r\nI\r\nJ\r\nK\r\nL\r\n",
          .end = DIALOGUE_CLOSE);
}

static void the_client_waits_for_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("NOOP\r\nSTARTTLS\r\n"), U("220-a\r\n"), U("220 b\r\n"),
                                 U("250 ok\r\n")};
    SCENE(optional, turns, "220-a\r\n220 b\r\n250 ok\r\n" READY, "NOOP\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void a_refusal_in_the_greeting_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U("554-no\r\n554 mail\r\n"), C("QUIT\r\n"), U("221 bye\r\n")};
    SCENE(optional, turns, "554-no\r\n554 mail\r\n221 bye\r\n", "QUIT\r\n");
    SCENE(inside, turns, "554-no\r\n554 mail\r\n221 bye\r\n", "QUIT\r\n");
}

static void the_upstreams_last_word_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G "421-too\r\n421 slow\r\n"), C("NOOP\r\n")};
    SCENE(optional, turns, G "421-too\r\n421 slow\r\n", .end = DIALOGUE_CLOSE);
    SCENE(inside, turns, G "421-too\r\n421 slow\r\n", "NOOP\r\n");
    const struct turn exchange[] = {U(G), U("451 4.7.0 Timeout\r\n")};
    SCENE(optional, exchange, G "451 4.7.0 Timeout\r\n", .end = DIALOGUE_CLOSE);
    const struct turn never[] = {U(G), U("521 go\r\n")};
    SCENE(optional, never, G "521 go\r\n", .end = DIALOGUE_CLOSE);
}

static void replies_that_nobody_asked_for_end_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), U("250 surprise\r\n"), C("NOOP\r\n")};
    SCENE(optional, turns, G DOWN, .end = DIALOGUE_CLOSE);
    SCENE(upgraded, turns, "250 surprise\r\n", "NOOP\r\n");
}

/* As sendmail's 050, or nothing at all between two replies. */
static void lines_without_a_code_are_no_replies(void **state)
{
    (void)state;
    const struct turn reply[] = {
        U(G), C("HELP\r\nNOOP\r\n"),
        U("214-a\r\nno code\r\n214 b\r\n\r\n050 <a>... done\r\n250 c\r\n")};
    const char *heard = G "214-a\r\nno code\r\n214 b\r\n\r\n050 <a>... done\r\n250 c\r\n";
    SCENE(optional, reply, heard, "HELP\r\nNOOP\r\n");
    SCENE(inside, reply, heard, "HELP\r\nNOOP\r\n");
    const struct turn list[] = {U(G), C(EHLO), U("250-old.example\r\n25\r\n250 SIZE\r\n")};
    SCENE(optional, list, G E_TO, EHLO);
    SCENE(inside, list, G "250-old.example\r\n25\r\n250 SIZE\r\n", EHLO);
}

/* ---- inside ---- */

static void inside_takes_the_upgrade_out_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const lists[][2] = {
        {"250-old\r\n250-STARTTLS\r\n250 SIZE\r\n", "250-old\r\n250 SIZE\r\n"},
        {"250-old\r\n250-SIZE\r\n250 STARTTLS\r\n", "250-old\r\n250 SIZE\r\n"},
        {"250-old\r\n250 starttls\r\n", "250 old\r\n"},
        {"250 old\r\n", "250 old\r\n"},
        {"250 STARTTLS\r\n", "250 STARTTLS\r\n"}, /* a server by that name */
        {"250-old\r\n250-SIZE\r\n250-STARTTLS\r\n250-XCLIENT ADDR\r\n250 X-ANONYMOUSTLS\r\n",
         "250-old\r\n250 SIZE\r\n"},
        {"250-old\r\n250-XFORWARD NAME\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n250-AUTH=PLAIN\r\n"
         "250-STARTTLSX\r\n250 STARTTLS x\r\n",
         "250-old\r\n250-AUTH PLAIN\r\n250-AUTH=PLAIN\r\n250 STARTTLSX\r\n"},
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        char *heard = join(G, lists[i][1]);
        const struct turn turns[] = {U(G), C(EHLO), {UPSTREAM, lists[i][0], 0}};
        SCENE(inside, turns, heard, EHLO);
        free(heard);
    }
}

static void inside_starttls_is_on_already(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("STARTTLS\r\nSTARTTLS x\r\nNOOP\r\n"), U("250 ok\r\n")};
    SCENE(inside, turns, G ACTIVE ACTIVE "250 ok\r\n", "NOOP\r\n");
}

/* What some servers skip in front of a verb, and take for its end. */
static void inside_white_space_hides_no_verb(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("\vXCLIENT ADDR=::1\r\n\f\rXFORWARD\vX\r\n\x01STARTTLS\r\n\rNOOP\n"),
        U("250 ok\r\n")};
    SCENE(inside, turns, G NOT_YOU NOT_YOU ACTIVE "250 ok\r\n", "\rNOOP\n");
}

/* Not every upstream answers an empty line; those that do, do not like it. */
static void inside_an_empty_line_may_have_no_answer(void **state)
{
    (void)state;
    const struct turn silent[] = {U(G), C("\r\n\r\nSTARTTLS\r\n" EHLO),
                                  U("250-old.example\r\n250-SIZE\r\n250 STARTTLS\r\n"),
                                  C("STARTTLS\r\n")};
    SCENE(inside, silent, G ACTIVE E_UP ACTIVE, "\r\n\r\n" EHLO);
    const struct turn answers[] = {
        U(G), C("\r\nSTARTTLS\r\n" EHLO),
        U("500 what?\r\n250-old.example\r\n250-SIZE\r\n250 STARTTLS\r\n"), C("STARTTLS\r\n")};
    SCENE(inside, answers, G "500 what?\r\n" ACTIVE E_UP ACTIVE, "\r\n" EHLO);
}

static void inside_an_old_upstream_speaks_for_itself(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C(EHLO), U("500 unknown\r\n"), C("HELO me\r\n"),
                                 U("250 old\r\n")};
    SCENE(inside, turns, G "500 unknown\r\n250 old\r\n", EHLO "HELO me\r\n");
}

/* Where the first wrapped byte stands ends the watch, whatever came in one piece with it. */
static void a_security_layer_ends_the_watch_of_both_sides(void **state)
{
    (void)state;
    static const char in[] = G "235 in\r\n250 late\r\n\0\0\0\7a\r\n250 x";
    const struct turn upstream[] = {U(G), C("AUTH GSSAPI AA==\r\n"), U("235 in\r\n"),
                                    U("250 late\r\n\0\0\0\7a\r\n250 x")};
    struct scene sc = scene_of(__func__, inside, upstream, COUNT(upstream),
                               (struct outcome){.to_client = in,
                                                .to_upstream = "AUTH GSSAPI AA==\r\n",
                                                .end = DIALOGUE_RELAY});
    sc.to_client_size = sizeof in - 1;
    scene_check(&starttls_smtp, &sc);

    static const char out[] = "AUTH GSSAPI AA==\r\nNOOP\r\n\0\0\0\14\r\nSTARTTLS\r\n";
    const struct turn client[] = {U(G), C("AUTH GSSAPI AA==\r\n"), U("235 in\r\n"),
                                  C("NOOP\r\n\0\0\0\14\r\nSTARTTLS\r\n")};
    sc = scene_of(
        __func__, inside, client, COUNT(client),
        (struct outcome){.to_client = G "235 in\r\n", .to_upstream = out, .end = DIALOGUE_RELAY});
    sc.to_upstream_size = sizeof out - 1;
    scene_check(&starttls_smtp, &sc);
}

static void without_a_layer_the_watch_goes_on(void **state)
{
    (void)state;
    static const char *const mechanisms[] = {"AUTH PLAIN AA==\r\n", "AUTH SCRAM-SHA-256 AA==\r\n"};
    static const char tail[] = "235 in\r\n250 late\r\n\0\0\0\7a\r\n";
    for (size_t i = 0; i < COUNT(mechanisms); i++) {
        const struct turn turns[] = {
            U(G), {CLIENT, mechanisms[i], 0}, {UPSTREAM, tail, sizeof tail - 1}, C("STARTTLS\r\n")};
        static const char heard[] = G "235 in\r\n250 late\r\n\0\0\0\7a\r\n" ACTIVE;
        struct scene sc =
            scene_of(__func__, inside, turns, COUNT(turns),
                     (struct outcome){.to_client = heard, .to_upstream = mechanisms[i]});
        sc.to_client_size = sizeof heard - 1;
        scene_check(&starttls_smtp, &sc);
    }
}

static void a_long_login_may_be_refused_before_it_ends(void **state)
{
    (void)state;
    refused_in_the_middle(G, "AUTH GSSAPI ", "500 5.5.6 too long\r\n", EHLO,
                          "250-old\r\n250 STARTTLS\r\n", "250 old\r\n");
}

static void upgraded_swallows_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C(EHLO), U("220-old\r\n220 ready\r\n"), U(E_UP)};
    SCENE(upgraded, turns, E_UP, EHLO);
}

static void upgraded_tells_of_a_refusal(void **state)
{
    (void)state;
    static const char *const refusals[] = {"421 busy\r\n", "554-no\r\n554 mail\r\n",
                                           "450 later\r\n", "521 never\r\n", "354 what\r\n"};
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct turn turns[] = {C(EHLO), {UPSTREAM, refusals[i], 0}};
        SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
    }
}

/* ---- XCLIENT ---- */

#define XLIST "250-old\r\n250-SIZE\r\n250 XCLIENT NAME ADDR PROTO PORT HELO LOGIN\r\n"
#define XCL   "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.7 PORT=4711\r\n"
#define OWN   "EHLO front.example\r\n"
#define G2    "220 old.example again\r\n"

static struct dialogue_facts known(const struct dialogue_facts *facts, const char *address)
{
    struct dialogue_facts f = *facts;
    f.client_address = address;
    f.client_port = 4711;
    f.session_id = "a=b+1";
    return f;
}

static void xclient_tells_who_the_client_is(void **state)
{
    (void)state;
    const struct turn turns[] = {C(EHLO), U(G), U(XLIST), U(G2), U(E_UP)};
    const struct dialogue_facts up = known(&upgraded, "192.0.2.7"),
                                in = known(&inside, "192.0.2.7"),
                                before = known(&optional, "192.0.2.7");
    SCENE(up, turns, E_UP, OWN XCL EHLO);
    SCENE(in, turns, G2 E_UP, OWN XCL EHLO);
    SCENE(before, turns, G2 E_TO, OWN XCL EHLO);
}

static void xclient_sends_what_is_offered(void **state)
{
    (void)state;
    struct dialogue_facts f = known(&upgraded, "2001:db8::1");
    const struct turn addr[] = {U(G), U("250-old\r\n250 xclient addr\r\n"), U(G2)};
    SCENE(f, addr, "", OWN "XCLIENT ADDR=IPV6:2001:db8::1\r\n");
    const struct turn dovecot[] = {
        U(G), U("250-old\r\n250-XCLIENT ADDR PORT SESSION\r\n250 OK\r\n"), U(G2)};
    SCENE(f, dovecot, "", OWN "XCLIENT ADDR=IPV6:2001:db8::1 PORT=4711 SESSION=a+3Db+2B1\r\n");
    f.client_port = 0;
    f.session_id = NULL;
    SCENE(f, dovecot, "", OWN "XCLIENT ADDR=IPV6:2001:db8::1\r\n");
}

static void xclient_not_offered_changes_nothing(void **state)
{
    (void)state;
    const struct dialogue_facts in = known(&inside, "192.0.2.7"),
                                up = known(&upgraded, "192.0.2.7");
    static const char *const lists[] = {"250-old\r\n250-XCLIENTS ADDR\r\n250 XCLIENT NAME PORT\r\n",
                                        "250 XCLIENT ADDR\r\n", "550 no\r\n"};
    for (size_t i = 0; i < COUNT(lists); i++) {
        const struct turn turns[] = {
            C("HELO me\r\n"), U(G), {UPSTREAM, lists[i], 0}, U("250 hi\r\n")};
        SCENE(in, turns, G "250 hi\r\n", OWN "HELO me\r\n");
        SCENE(up, turns, "250 hi\r\n", OWN "HELO me\r\n");
    }
}

static void xclient_is_sought_by_lhlo_too(void **state)
{
    (void)state;
    const struct dialogue_facts in = known(&inside, "192.0.2.7");
    const struct turn lmtp[] = {U(G), U("502 5.5.1 LHLO!\r\n"), U(XLIST), U(G2)};
    SCENE(in, lmtp, G2, OWN "LHLO front.example\r\n" XCL);
    const struct turn old[] = {U(G), U("500 what\r\n"), U("500 what\r\n"), C("HELO me\r\n"),
                               U("250 hi\r\n")};
    SCENE(in, old, G "250 hi\r\n", OWN "LHLO front.example\r\nHELO me\r\n");
}

static void xclient_refused_goes_on_without(void **state)
{
    (void)state;
    const struct dialogue_facts in = known(&inside, "192.0.2.7"),
                                up = known(&upgraded, "192.0.2.7");
    static const char *const refusals[] = {"550 5.7.0 no\r\n", "501 5.5.4 bad\r\n", "503 no\r\n"};
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct turn turns[] = {U(G), U(XLIST), {UPSTREAM, refusals[i], 0}, C(EHLO), U(E_UP)};
        SCENE(in, turns, G E_UP, OWN XCL EHLO);
        SCENE(up, turns, E_UP, OWN XCL EHLO);
    }
}

static void xclient_refusal_is_told_to_the_caller(void **state)
{
    (void)state;
    for (int refused = 0; refused < 2; refused++) {
        struct stage st;
        const struct dialogue_facts up = known(&upgraded, "192.0.2.7");
        const char *answer = refused ? "550 no\r\n" : G2;
        stage_open(&st, &MODULE, &up);
        stage_say(&st, UPSTREAM, G XLIST, strlen(G XLIST));
        assert_false(st.dialogue.identity_refused);
        stage_say(&st, UPSTREAM, answer, strlen(answer));
        assert_int_equal(st.dialogue.identity_refused, refused);
        const struct scene end = {.to_upstream = OWN XCL};
        stage_close(&st, &end, "");
    }
}

static void xclient_of_an_old_postfix_has_no_second_greeting(void **state)
{
    (void)state;
    const struct dialogue_facts in = known(&inside, "192.0.2.7");
    const struct turn turns[] = {U(G), U(XLIST), U("250 Ok\r\n"), C("NOOP\r\n"), U("250 noop\r\n")};
    SCENE(in, turns, G "250 noop\r\n", OWN XCL "NOOP\r\n");
}

static void xclient_may_show_that_the_client_is_not_wanted(void **state)
{
    (void)state;
    const struct dialogue_facts in = known(&inside, "192.0.2.7"),
                                up = known(&upgraded, "192.0.2.7");
    const struct turn turns[] = {U(G), U(XLIST), U("554 5.7.1 you: rejected\r\n"), C("QUIT\r\n"),
                                 U("221 bye\r\n")};
    SCENE(in, turns, "554 5.7.1 you: rejected\r\n221 bye\r\n", OWN XCL "QUIT\r\n");
    SCENE(up, turns, DOWN, OWN XCL, .end = DIALOGUE_CLOSE);
}

static void xclient_is_not_tried_where_the_greeting_refuses(void **state)
{
    (void)state;
    const struct dialogue_facts in = known(&inside, "192.0.2.7"),
                                up = known(&upgraded, "192.0.2.7");
    const struct turn turns[] = {U("554 no\r\n")};
    SCENE(in, turns, "554 no\r\n");
    SCENE(up, turns, DOWN, .end = DIALOGUE_CLOSE);
}

/* ---- an upstream that does not stop ---- */

static void replies_without_end_are_bounded(void **state)
{
    (void)state;
    endless(&optional, "", "", "220 ", "x", DOWN);
    endless(&upgraded, "", "", "220-", "x\r\n220-", DOWN);
    endless(&optional, G, "NOOP\r\n", "250-", "x", G DOWN);
}

static void long_lists_pass(void **state)
{
    (void)state;
    struct buf list = {0}, heard = {0};
    buf_init(&list, 1 << 20);
    buf_init(&heard, 1 << 20);
    buf_puts(&list, "250-old\r\n");
    buf_puts(&heard, G "250-old\r\n");
    for (int i = 0; i < 5000; i++) {
        buf_printf(&list, "250-STARTTLS\r\n250-X%d\r\n", i);
        buf_printf(&heard, "250%cX%d\r\n", i < 4999 ? '-' : ' ', i);
    }
    buf_puts(&list, "250 STARTTLS\r\n");
    const struct turn turns[] = {U(G), C(EHLO), {UPSTREAM, (const char *)list.data, list.size}};
    const struct scene sc = {.name = __func__,
                             .facts = inside,
                             .turns = turns,
                             .count = COUNT(turns),
                             .to_client = (const char *)heard.data,
                             .to_client_size = heard.size,
                             .to_upstream = EHLO};
    play(&starttls_smtp, &sc, sc.count, 0, 0, "whole");
    play(&starttls_smtp, &sc, sc.count, 0, 1, "byte by byte");
    buf_free(&list);
    buf_free(&heard);
}

static void our_refusals_name_us(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        [REFUSE_UPSTREAM_DOWN] = "421 h Service not available, try again later\r\n",
        [REFUSE_TOO_MANY] = "421 h Too many connections, try again later\r\n",
        [REFUSE_DRAINING] = "421 h Service is shutting down, try again later\r\n",
        [REFUSE_TIMEOUT] = "421 h Timeout, closing connection\r\n",
    };
    for (size_t i = 0; i < COUNT(wanted); i++) {
        struct buf out;
        buf_init(&out, 1024);
        starttls_smtp.refuse((enum starttls_refusal)i, "h", &out);
        assert_int_equal(out.size, strlen(wanted[i]));
        assert_memory_equal(out.data, wanted[i], out.size);
        buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_ehlo_and_starttls),
        cmocka_unit_test(required_knows_the_few_commands_of_its_own),
        cmocka_unit_test(required_refuses_all_else),
        cmocka_unit_test(required_starttls_takes_no_parameters),
        cmocka_unit_test(required_leaves_what_is_behind_starttls),
        cmocka_unit_test(required_case_blanks_and_bare_lf),
        cmocka_unit_test(required_bytes_that_are_no_text),
        cmocka_unit_test(required_ends_after_too_many_errors),
        cmocka_unit_test(a_browser_is_sent_away),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(optional_adds_the_upgrade_to_the_real_list),
        cmocka_unit_test(optional_list_of_one_line),
        cmocka_unit_test(optional_holds_back_passwords_and_what_is_ours),
        cmocka_unit_test(optional_last_line_is_held_back),
        cmocka_unit_test(lists_that_are_not_quite_lists),
        cmocka_unit_test(optional_upstream_too_old_for_ehlo),
        cmocka_unit_test(optional_hello_refused),
        cmocka_unit_test(optional_upstream_that_knows_no_hello_at_all),
        cmocka_unit_test(optional_helo_has_no_list_but_can_upgrade),
        cmocka_unit_test(optional_refuses_auth_and_all_its_lines),
        cmocka_unit_test(a_command_alone_is_no_login),
        cmocka_unit_test(verbs_that_hide_their_name_are_refused),
        cmocka_unit_test(a_login_passes_where_it_may),
        cmocka_unit_test(optional_upgrade_after_a_login_forgets_it),
        cmocka_unit_test(a_response_with_control_characters_ends),
        cmocka_unit_test(a_response_has_a_limit),
        cmocka_unit_test(a_mail_passes_untouched),
        cmocka_unit_test(an_empty_mail_and_the_next_pipelined),
        cmocka_unit_test(the_end_may_follow_a_bare_cr),
        cmocka_unit_test(a_reply_inside_the_text_ends_the_session),
        cmocka_unit_test(a_text_hides_no_word_about_who_the_client_is),
        cmocka_unit_test(a_text_hides_no_login_that_waits_for_tls),
        cmocka_unit_test(a_text_hides_no_chunk),
        cmocka_unit_test(nothing_hides_in_bytes_behind_a_doubtful_text),
        cmocka_unit_test(no_command_goes_on_behind_bytes_that_may_have_begun_it),
        cmocka_unit_test(no_chunk_is_heard_ahead_of_an_answer),
        cmocka_unit_test(a_chunk_that_was_not_offered_waits_for_no_answer),
        cmocka_unit_test(nothing_hides_in_a_response_behind_a_doubtful_text),
        cmocka_unit_test(no_turn_behind_a_doubtful_text_ends_the_watch),
        cmocka_unit_test(a_text_may_speak_of_what_it_does_not_hide),
        cmocka_unit_test(a_chunk_is_announced_in_one_form),
        cmocka_unit_test(a_turn_that_may_not_be_one_ends_no_watch),
        cmocka_unit_test(data_refused_is_followed_by_commands),
        cmocka_unit_test(optional_no_upgrade_during_a_transaction),
        cmocka_unit_test(optional_upgrade_after_mail_was_refused),
        cmocka_unit_test(replies_keep_their_order),
        cmocka_unit_test(pipelines_longer_than_we_count),
        cmocka_unit_test(chunks_are_counted),
        cmocka_unit_test(burl_takes_the_place_of_a_chunk),
        cmocka_unit_test(chunks_without_sense_end_the_session),
        cmocka_unit_test(chunking_goes_with_the_last_list),
        cmocka_unit_test(lmtp_has_one_reply_to_a_command_that_is_not_known),
        cmocka_unit_test(text_that_is_early_waits_for_no_reply),
        cmocka_unit_test(a_line_of_ours_that_has_begun_ends),
        cmocka_unit_test(text_that_says_who_the_client_is_waits),
        cmocka_unit_test(lmtp_has_a_reply_for_each_recipient),
        cmocka_unit_test(exchange_bytes_are_counted),
        cmocka_unit_test(exchange_bytes_pass_behind_an_early_reply),
        cmocka_unit_test(when_the_roles_change_all_passes),
        cmocka_unit_test(the_roles_do_not_change_where_passwords_wait_for_tls),
        cmocka_unit_test(the_clients_identity_is_ours_to_tell),
        cmocka_unit_test(commands_unknown_to_both_are_counted),
        cmocka_unit_test(the_client_waits_for_the_greeting),
        cmocka_unit_test(a_refusal_in_the_greeting_passes),
        cmocka_unit_test(the_upstreams_last_word_passes),
        cmocka_unit_test(replies_that_nobody_asked_for_end_the_session),
        cmocka_unit_test(lines_without_a_code_are_no_replies),
        cmocka_unit_test(inside_takes_the_upgrade_out_wherever_it_stands),
        cmocka_unit_test(inside_starttls_is_on_already),
        cmocka_unit_test(inside_white_space_hides_no_verb),
        cmocka_unit_test(inside_an_empty_line_may_have_no_answer),
        cmocka_unit_test(inside_an_old_upstream_speaks_for_itself),
        cmocka_unit_test(a_security_layer_ends_the_watch_of_both_sides),
        cmocka_unit_test(without_a_layer_the_watch_goes_on),
        cmocka_unit_test(a_long_login_may_be_refused_before_it_ends),
        cmocka_unit_test(upgraded_swallows_the_greeting),
        cmocka_unit_test(upgraded_tells_of_a_refusal),
        cmocka_unit_test(xclient_tells_who_the_client_is),
        cmocka_unit_test(xclient_sends_what_is_offered),
        cmocka_unit_test(xclient_not_offered_changes_nothing),
        cmocka_unit_test(xclient_is_sought_by_lhlo_too),
        cmocka_unit_test(xclient_refused_goes_on_without),
        cmocka_unit_test(xclient_refusal_is_told_to_the_caller),
        cmocka_unit_test(xclient_of_an_old_postfix_has_no_second_greeting),
        cmocka_unit_test(xclient_may_show_that_the_client_is_not_wanted),
        cmocka_unit_test(xclient_is_not_tried_where_the_greeting_refuses),
        cmocka_unit_test(replies_without_end_are_bounded),
        cmocka_unit_test(long_lists_pass),
        cmocka_unit_test(our_refusals_name_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
