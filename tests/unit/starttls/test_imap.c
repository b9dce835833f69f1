/* test_imap.c - IMAP dialogues around STARTTLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proxy/starttls/imap.h"

#define MODULE starttls_imap
#include "lines.h"

#define HOST .hostname = "front.example"
#define WHO  .client_address = "2001:db8::7", .client_port = 40001, .session_id = "s-1"
static const struct dialogue_facts telling = {.mode = DIALOGUE_INSIDE, HOST, WHO};
static const struct dialogue_facts telling_upgraded = {
    .mode = DIALOGUE_INSIDE, HOST, .upgraded = true, WHO};
static const struct dialogue_facts telling_optional = {.mode = DIALOGUE_OPTIONAL, HOST, WHO};

/* ---- texts, built for one test ---- */

struct text {
    char *data;
    size_t size;
};

static void add_times(struct text *t, const char *what, size_t times)
{
    const size_t size = strlen(what);
    t->data = realloc(t->data, t->size + times * size + 1);
    assert_non_null(t->data);
    for (size_t i = 0; i < times; i++, t->size += size)
        memcpy(t->data + t->size, what, size);
    t->data[t->size] = '\0';
}

static void add(struct text *t, const char *what)
{
    add_times(t, what, 1);
}

#define BANNER     "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] front.example ready\r\n"
#define LIST       "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
#define BEGIN      " OK Begin TLS negotiation now\r\n"
#define PRIVACY    " NO [PRIVACYREQUIRED] Not before STARTTLS\r\n"
#define EARLY      " BAD Not before STARTTLS, or not known\r\n"
#define UNKNOWN    " BAD Not before login, or not known\r\n"
#define NO_TAG     "* BAD That is no tag and command\r\n"
#define NO_COMMAND " BAD That is no command\r\n"
#define NO_ARGS    " BAD No arguments allowed\r\n"
#define NO_LITERAL " BAD No literals here\r\n"
#define DOUBT      " BAD That literal is none\r\n"
#define NO_END     "* BYE Cannot tell where that command ends\r\n"
#define ACTIVE     " BAD TLS is already active\r\n"
#define DOWN       "* BYE [UNAVAILABLE] Service not available, try again later\r\n"
#define GOODBYE    "* BYE Too many invalid commands\r\n"
#define TOO_LONG   "* BYE Line too long\r\n"

/* A greeting that every upstream might give. */
#define G "* OK old.example ready\r\n"

/* ---- required ---- */

static void required_capability_and_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a CAPABILITY\r\n"), C("b STARTTLS\r\n")};
    SCENE(required, turns, BANNER LIST "a OK CAPABILITY completed\r\nb" BEGIN,
          .end = DIALOGUE_UPGRADE);
}

static void required_knows_the_few_commands_of_its_own(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a noop\r\nb ID (\"name\" \"x\")\r\nc id NIL\r\nd LOGOUT\r\n"
                                   "e NOOP\r\n")};
    SCENE(required, turns,
          BANNER "a OK NOOP completed\r\n* ID NIL\r\nb OK ID completed\r\n* ID NIL\r\n"
                 "c OK ID completed\r\n* BYE Logging out\r\nd OK LOGOUT completed\r\n",
          .end = DIALOGUE_CLOSE);
}

static void required_refuses_all_else(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a LOGIN u p\r\nb AUTHENTICATE PLAIN AGEAYg==\r\n"
                                   "c SELECT INBOX\r\nd STARTTLSX\r\ne X-FOO bar\r\n")};
    SCENE(required, turns, BANNER "a" PRIVACY "b" PRIVACY "c" EARLY "d" EARLY "e" EARLY);
}

static void required_starttls_takes_no_arguments(void **state)
{
    (void)state;
    const struct turn turns[] = {
        C("a STARTTLS now\r\nb STARTTLS {3+}\r\nfoo\r\nc STARTTLS {3}\r\nd STARTTLS \r\n")};
    SCENE(required, turns, BANNER "a" NO_ARGS "b" NO_ARGS "c" NO_ARGS "d" BEGIN,
          .end = DIALOGUE_UPGRADE);
}

static void bytes_behind_starttls_stay_unread(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a STARTTLS\r\nb LOGIN u p\r\n")};
    SCENE(required, turns, BANNER "a" BEGIN, .end = DIALOGUE_UPGRADE, .left = 13);
    const struct turn later[] = {U(G), C("a STARTTLS\r\nb LOGIN u p\r\n")};
    SCENE(optional, later, G "a" BEGIN, .end = DIALOGUE_UPGRADE, .left = 13);
}

static void required_case_and_bare_lf(void **state)
{
    (void)state;
    const struct turn turns[] = {C("A.1]} CapaBility\nz   starttls\n")};
    SCENE(required, turns, BANNER LIST "A.1]} OK CAPABILITY completed\r\nz" BEGIN,
          .end = DIALOGUE_UPGRADE);
}

static void required_tags_are_checked(void **state)
{
    (void)state;
    const struct turn turns[] = {C("\r\n"
                                   "NOOP\r\n"
                                   "a\r\n"
                                   " a NOOP\r\n"
                                   "* NOOP\r\n"
                                   "+ NOOP\r\n"
                                   "a(b NOOP\r\n"
                                   "\xc3\xa4 NOOP\r\n")};
    SCENE(required, turns, BANNER NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG);
}

static void required_more_tags_are_checked(void **state)
{
    (void)state;
#define TAG64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
    const struct turn turns[] = {C("a\tb NOOP\r\n"
                                   "a\\ NOOP\r\n"
                                   "a\"b\" NOOP\r\n"
                                   "a% NOOP\r\n"
                                   "a{ NOOP\r\n"
                                   "a\0b NOOP\r\n"
                                   "a\x7f NOOP\r\n" TAG64 "x NOOP\r\n" TAG64 " NOOP\r\n")};
    SCENE(required, turns,
          BANNER NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG NO_TAG TAG64
          " OK NOOP completed\r\n");
}

static void required_verbs_that_are_none(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a STARTTLS\t\r\n"
                                   "b \tSTARTTLS\r\n"
                                   "c START.TLS\r\n"
                                   "d NOOP\0\r\n"
                                   "e NO\rOP\r\n"
                                   "f NOOP x\ry\r\n"
                                   "g \xff\r\n"
                                   "h STARTTLS\r\r\n")};
    SCENE(required, turns,
          BANNER "a" NO_COMMAND "b" NO_COMMAND "c" NO_COMMAND "d" NO_COMMAND "e" NO_COMMAND
                 "f" NO_COMMAND "g" NO_COMMAND "h" NO_COMMAND);
}

static void required_literals_that_come_are_consumed(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a LOGIN {9+}\r\nb LOGOUT\n {10+}\r\nc STARTTLS\r\nd NOOP\r\n"
                                   "e LOGIN {0+}\r\n\r\nf NOOP\r\n")};
    SCENE(required, turns,
          BANNER "a" PRIVACY "d OK NOOP completed\r\ne" PRIVACY "f OK NOOP completed\r\n");
}

static void required_literals_that_wait_are_refused_at_once(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a LOGIN {4}\r\n"),  C("b AUTHENTICATE {5}\r\n"),
                                 C("c SELECT {5}\r\n"), C("d LOGIN {1+}\r\nu {1}\r\n"),
                                 C("e ID ({4}\r\n"),    C("f STARTTLS\r\n")};
    SCENE(required, turns,
          BANNER "a" PRIVACY "b" PRIVACY "c" EARLY "d" PRIVACY "e" NO_LITERAL "f" BEGIN,
          .end = DIALOGUE_UPGRADE);
}

static void a_literal_behind_no_command_is_consumed(void **state)
{
    (void)state;
    const struct turn turns[] = {C("+ {8+}\r\na NOOP\r\n\r\nb /x {8+}\r\na NOOP\r\n\r\n"
                                   "c NOOP\r\n")};
    SCENE(required, turns, BANNER NO_TAG "b" NO_COMMAND "c OK NOOP completed\r\n");
}

static void literals_that_may_be_none_end_the_session(void **state)
{
    (void)state;
    const struct turn atom[] = {C("a LOGIN u p{5+}\r\nb NOOP\r\n")};
    SCENE(required, atom, BANNER "a" DOUBT NO_END, .end = DIALOGUE_CLOSE);
    const struct turn quoted[] = {C("a LOGIN u \"p\\\" {5}\r\nb NOOP\r\n")};
    SCENE(required, quoted, BANNER "a" DOUBT NO_END, .end = DIALOGUE_CLOSE);
    const struct turn huge[] = {C("a LOGIN {9223372036854775808}\r\nb NOOP\r\n")};
    SCENE(required, huge, BANNER "a" DOUBT NO_END, .end = DIALOGUE_CLOSE);
    const struct turn alone[] = {C("{5+}\r\nb NOOP\r\n")};
    SCENE(required, alone, BANNER NO_TAG NO_END, .end = DIALOGUE_CLOSE);
    const struct turn slash[] = {C("a LOGIN \\\" {5}\r\n")};
    SCENE(required, slash, BANNER "a" DOUBT NO_END, .end = DIALOGUE_CLOSE);
}

static void braces_that_are_no_literal(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a LOGIN u }\r\nb LOGIN u {}\r\nc LOGIN u {+}\r\n"
                                   "d LOGIN u {5-}\r\ne LOGIN u {5 }\r\nf LOGIN u \"{5}\"\r\n"
                                   "g LOGIN u 5}\r\nh NOOP\r\n")};
    SCENE(required, turns,
          BANNER "a" PRIVACY "b" PRIVACY "c" PRIVACY "d" PRIVACY "e" PRIVACY "f" PRIVACY "g" PRIVACY
                 "h OK NOOP completed\r\n");
}

static void refused_literals_have_a_limit(void **state)
{
    (void)state;
    const struct turn large[] = {C("a LOGIN {8193+}\r\nb STARTTLS\r\n")};
    SCENE(required, large, BANNER "a" PRIVACY NO_END, .end = DIALOGUE_CLOSE);
    const struct turn waits[] = {C("a LOGIN {9000}\r\nb STARTTLS\r\n")};
    SCENE(required, waits, BANNER "a" PRIVACY "b" BEGIN, .end = DIALOGUE_UPGRADE);
    struct text t = {0};
    add(&t, "a LOGIN");
    add_times(&t, " {1+}\r\nx", 11);
    const struct turn many[] = {{CLIENT, t.data, t.size}};
    SCENE(required, many, BANNER "a" PRIVACY GOODBYE, .end = DIALOGUE_CLOSE);
    free(t.data);
}

static void required_ends_after_too_many_errors(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a X\r\na X\r\na X\r\na X\r\na X\r\na X\r\na X\r\na X\r\na X\r\n"
                                   "a X\r\na X\r\na X\r\n")};
    SCENE(required, turns,
          BANNER "a" EARLY "a" EARLY "a" EARLY "a" EARLY "a" EARLY "a" EARLY "a" EARLY "a" EARLY
                 "a" EARLY "a" EARLY "a" EARLY GOODBYE,
          .end = DIALOGUE_CLOSE);
}

static void a_browser_is_sent_away(void **state)
{
    (void)state;
    const struct turn get[] = {C("GET / HTTP/1.1\r\nHost: front.example\r\n")};
    SCENE(required, get, BANNER "* BYE This is not a web server\r\n", .end = DIALOGUE_CLOSE);
    const struct turn post[] = {U(G), C("POST http://front.example/ HTTP/1.1\r\n")};
    SCENE(inside, post, G "* BYE This is not a web server\r\n", .end = DIALOGUE_CLOSE);
    const struct turn tag[] = {C("GET NOOP\r\n")};
    SCENE(required, tag, BANNER "GET OK NOOP completed\r\n");
}

static void lines_have_a_limit(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "a ID (");
    add_times(&t, "0123456789abcdef", 4095); /* 65526 with what is before it */
    const size_t fits = t.size;
    add(&t, "\r\nb NOOP\r\n");
    const struct turn kib64[] = {{CLIENT, t.data, t.size}};
    LARGE_SCENE(required, kib64, BANNER "* ID NIL\r\na OK ID completed\r\nb OK NOOP completed\r\n");
    t.size = fits;
    add_times(&t, "0123456789abcdef", 65536);
    add(&t, "\r\nb NOOP\r\n");
    const struct turn mib[] = {{CLIENT, t.data, t.size}};
    LARGE_SCENE(required, mib, BANNER TOO_LONG, .end = DIALOGUE_CLOSE);
    memcpy(t.data, "a LOGIN {1+}\r\nx ", 16);
    LARGE_SCENE(required, mib, BANNER "a" PRIVACY TOO_LONG, .end = DIALOGUE_CLOSE);
    free(t.data);
}

/* ---- optional ---- */

static void optional_edits_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U("* ok [capability IMAP4rev1 SASL-IR STARTTLS LOGINDISABLED STARTTLSX AUTH=PLAIN "
          "auth=Login ID AUTHX] hi\r\n"),
        C("a STARTTLS\r\n")};
    SCENE(optional, turns,
          "* ok [capability IMAP4rev1 STARTTLSX ID AUTHX STARTTLS LOGINDISABLED] hi\r\na" BEGIN,
          .end = DIALOGUE_UPGRADE);
}

static void optional_edits_every_list(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G), C("a CAPABILITY\r\n"),
        U("* CAPABILITY  IMAP4rev1\tAUTH=NTLM starttls \n* OK [CAPABILITY IMAP4rev1 AUTH=X] hm\r\n"
          "a OK [CAPABILITY] done\r\n"),
        C("b NOOP\r\n"),
        U("* NO [CAPABILITY AUTH=A IMAP4rev1\r\nb NO [CAPABILITYX AUTH=A] x [CAPABILITY AUTH=B]\r\n"
          "* capability loginDisabled\r\n")};
    SCENE(optional, turns,
          G "* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
            "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hm\r\n"
            "a OK [CAPABILITY STARTTLS LOGINDISABLED] done\r\n"
            "* NO [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\n"
            "b NO [CAPABILITYX AUTH=A] x [CAPABILITY AUTH=B]\r\n"
            "* capability STARTTLS LOGINDISABLED\r\n",
          .to_upstream = "a CAPABILITY\r\nb NOOP\r\n");
}

static void optional_passwords_are_held_back(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("a LOGIN u p\r\nb login {1+}\r\nu {1+}\r\np\r\nc AUTHENTICATE PLAIN AGEAYg==\r\n"
          "d AUTHENTICATE LOGIN\r\nAGEAYg==\r\n*\r\ne LOGIN {1}\r\nu secret {2}\r\nf NOOP\r\n"),
        U("f OK\r\n")};
    SCENE(optional, turns,
          G "a" PRIVACY "b" PRIVACY "c" PRIVACY "d" PRIVACY NO_TAG NO_TAG "e" PRIVACY "u" UNKNOWN
            "f OK\r\n",
          .to_upstream = "f NOOP\r\n");
}

static void a_command_alone_is_no_login(void **state)
{
    (void)state;
    alone_is_no_login(G, "a AUTHENTICATE\r\nb LOGIN \r\n", "a AUTHENTICATE PLAIN\r\n");
    alone_is_no_login(G, "a authenticate\r\n", "a LOGIN {4}\r\n");
}

static void optional_passes_nothing_but_what_it_knows(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("a XLOGIN u p\r\nb SELECT INBOX\r\nc COMPRESS DEFLATE\r\nd NOOP {3+}\r\nfoo\r\n"
          "e CAPABILITY {3}\r\nf ID NIL\r\n"),
        U("* ID NIL\r\nf OK\r\n"),
        C("g LANGUAGE\r\n"),
        U("g BAD What?\r\n"),
        C("h LOGOUT\r\n"),
        U("* BYE see you\r\nh OK\r\n* OK never heard\r\n")};
    SCENE(optional, turns,
          G "a" UNKNOWN "b" UNKNOWN "c NO Not before login\r\nd" NO_LITERAL "e" NO_LITERAL
            "* ID NIL\r\nf OK\r\ng BAD What?\r\n* BYE see you\r\nh OK\r\n",
          .to_upstream = "f ID NIL\r\ng LANGUAGE\r\nh LOGOUT\r\n", .end = DIALOGUE_CLOSE);
}

/* Some server might take it for one, read the next command's front as its bytes, and hear the rest
 * of that: "x LOGIN u p". */
static void optional_what_may_be_a_literal_does_not_pass(void **state)
{
    (void)state;
    static const char *const ends[] = {"{7+} ", "{7+}\t", "{7 +}", "{7-}", "{+7}", "}"};
    for (size_t i = 0; i < COUNT(ends); i++) {
        char *first = join("a NOOP ", ends[i]), *said = join(first, "\r\nb NOOP x LOGIN u p\r\n");
        const struct turn turns[] = {U(G), {CLIENT, said, 0}};
        SCENE(optional, turns, G "a" NO_LITERAL, .to_upstream = "b NOOP x LOGIN u p\r\n");
        free(first), free(said);
    }
    const struct turn quoted[] = {U(G), C("a ID (\"name\" \"{7+}\")\r\n"), U("a OK\r\n")};
    SCENE(optional, quoted, G "a OK\r\n", .to_upstream = "a ID (\"name\" \"{7+}\")\r\n");
}

static void optional_nothing_more_can_be_asked_for(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a NOOP\r\nsecret\r\n"), U("+ more?\r\n")};
    SCENE(optional, turns, G DOWN, .to_upstream = "a NOOP\r\n", .end = DIALOGUE_CLOSE);
}

static void commands_are_sent_with_single_spaces(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a   noop   x  y\nb  NOOP  \r\n"), U("a OK\r\nb OK\r\n")};
    SCENE(optional, turns, G "a OK\r\nb OK\r\n", .to_upstream = "a noop x  y\r\nb NOOP\r\n");
}

static void replies_keep_their_order(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a NOOP\r\nb LOGIN u p\r\nc CAPABILITY\r\nd STARTTLS\r\n"),
                                 U("* OK hm\r\n"), U("a OK\r\n"),
                                 U("* CAPABILITY IMAP4\r\nc OK\r\n* OK never heard\r\n")};
    SCENE(optional, turns,
          G "* OK hm\r\na OK\r\nb" PRIVACY "* CAPABILITY IMAP4 STARTTLS LOGINDISABLED\r\nc OK\r\n"
            "d" BEGIN,
          .to_upstream = "a NOOP\r\nc CAPABILITY\r\n", .end = DIALOGUE_UPGRADE);
}

static void the_client_waits_for_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a STARTTLS\r\n"), U(G)};
    SCENE(optional, turns, G "a" BEGIN, .end = DIALOGUE_UPGRADE);
}

static void lines_that_are_no_responses_pass(void **state)
{
    (void)state;
    static const char *const strays[] = {"\r\n", "hello there\r\n", ")\r\n"};
    for (size_t i = 0; i < COUNT(strays); i++) {
        const struct turn turns[] = {
            U(G), C("ab NOOP\r\n"), {UPSTREAM, strays[i], 0}, U("ab OK\r\n"), C("b STARTTLS\r\n")};
        char *some = join(G, strays[i]), *heard = join(some, "ab OK\r\nb" BEGIN);
        SCENE(optional, turns, heard, .to_upstream = "ab NOOP\r\n", .end = DIALOGUE_UPGRADE);
        free(some);
        free(heard);
    }
}

/* MailKit#860, Stalwart#3241: the client's next command does not wait for a tagged answer that
 * never comes. */
static void an_untagged_refusal_alone_leaves_nobody_stuck(void **state)
{
    (void)state;
    static const char *const refusals[] = {"* NO hm\r\n", "* BAD hm\r\n"};
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct turn turns[] = {
            U(G), C("a NOOP\r\n"), {UPSTREAM, refusals[i], 0}, C("b STARTTLS\r\n")};
        char *some = join(G, refusals[i]), *begun = join(some, "b" BEGIN),
             *active = join(some, "b" ACTIVE);
        SCENE(optional, turns, begun, .to_upstream = "a NOOP\r\n", .end = DIALOGUE_UPGRADE);
        SCENE(inside, turns, active, .to_upstream = "a NOOP\r\n");
        free(some);
        free(begun);
        free(active);
    }
}

static void responses_that_nobody_asked_for_end_the_session(void **state)
{
    (void)state;
    static const char *const strays[] = {
        "a OK\r\n", "ac OK\r\n", "abc OK [CAPABILITY AUTH=A]\r\n", "** OK x\r\n", "+ more?\r\n",
    };
    for (size_t i = 0; i < COUNT(strays); i++) {
        const struct turn idle[] = {U(G), {UPSTREAM, strays[i], 0}, C("a NOOP\r\n")};
        SCENE(optional, idle, G DOWN, .end = DIALOGUE_CLOSE);
        const struct turn asked[] = {
            U(G), C("ab NOOP\r\nb STARTTLS\r\n"), {UPSTREAM, strays[i], 0}};
        SCENE(optional, asked, G DOWN, .to_upstream = "ab NOOP\r\n", .end = DIALOGUE_CLOSE);
    }
    const struct turn own[] = {U(G), C("ab NOOP\r\nb STARTTLS\r\n"), U("ab\r\n")};
    SCENE(optional, own, G "ab\r\nb" BEGIN, .to_upstream = "ab NOOP\r\n", .end = DIALOGUE_UPGRADE);
}

static void a_server_too_old_for_capability(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a CAPABILITY\r\n"), U("a BAD What?\r\n"),
                                 C("b STARTTLS\r\n")};
    SCENE(optional, turns, G LIST "a OK CAPABILITY completed\r\nb" BEGIN,
          .to_upstream = "a CAPABILITY\r\n", .end = DIALOGUE_UPGRADE);
    SCENE(trusting, turns,
          G "* CAPABILITY IMAP4rev1 STARTTLS\r\na OK CAPABILITY completed\r\nb" BEGIN,
          .to_upstream = "a CAPABILITY\r\n", .end = DIALOGUE_UPGRADE);
    const struct turn in[] = {U(G), C("a CAPABILITY\r\n"), U("a BAD What?\r\n")};
    SCENE(inside, in, G "a BAD What?\r\n", .to_upstream = "a CAPABILITY\r\n");
    const struct turn listed[] = {U(G), C("a CAPABILITY\r\n"), U("* CAPABILITY X\r\na NO\r\n")};
    SCENE(optional, listed, G "* CAPABILITY X STARTTLS LOGINDISABLED\r\na NO\r\n",
          .to_upstream = "a CAPABILITY\r\n");
    const struct turn greeted[] = {U("* OK [CAPABILITY X] hi\r\n"), C("a CAPABILITY\r\n"),
                                   U("a NO\r\n")};
    SCENE(optional, greeted,
          "* OK [CAPABILITY X STARTTLS LOGINDISABLED] hi\r\n" LIST "a OK CAPABILITY completed\r\n",
          .to_upstream = "a CAPABILITY\r\n");
}

static void a_mailbox_without_login_is_not_shown_in_clear(void **state)
{
    (void)state;
    const struct turn turns[] = {U("* PREAUTH [CAPABILITY IMAP4rev1] welcome root\r\n")};
    SCENE(optional, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(trusting, turns, DOWN, .end = DIALOGUE_CLOSE);
    SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
    const struct turn later[] = {U(G "* PREAUTH hm\r\n")};
    SCENE(optional, later, G DOWN, .end = DIALOGUE_CLOSE);
    SCENE(inside, later, G "* PREAUTH hm\r\n", .end = DIALOGUE_RELAY);
    SCENE(upgraded, later, "* PREAUTH hm\r\n", .end = DIALOGUE_RELAY);
}

static void the_upstreams_last_word_passes(void **state)
{
    (void)state;
    const struct turn greeting[] = {U("* BYE [CAPABILITY AUTH=A] full\r\n* OK\r\n")};
    SCENE(optional, greeting, "* BYE [CAPABILITY STARTTLS LOGINDISABLED] full\r\n",
          .end = DIALOGUE_CLOSE);
    SCENE(inside, greeting, "* BYE [CAPABILITY AUTH=A] full\r\n* OK\r\n");
    const struct turn later[] = {U(G), C("a NOOP\r\n"), U("* bye idle\r\na OK\r\n")};
    SCENE(optional, later, G "* bye idle\r\n", .to_upstream = "a NOOP\r\n", .end = DIALOGUE_CLOSE);
    SCENE(inside, later, G "* bye idle\r\na OK\r\n", .to_upstream = "a NOOP\r\n");
}

static void greetings_that_are_none(void **state)
{
    (void)state;
    const char *const texts[] = {"220 smtp.example\r\n",       "+OK pop\r\n", "* NO\r\n", "*OK\r\n",
                                 "* CAPABILITY IMAP4rev1\r\n", "a OK\r\n"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        const struct turn turns[] = {{UPSTREAM, texts[i], strlen(texts[i])}};
        SCENE(optional, turns, DOWN, .end = DIALOGUE_CLOSE);
        SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
    }
}

static void lists_with_control_characters_end(void **state)
{
    (void)state;
    const struct turn nul[] = {U("* OK [CAPABILITY IMAP4rev1\0AUTH=PLAIN] x\r\n")};
    SCENE(optional, nul, DOWN, .end = DIALOGUE_CLOSE);
    const struct turn cr[] = {U(G "* CAPABILITY IMAP4rev1\rSTARTTLS\r\n")};
    SCENE(optional, cr, G DOWN, .end = DIALOGUE_CLOSE);
}

/* ---- optional, where passwords may pass ---- */

static void a_login_passes_where_it_may(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR] hi\r\n"),
        C("a LOGIN u p\r\nb SELECT INBOX\r\n"),
        U("* CAPABILITY IMAP4rev1 STARTTLS IDLE\r\n"
          "a OK [CAPABILITY IMAP4rev1 STARTTLS IDLE] in\r\n"),
        C("c STARTTLS\r\n"), U("* CAPABILITY STARTTLS\r\n")};
    SCENE(trusting, turns,
          "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR STARTTLS] hi\r\n"
          "* CAPABILITY IMAP4rev1 IDLE\r\na OK [CAPABILITY IMAP4rev1 IDLE] in\r\n"
          "* CAPABILITY STARTTLS\r\n",
          .to_upstream = "a LOGIN u p\r\nb SELECT INBOX\r\nc STARTTLS\r\n", .end = DIALOGUE_RELAY);
}

static void a_login_that_failed_can_be_followed_by_starttls(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U("* OK [CAPABILITY LOGINDISABLED AUTH=A] hi\r\n"), C("a LOGIN u p\r\n"),
        U("a NO [CAPABILITY IMAP4rev1 AUTH=A] no\r\n"), C("b STARTTLS\r\n")};
    SCENE(trusting, turns,
          "* OK [CAPABILITY LOGINDISABLED AUTH=A STARTTLS] hi\r\n"
          "a NO [CAPABILITY IMAP4rev1 AUTH=A STARTTLS] no\r\nb" BEGIN,
          .to_upstream = "a LOGIN u p\r\n", .end = DIALOGUE_UPGRADE);
}

static void a_login_that_failed_is_over(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a LOGIN u p\r\n"),
                                 U("a NO\r\n* CAPABILITY X STARTTLS\r\na OK in\r\n")};
    SCENE(trusting, turns, G "a NO\r\n* CAPABILITY X STARTTLS\r\n" DOWN,
          .to_upstream = "a LOGIN u p\r\n", .end = DIALOGUE_CLOSE);
}

static void an_authentication_passes_untouched(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("a AUTHENTICATE LOGIN\r\n"),
                                 U("+ VXNlcg==\r\n"),
                                 C("a STARTTLS\r\n"),
                                 U("+\r\n"),
                                 C("*\n"),
                                 U("a OK in\r\n"),
                                 C("raw {5}\r\n")};
    SCENE(trusting, turns, G "+ VXNlcg==\r\n+\r\na OK in\r\n",
          .to_upstream = "a AUTHENTICATE LOGIN\r\na STARTTLS\r\n*\r\nraw {5}\r\n",
          .end = DIALOGUE_RELAY);
}

static void an_authentication_refused_is_followed_by_commands(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a AUTHENTICATE PLAIN AGEAYg==\r\nb STARTTLS\r\n"),
                                 U("a NO\r\n")};
    SCENE(trusting, turns, G "a NO\r\nb" BEGIN, .to_upstream = "a AUTHENTICATE PLAIN AGEAYg==\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn late[] = {U(G), C("a AUTHENTICATE PLAIN\r\n"), U("+\r\n"), U("a NO time\r\n"),
                                C("b STARTTLS\r\n")};
    SCENE(trusting, late, G "+\r\na NO time\r\nb" BEGIN, .to_upstream = "a AUTHENTICATE PLAIN\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void a_response_is_read_before_what_the_upstream_says_next(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a AUTHENTICATE X\r\nresponse\r\nb STARTTLS\r\n"),
                                 U("+\r\na NO\r\n* OK never heard\r\n")};
    SCENE(trusting, turns, G "+\r\na NO\r\nb" BEGIN,
          .to_upstream = "a AUTHENTICATE X\r\nresponse\r\n", .end = DIALOGUE_UPGRADE);
}

static void a_response_with_control_characters_ends(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a AUTHENTICATE X\r\n"), U("+\r\n"), C("AG\0E=\r\n")};
    SCENE(trusting, turns, G "+\r\n* BYE That is no response\r\n",
          .to_upstream = "a AUTHENTICATE X\r\n", .end = DIALOGUE_CLOSE);
}

static void literals_that_wait_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("a LOGIN {11}\r\n"),
                                 U("* OK hm\r\n+ go on\r\n"),
                                 C("x STARTTLS\n {0}\r\n"),
                                 U("+ more\r\n"),
                                 C(" \"{5}\"\r\n"),
                                 U("a OK in\r\n")};
    SCENE(trusting, turns, G "* OK hm\r\n+ go on\r\n+ more\r\na OK in\r\n",
          .to_upstream = "a LOGIN {11}\r\nx STARTTLS\n {0}\r\n \"{5}\"\r\n", .end = DIALOGUE_RELAY);
}

static void literals_that_wait_may_be_refused(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a LOGIN {11}\r\n"), U("a NO too long\r\n"),
                                 C("x STARTTLS\r\n")};
    SCENE(trusting, turns, G "a NO too long\r\nx" BEGIN, .to_upstream = "a LOGIN {11}\r\n",
          .end = DIALOGUE_UPGRADE);
}

static void literals_that_come_wait_for_the_upstream(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a LOGIN {3+}\r\nx\r\n {2+}\r\npw\r\nb NOOP\r\n"),
                                 U("+ go on\r\n"), U("+ more\r\n"), U("a OK in\r\n")};
    SCENE(trusting, turns, G "a OK in\r\n",
          .to_upstream = "a LOGIN {3}\r\nx\r\n {2}\r\npw\r\nb NOOP\r\n", .end = DIALOGUE_RELAY);
    SCENE(inside, turns, G "+ go on\r\n+ more\r\na OK in\r\n",
          .to_upstream = "a LOGIN {3+}\r\nx\r\n {2+}\r\npw\r\nb NOOP\r\n", .end = DIALOGUE_RELAY);
}

static void literals_that_come_in_vain_are_consumed(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),
                                 C("a LOGIN {10+}\r\nx STARTTLS {3+}\r\nfoo bar\r\nb STARTTLS\r\n"),
                                 U("a BAD hm\r\n")};
    SCENE(trusting, turns, G "a BAD hm\r\nb" BEGIN, .to_upstream = "a LOGIN {10}\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn large[] = {U(G), C("a LOGIN {8193+}\r\n"), U("a BAD hm\r\n")};
    SCENE(trusting, large, G "a BAD hm\r\n" NO_END, .to_upstream = "a LOGIN {8193}\r\n",
          .end = DIALOGUE_CLOSE);
}

static void answers_within_a_literal_end_the_session(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a LOGIN {9}\r\n"), U("+\r\n"), C("123"),
                                 U("a OK in\r\n")};
    SCENE(trusting, turns, G "+\r\n" DOWN, .to_upstream = "a LOGIN {9}\r\n123",
          .end = DIALOGUE_CLOSE);
    const struct turn rest[] = {U(G), C("a LOGIN {3}\r\n"), U("+\r\n"), C("123"), U("a OK in\r\n")};
    SCENE(trusting, rest, G "+\r\n" DOWN, .to_upstream = "a LOGIN {3}\r\n123",
          .end = DIALOGUE_CLOSE);
}

static void lines_behind_a_literal_are_checked(void **state)
{
    (void)state;
    const struct turn doubt[] = {U(G), C("a LOGIN {1}\r\n"), U("+\r\n"), C("u p{3+}\r\nb X\r\n")};
    SCENE(trusting, doubt, G "+\r\n* BYE That is no command\r\n", .to_upstream = "a LOGIN {1}\r\nu",
          .end = DIALOGUE_CLOSE);
    const struct turn cr[] = {U(G), C("a LOGIN {1}\r\n"), U("+\r\n"), C("u p\rb STARTTLS\r\n")};
    SCENE(trusting, cr, G "+\r\n* BYE That is no command\r\n", .to_upstream = "a LOGIN {1}\r\nu",
          .end = DIALOGUE_CLOSE);
}

static void literals_of_any_size_pass(void **state)
{
    (void)state;
    struct text t = {0}, all = {0};
    add_times(&t, "0123456789abcdef", 12500);
    add(&t, "\r\n");
    add(&all, "a X {200000}\r\n");
    add(&all, t.data);
    const struct turn turns[] = {
        U(G), C("a X {200000+}\r\n"), U("+\r\n"), {CLIENT, t.data, t.size}, U("a NO\r\n")};
    LARGE_SCENE(trusting, turns, G "a NO\r\n", .to_upstream = all.data);
    char *said = join("a X {200000+}\r\n", t.data);
    LARGE_SCENE(inside, turns, G "+\r\na NO\r\n", .to_upstream = said);
    free(said);
    free(t.data);
    free(all.data);
}

/* ---- inside ---- */

static void inside_takes_the_upgrade_out_wherever_it_stands(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U("* OK [CAPABILITY STARTTLS IMAP4rev1 LOGINDISABLED AUTH=PLAIN SASL-IR XSTARTTLS] hi\r\n"),
        C("a CAPABILITY\r\n"),
        U("* CAPABILITY IMAP4rev1 LOGINDISABLED starttls\r\na OK [CAPABILITY StartTLS] x\r\n"),
        C("b LOGIN u p\r\n"),
        U("* CAPABILITY IMAP4rev1 STARTTLS\r\nb OK [CAPABILITY IMAP4rev1 STARTTLS X] in\r\n")};
    SCENE(inside, turns,
          "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR XSTARTTLS] hi\r\n"
          "* CAPABILITY IMAP4rev1\r\na OK [CAPABILITY] x\r\n"
          "* CAPABILITY IMAP4rev1\r\nb OK [CAPABILITY IMAP4rev1 X] in\r\n",
          .to_upstream = "a CAPABILITY\r\nb LOGIN u p\r\n", .end = DIALOGUE_RELAY);
}

static void inside_logindisabled_without_starttls_is_meant(void **state)
{
    (void)state;
    const struct turn turns[] = {U("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] hi\r\n")};
    SCENE(inside, turns, "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] hi\r\n");
}

static void inside_starttls_is_on_already(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a STARTTLS\r\nb NOOP\r\nc STARTTLS\r\n"), U("b OK\r\n")};
    SCENE(inside, turns, G "a" ACTIVE "c" ACTIVE "b OK\r\n", .to_upstream = "b NOOP\r\n");
}

static void inside_unknown_commands_pass(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),          C("a XAUTH u\r\n"),    U("+ key?\r\n"), C("b STARTTLS\r\n"),
        U("a OK\r\n"), C("c SELECT {5}\r\n"), U("c NO\r\n")};
    SCENE(inside, turns, G "+ key?\r\na OK\r\nc NO\r\n",
          .to_upstream = "a XAUTH u\r\nb STARTTLS\r\nc SELECT {5}\r\n");
}

#define CAUGHT  "* BYE Insufficient authorization\r\n"
#define ID_SAID "a ID (\"x-originating-ip\" \"10.0.0.1\")\r\n"

/* Not every server takes for a literal what we do. Then lines begin in there. */
static void inside_literals_hide_no_word_about_who_the_client_is(void **state)
{
    (void)state;
    static const char *const lines[][2] = {
        {"x {41+}\r\n", "a ID (\"x"},
        {"{41+}\r\n", ""}, /* of which no parser tells how long it is */
        {"x NOOP ((({47+}\r\nb NOOP\n", "a ID (\"x"},
        {"x NOOP ~{0+}\r\n", ""},
        {"x LOGIN {3+}\r\n", "a I"},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        char *said = join(lines[i][0], ID_SAID), *heard = join(lines[i][0], lines[i][1]);
        const struct turn turns[] = {U(G), {CLIENT, said, 0}};
        SCENE(inside, turns, G CAUGHT, .to_upstream = heard, .end = DIALOGUE_CLOSE);
        free(said), free(heard);
    }
}

/* A "+" may come late, for a response that was there already. */
static void inside_a_response_hides_none_either(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("x AUTHENTICATE PLAIN\r\n*\r\n"), U("+\r\nx BAD\r\n"),
                                 C(ID_SAID)};
    SCENE(inside, turns, G "+\r\nx BAD\r\n" CAUGHT, .to_upstream = "x AUTHENTICATE PLAIN\r\n*\r\n",
          .end = DIALOGUE_CLOSE);
}

/* The upstream takes one of them for something else. */
static void inside_only_a_login_ends_the_watch(void **state)
{
    (void)state;
    const struct turn swallowed[] = {U(G),
                                     C("y AUTHENTICATE PLAIN\r\nx LOGIN a b\r\n"),
                                     U("+\r\ny BAD\r\n"),
                                     C("v NOOP\r\nw NOOP\r\nx NOOP\r\n"),
                                     U("v OK\r\nw OK\r\nx OK\r\n"),
                                     C("a STARTTLS\r\n")};
    SCENE(inside, swallowed, G "+\r\ny BAD\r\nv OK\r\nw OK\r\nx OK\r\na" ACTIVE,
          .to_upstream = "y AUTHENTICATE PLAIN\r\nx LOGIN a b\r\nv NOOP\r\nw NOOP\r\nx NOOP\r\n");
    const struct turn again[] = {U(G), C("x LOGIN a b\r\nx NOOP\r\n"), U("x OK\r\n"),
                                 C("a STARTTLS\r\n")};
    SCENE(inside, again, G "x OK\r\na" ACTIVE, .to_upstream = "x LOGIN a b\r\nx NOOP\r\n");
    const struct turn tab[] = {U(G), C("x\tLOGIN a b\r\ny NOOP\r\n"), U("* BAD\r\nx OK\r\n"),
                               C("a STARTTLS\r\n")};
    SCENE(inside, tab, G "* BAD\r\nx OK\r\na" ACTIVE, .to_upstream = "x\tLOGIN a b\r\ny NOOP\r\n");
}

/* Of which not all can be read. */
static void inside_an_endless_id_goes_nowhere(void **state)
{
    (void)state;
    static char said[LINE_MAX_IMAP + 100] = "a ID (\"name\" \"";
    memset(said + strlen(said), 'x', LINE_MAX_IMAP);
    char *line = join(said, "\" \"x-originating-ip\" \"10.0.0.1\")\r\n");
    const struct turn turns[] = {U(G), {CLIENT, line, 0}};
    LARGE_SCENE(inside, turns, G "* ID NIL\r\na OK ID completed\r\n");
    free(line);
}

static void inside_a_password_may_have_its_words(void **state)
{
    (void)state;
    static const char login[] = "a LOGIN {2+}\r\nme {14+}\r\nmy id card\nid x \r\n";
    const struct turn turns[] = {U(G), C(login), U("a NO\r\n")};
    SCENE(inside, turns, G "a NO\r\n", .to_upstream = login);
}

static void inside_compression_ends_the_watch(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a COMPRESS DEFLATE\r\n\x01\x02"), U("a OK\r\n\x03")};
    SCENE(inside, turns, G "a OK\r\n\x03", .to_upstream = "a COMPRESS DEFLATE\r\n\x01\x02",
          .end = DIALOGUE_RELAY);
    const struct turn refused[] = {U(G), C("a COMPRESS DEFLATE\r\nb STARTTLS\r\n"), U("a NO\r\n")};
    SCENE(inside, refused, G "b" ACTIVE "a NO\r\n", .to_upstream = "a COMPRESS DEFLATE\r\n");
    SCENE(trusting, refused, G "a NO Not before login\r\nb" BEGIN, .end = DIALOGUE_UPGRADE);
}

static void inside_a_mailbox_that_is_open_is_shown(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a STARTTLS\r\n"),
                                 U("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n* OK\r\n")};
    SCENE(inside, turns, "a" ACTIVE "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n* OK\r\n",
          .end = DIALOGUE_RELAY);
    SCENE(telling, turns, "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n* OK\r\n",
          .to_upstream = "a STARTTLS\r\n", .end = DIALOGUE_RELAY);
}

static void the_clients_identity_is_ours_to_tell(void **state)
{
    (void)state;
    const struct turn turns[] = {
        U(G),
        C("a ID (\"X-originating-ip\" \"10.0.0.1\")\r\nb ID (\"name\" \"y\" x-forward-a b)\r\n"
          "c ID (x-session-id 1)\r\nd ID (\"x\\-proxy-ttl\" \"1\")\r\ne ID ({4+}\r\nx-ab 1)\r\n"
          "g ID(\"x-a\" \"1\")\r\nf ID (\"max-x\" \"y\" \"x\" \"-\")\r\n"),
        U("* ID (\"name\" \"old\")\r\nf OK\r\n")};
#define ID_OK " OK ID completed\r\n"
    SCENE(inside, turns,
          G "* ID NIL\r\na" ID_OK "* ID NIL\r\nb" ID_OK "* ID NIL\r\nc" ID_OK "* ID NIL\r\nd" ID_OK
            "* ID NIL\r\ne" ID_OK "* ID NIL\r\ng" ID_OK "* ID (\"name\" \"old\")\r\nf OK\r\n",
          .to_upstream = "f ID (\"max-x\" \"y\" \"x\" \"-\")\r\n");
}

static void commands_unknown_to_both_are_counted(void **state)
{
    (void)state;
    struct text client = {0}, upstream = {0}, heard = {0};
    add_times(&client, "a FOO\r\n", 12);
    add_times(&upstream, "a BAD no\r\n", 12);
    add(&heard, G);
    add_times(&heard, "a BAD no\r\n", 11);
    add(&heard, GOODBYE);
    struct text sent = {0};
    add_times(&sent, "a FOO\r\n", 11);
    const struct turn turns[] = {
        U(G), {CLIENT, client.data, client.size}, {UPSTREAM, upstream.data, upstream.size}};
    SCENE(trusting, turns, heard.data, .to_upstream = sent.data, .end = DIALOGUE_CLOSE);
    free(client.data);
    free(upstream.data);
    free(heard.data);
    free(sent.data);
}

static void literals_in_responses_pass_unread(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a ID NIL\r\n"),
                                 U("* ID (\"name\" {24}\r\na OK [CAPABILITY AUTH]\r\n \"v\" "
                                   "{0}\r\n {16}\r\n* PREAUTH hm !!\n"
                                   ")\r\n* OK {5}\r\na OK {7}\r\n")};
    SCENE(inside, turns,
          G "* ID (\"name\" {24}\r\na OK [CAPABILITY AUTH]\r\n \"v\" {0}\r\n {16}\r\n"
            "* PREAUTH hm !!\n)\r\n* OK {5}\r\na OK {7}\r\n",
          .to_upstream = "a ID NIL\r\n");
}

static void nothing_of_ours_goes_into_a_response(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G),      U("* X {8}\r\n1234"), C("a STARTTLS\r\n"),
                                 U("5678"), U(" {1}\r\n"),        U("90\r\n")};
    SCENE(inside, turns, G "* X {8}\r\n12345678 {1}\r\n90\r\na" ACTIVE);
    const struct turn after[] = {U(G "* X {2}\r\n1"), C("a STARTTLS\r\n"), U("2\r\n* OK hm\r\n")};
    SCENE(inside, after, G "* X {2}\r\n12\r\na" ACTIVE "* OK hm\r\n");
}

static void literals_in_responses_that_make_no_sense_end(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G "* X {8+}\r\n")};
    SCENE(trusting, turns, G DOWN, .end = DIALOGUE_CLOSE);
    const struct turn doubt[] = {U(G "* X foo{8}\r\n")};
    SCENE(trusting, doubt, G DOWN, .end = DIALOGUE_CLOSE);
}

static void upgraded_swallows_the_greeting(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a CAPABILITY\r\n"),
                                 U("* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n* OK alert\r\n"),
                                 U("* CAPABILITY IMAP4rev1 STARTTLS\r\na OK\r\n")};
    SCENE(upgraded, turns, "* OK alert\r\n* CAPABILITY IMAP4rev1\r\na OK\r\n",
          .to_upstream = "a CAPABILITY\r\n");
}

static void upgraded_tells_of_a_refusal(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a CAPABILITY\r\n"), U("* BYE too busy\r\n")};
    SCENE(upgraded, turns, DOWN, .end = DIALOGUE_CLOSE);
}

/* ---- ID of our own ---- */

#define OFFER "* OK [CAPABILITY IMAP4rev1 ID STARTTLS] hi\r\n"
#define OUR_ID                                                                                     \
    "front2 ID (\"x-originating-ip\" \"2001:db8::7\" \"x-originating-port\" \"40001\" "            \
    "\"x-session-id\" \"s-1\" \"x-proxy-ttl\" \"4\")\r\n"

static void id_tells_who_the_client_is(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a NOOP\r\n"), U(OFFER),
                                 U("* ID (\"name\" {3}\r\nold)\r\nfront2 OK\r\n"), U("a OK\r\n")};
    SCENE(telling, turns, "* OK [CAPABILITY IMAP4rev1 ID] hi\r\na OK\r\n",
          .to_upstream = OUR_ID "a NOOP\r\n");
    SCENE(telling_upgraded, turns, "a OK\r\n", .to_upstream = OUR_ID "a NOOP\r\n");
    SCENE(telling_optional, turns,
          "* OK [CAPABILITY IMAP4rev1 ID STARTTLS LOGINDISABLED] hi\r\na OK\r\n",
          .to_upstream = OUR_ID "a NOOP\r\n");
}

static void id_sends_what_is_known(void **state)
{
    (void)state;
    const struct dialogue_facts facts = {.mode = DIALOGUE_INSIDE,
                                         HOST,
                                         .client_address = "10.0.0.1",
                                         .session_id = "a\"b\\c\r\n\xff"};
    const struct turn turns[] = {U("* OK [CAPABILITY id] hi\r\n")};
    SCENE(facts, turns, "* OK [CAPABILITY id] hi\r\n",
          .to_upstream = "front2 ID (\"x-originating-ip\" \"10.0.0.1\" "
                         "\"x-session-id\" \"a\\\"b\\\\c\" \"x-proxy-ttl\" \"4\")\r\n");
}

static void id_is_not_sent_where_it_is_not_offered(void **state)
{
    (void)state;
    const struct turn turns[] = {U("* OK [CAPABILITY IMAP4rev1 IDLE ID2] hi\r\n"),
                                 C("a STARTTLS\r\n")};
    SCENE(telling, turns, "* OK [CAPABILITY IMAP4rev1 IDLE ID2] hi\r\na" ACTIVE);
}

static void id_is_sought_where_the_greeting_has_no_list(void **state)
{
    (void)state;
    const struct turn offered[] = {
        C("a NOOP\r\n"), U(G), U("* OK hm\r\n* CAPABILITY IMAP4rev1 ID\r\nfront1 OK\r\n"),
        U("* CAPABILITY X STARTTLS\r\n* ID NIL\r\nfront2 OK\r\n"), U("a OK\r\n")};
    SCENE(telling, offered, G "* OK hm\r\n* CAPABILITY X\r\na OK\r\n",
          .to_upstream = "front1 CAPABILITY\r\n" OUR_ID "a NOOP\r\n");
    const struct turn in_the_answer[] = {U(G), U("front1 OK [CAPABILITY ID] x\r\nfront2 NO\r\n"),
                                         C("a STARTTLS\r\n")};
    SCENE(telling_upgraded, in_the_answer, "a" ACTIVE,
          .to_upstream = "front1 CAPABILITY\r\n" OUR_ID);
    const struct turn not_offered[] = {C("a NOOP\r\n"), U(G), U("front1 BAD What?\r\n"),
                                       U("a OK\r\n")};
    SCENE(telling, not_offered, G "a OK\r\n", .to_upstream = "front1 CAPABILITY\r\na NOOP\r\n");
}

static void id_refused_goes_on_without(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a NOOP\r\n"), U(OFFER), U("front2 BAD no\r\n"), U("a OK\r\n")};
    SCENE(telling_upgraded, turns, "a OK\r\n", .to_upstream = OUR_ID "a NOOP\r\n");
}

static void id_refused_without_a_tag_goes_on_without(void **state)
{
    (void)state;
    const struct turn turns[] = {C("a NOOP\r\n"), U(OFFER), U("* BAD no\r\n"),
                                 U("front2 BAD no\r\na OK\r\n")};
    SCENE(telling_upgraded, turns, "* BAD no\r\na OK\r\n", .to_upstream = OUR_ID "a NOOP\r\n");
    SCENE(telling_optional, turns,
          "* OK [CAPABILITY IMAP4rev1 ID STARTTLS LOGINDISABLED] hi\r\n* BAD no\r\na OK\r\n",
          .to_upstream = OUR_ID "a NOOP\r\n");
    const struct turn list[] = {C("a NOOP\r\n"), U(G), U("* NO what\r\n"), U("a OK\r\n")};
    SCENE(telling, list, G "* NO what\r\na OK\r\n",
          .to_upstream = "front1 CAPABILITY\r\na NOOP\r\n");
}

/* Nobody but us has asked, so it answers us. The right one may follow, and is for nobody. */
static void id_answered_with_another_tag_is_answered(void **state)
{
    (void)state;
    static const char *const answers[] = {"xx OK\r\n", "FRONT2 OK\r\n", "xx NO hm\r\n",
                                          "xx OK\r\nfront2 OK\r\n"};
    for (size_t i = 0; i < COUNT(answers); i++) {
        const struct turn turns[] = {
            C("a NOOP\r\n"), U(OFFER), {UPSTREAM, answers[i], 0}, U("a OK\r\n")};
        SCENE(telling_upgraded, turns, "a OK\r\n", .to_upstream = OUR_ID "a NOOP\r\n");
        SCENE(telling_optional, turns,
              "* OK [CAPABILITY IMAP4rev1 ID STARTTLS LOGINDISABLED] hi\r\na OK\r\n",
              .to_upstream = OUR_ID "a NOOP\r\n");
    }
    const struct turn list[] = {U(G), U("* CAPABILITY ID\r\nxx OK\r\nfront1 OK\r\nfront2 OK\r\n"),
                                C("a NOOP\r\n"), U("a OK\r\n")};
    SCENE(telling, list, G "a OK\r\n", .to_upstream = "front1 CAPABILITY\r\n" OUR_ID "a NOOP\r\n");
}

/* What is no response answers nothing, and says nothing to the client. */
static void id_is_not_answered_by_nonsense(void **state)
{
    (void)state;
    static const char *const nonsense[] = {"\r\n", "what\r\n", "what is this\r\n", "front1 OK\r\n"};
    for (size_t i = 0; i < COUNT(nonsense); i++) {
        const struct turn turns[] = {C("a NOOP\r\n"), U(OFFER), {UPSTREAM, nonsense[i], 0}};
        SCENE(telling_upgraded, turns, "", .to_upstream = OUR_ID);
    }
}

static void a_client_may_have_our_tags(void **state)
{
    (void)state;
    const struct turn turns[] = {U(OFFER), U("* BAD no\r\n"), C("front2 NOOP\r\nb NOOP\r\n"),
                                 U("front2 OK\r\nb OK\r\n")};
    SCENE(telling_upgraded, turns, "* BAD no\r\nfront2 OK\r\nb OK\r\n",
          .to_upstream = OUR_ID "front2 NOOP\r\nb NOOP\r\n");
    SCENE(telling_optional, turns,
          "* OK [CAPABILITY IMAP4rev1 ID STARTTLS LOGINDISABLED] hi\r\n"
          "* BAD no\r\nfront2 OK\r\nb OK\r\n",
          .to_upstream = OUR_ID "front2 NOOP\r\nb NOOP\r\n");
}

static void tags_may_come_back_in_another_case(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G), C("a1 NOOP\r\n"), U("A1 OK\r\n"), C("a2 STARTTLS\r\n")};
    SCENE(optional, turns, G "A1 OK\r\na2" BEGIN, .to_upstream = "a1 NOOP\r\n",
          .end = DIALOGUE_UPGRADE);
    const struct turn compress[] = {U(G), C("a COMPRESS DEFLATE\r\n\x01\x02"), U("A OK\r\n\x03")};
    SCENE(inside, compress, G "A OK\r\n\x03", .to_upstream = "a COMPRESS DEFLATE\r\n\x01\x02",
          .end = DIALOGUE_RELAY);
}

static void id_may_show_that_the_client_is_not_wanted(void **state)
{
    (void)state;
    const struct turn turns[] = {U(OFFER), U("* BYE not you\r\n")};
    SCENE(telling_upgraded, turns, "* BYE not you\r\n", .to_upstream = OUR_ID,
          .end = DIALOGUE_CLOSE);
}

static void what_we_ask_for_is_bounded(void **state)
{
    (void)state;
    struct text t = {0};
    add_times(&t, "* ID NIL\r\n", 64);
    const struct turn lines[] = {U(OFFER), {UPSTREAM, t.data, t.size}};
    SCENE(telling_upgraded, lines, DOWN, .to_upstream = OUR_ID, .end = DIALOGUE_CLOSE);
    const struct turn literal[] = {U(OFFER), U("* ID ({65537}\r\n")};
    SCENE(telling_upgraded, literal, DOWN, .to_upstream = OUR_ID, .end = DIALOGUE_CLOSE);
    const struct turn plus[] = {U(OFFER), U("+\r\n")};
    SCENE(telling_upgraded, plus, DOWN, .to_upstream = OUR_ID, .end = DIALOGUE_CLOSE);
    free(t.data);
}

/* ---- the upstream's lines ---- */

static void lines_without_end_are_bounded(void **state)
{
    (void)state;
    struct text t = {0};
    add(&t, "* OK ");
    add_times(&t, "0123456789abcdef", 65536);
    const struct turn greeting[] = {{UPSTREAM, t.data, t.size}};
    LARGE_SCENE(optional, greeting, DOWN, .end = DIALOGUE_CLOSE);
    LARGE_SCENE(upgraded, greeting, DOWN, .end = DIALOGUE_CLOSE);
    const struct turn later[] = {U(G), C("a NOOP\r\n"), {UPSTREAM, t.data, t.size}};
    LARGE_SCENE(optional, later, G DOWN, .to_upstream = "a NOOP\r\n", .end = DIALOGUE_CLOSE);
    char *heard = join(G, t.data);
    LARGE_SCENE(inside, later, heard, .to_upstream = "a NOOP\r\n");
    free(heard);
    free(t.data);
}

static void long_lists_pass(void **state)
{
    (void)state;
    struct text said = {0}, heard = {0};
    add(&said, "* OK [CAPABILITY");
    add_times(&said, " X-SOMETHING", 2600);
    add(&heard, said.data);
    add(&said, " AUTH=PLAIN STARTTLS");
    add_times(&said, " Y-SOMETHING", 2600);
    add_times(&heard, " Y-SOMETHING", 2600);
    add(&said, "] hi\r\n");
    add(&heard, " STARTTLS LOGINDISABLED] hi\r\n");
    const struct turn turns[] = {{UPSTREAM, said.data, said.size}};
    LARGE_SCENE(optional, turns, heard.data);
    free(said.data);
    free(heard.data);
}

static void data_that_nobody_asked_for_passes(void **state)
{
    (void)state;
    const struct turn turns[] = {U(G "* FOO\n* OK \0 \xff\r\n"), C("a STARTTLS\r\n")};
    const char heard[] = G "* FOO\n* OK \0 \xff\r\na" ACTIVE;
    const struct scene sc = {.name = __func__,
                             .facts = inside,
                             .turns = turns,
                             .count = COUNT(turns),
                             .to_client = heard,
                             .to_client_size = sizeof heard - 1};
    scene_check(&starttls_imap, &sc);
}

/* ---- refusals ---- */

static void our_refusals_say_goodbye(void **state)
{
    (void)state;
    static const enum starttls_refusal all[] = {REFUSE_UPSTREAM_DOWN, REFUSE_TOO_MANY,
                                                REFUSE_DRAINING, REFUSE_TIMEOUT};
    for (size_t i = 0; i < COUNT(all); i++) {
        struct buf b;
        char wanted[200];
        buf_init(&b, 1000);
        starttls_imap.refuse(all[i], "front.example", &b);
        snprintf(wanted, sizeof wanted, "* BYE [UNAVAILABLE] %s\r\n",
                 dialogue_refusal_words(all[i]));
        assert_int_equal(b.size, strlen(wanted));
        assert_memory_equal(b.data, wanted, b.size);
        buf_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(required_capability_and_starttls),
        cmocka_unit_test(required_knows_the_few_commands_of_its_own),
        cmocka_unit_test(required_refuses_all_else),
        cmocka_unit_test(required_starttls_takes_no_arguments),
        cmocka_unit_test(bytes_behind_starttls_stay_unread),
        cmocka_unit_test(required_case_and_bare_lf),
        cmocka_unit_test(required_tags_are_checked),
        cmocka_unit_test(required_more_tags_are_checked),
        cmocka_unit_test(required_verbs_that_are_none),
        cmocka_unit_test(required_literals_that_come_are_consumed),
        cmocka_unit_test(required_literals_that_wait_are_refused_at_once),
        cmocka_unit_test(a_literal_behind_no_command_is_consumed),
        cmocka_unit_test(literals_that_may_be_none_end_the_session),
        cmocka_unit_test(braces_that_are_no_literal),
        cmocka_unit_test(refused_literals_have_a_limit),
        cmocka_unit_test(required_ends_after_too_many_errors),
        cmocka_unit_test(a_browser_is_sent_away),
        cmocka_unit_test(lines_have_a_limit),
        cmocka_unit_test(optional_edits_the_greeting),
        cmocka_unit_test(optional_edits_every_list),
        cmocka_unit_test(optional_passwords_are_held_back),
        cmocka_unit_test(a_command_alone_is_no_login),
        cmocka_unit_test(optional_passes_nothing_but_what_it_knows),
        cmocka_unit_test(optional_what_may_be_a_literal_does_not_pass),
        cmocka_unit_test(optional_nothing_more_can_be_asked_for),
        cmocka_unit_test(commands_are_sent_with_single_spaces),
        cmocka_unit_test(replies_keep_their_order),
        cmocka_unit_test(the_client_waits_for_the_greeting),
        cmocka_unit_test(responses_that_nobody_asked_for_end_the_session),
        cmocka_unit_test(lines_that_are_no_responses_pass),
        cmocka_unit_test(an_untagged_refusal_alone_leaves_nobody_stuck),
        cmocka_unit_test(a_server_too_old_for_capability),
        cmocka_unit_test(a_mailbox_without_login_is_not_shown_in_clear),
        cmocka_unit_test(the_upstreams_last_word_passes),
        cmocka_unit_test(greetings_that_are_none),
        cmocka_unit_test(lists_with_control_characters_end),
        cmocka_unit_test(a_login_passes_where_it_may),
        cmocka_unit_test(a_login_that_failed_can_be_followed_by_starttls),
        cmocka_unit_test(a_login_that_failed_is_over),
        cmocka_unit_test(an_authentication_passes_untouched),
        cmocka_unit_test(an_authentication_refused_is_followed_by_commands),
        cmocka_unit_test(a_response_is_read_before_what_the_upstream_says_next),
        cmocka_unit_test(a_response_with_control_characters_ends),
        cmocka_unit_test(literals_that_wait_pass),
        cmocka_unit_test(literals_that_wait_may_be_refused),
        cmocka_unit_test(literals_that_come_wait_for_the_upstream),
        cmocka_unit_test(literals_that_come_in_vain_are_consumed),
        cmocka_unit_test(answers_within_a_literal_end_the_session),
        cmocka_unit_test(lines_behind_a_literal_are_checked),
        cmocka_unit_test(literals_of_any_size_pass),
        cmocka_unit_test(inside_takes_the_upgrade_out_wherever_it_stands),
        cmocka_unit_test(inside_logindisabled_without_starttls_is_meant),
        cmocka_unit_test(inside_starttls_is_on_already),
        cmocka_unit_test(inside_unknown_commands_pass),
        cmocka_unit_test(inside_literals_hide_no_word_about_who_the_client_is),
        cmocka_unit_test(inside_a_response_hides_none_either),
        cmocka_unit_test(inside_only_a_login_ends_the_watch),
        cmocka_unit_test(inside_an_endless_id_goes_nowhere),
        cmocka_unit_test(inside_a_password_may_have_its_words),
        cmocka_unit_test(inside_compression_ends_the_watch),
        cmocka_unit_test(inside_a_mailbox_that_is_open_is_shown),
        cmocka_unit_test(the_clients_identity_is_ours_to_tell),
        cmocka_unit_test(commands_unknown_to_both_are_counted),
        cmocka_unit_test(literals_in_responses_pass_unread),
        cmocka_unit_test(nothing_of_ours_goes_into_a_response),
        cmocka_unit_test(literals_in_responses_that_make_no_sense_end),
        cmocka_unit_test(upgraded_swallows_the_greeting),
        cmocka_unit_test(upgraded_tells_of_a_refusal),
        cmocka_unit_test(id_tells_who_the_client_is),
        cmocka_unit_test(id_sends_what_is_known),
        cmocka_unit_test(id_is_not_sent_where_it_is_not_offered),
        cmocka_unit_test(id_is_sought_where_the_greeting_has_no_list),
        cmocka_unit_test(id_refused_goes_on_without),
        cmocka_unit_test(id_refused_without_a_tag_goes_on_without),
        cmocka_unit_test(id_answered_with_another_tag_is_answered),
        cmocka_unit_test(id_is_not_answered_by_nonsense),
        cmocka_unit_test(a_client_may_have_our_tags),
        cmocka_unit_test(tags_may_come_back_in_another_case),
        cmocka_unit_test(id_may_show_that_the_client_is_not_wanted),
        cmocka_unit_test(what_we_ask_for_is_bounded),
        cmocka_unit_test(lines_without_end_are_bounded),
        cmocka_unit_test(long_lists_pass),
        cmocka_unit_test(data_that_nobody_asked_for_passes),
        cmocka_unit_test(our_refusals_say_goodbye),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
