/* starttls_transparent.h - on TLS a module is a filter: plays a dialogue through one, cut in two
 * ways, and holds against it what both sides would hear without it, less the edits that
 * docs/starttls.md names. For fuzz/fuzz_starttls_transparent.c. */
#ifndef TLSFRONT_STARTTLS_TRANSPARENT_H
#define TLSFRONT_STARTTLS_TRANSPARENT_H

#include "proxy/starttls/imap.h"
#include "proxy/starttls/ldap.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/smtp.h"
#include "tests/starttls_stage.h"

#include <ctype.h>
#include <stdio.h>

/* What is known of a protocol here: written anew, from the documents. */
struct transparent {
    const char *name;
    const struct starttls *module;
    /* A line with one of these words may be taken out, on its way to the upstream and to the
     * client; up to NULL. */
    const char *commands[12], *capabilities[6];
    const char *replies[6]; /* how our own begin */
    const char *browser;    /* how our last word begins, behind which all ends */
    const char *edited;     /* words go out of lines with this one, not lines out of lists */
    const char *counts;     /* behind it the upstream counts bytes, so it may not be hidden */
    bool renumbers;         /* the last line of a list is another */
};

static const struct transparent transparents[] = {
    {.name = "smtp",
     .module = &starttls_smtp,
     .commands = {"STARTTLS", "X-ANONYMOUSTLS", "XCLIENT", "XFORWARD", "GET", "POST", "PUT",
                  "CONNECT"},
     .capabilities = {"STARTTLS", "X-ANONYMOUSTLS", "XCLIENT", "XFORWARD"},
     .replies = {"503 5.5.1 TLS", "502 5.5.1 Command", "550 5.7.0 Insuff"},
     .browser = "500 5.5.1 This is not a web server",
     .counts = "BDAT",
     .renumbers = true},
    {.name = "pop3",
     .module = &starttls_pop3,
     .commands = {"STLS", "XCLIENT", "GET", "POST", "PUT", "CONNECT"},
     .capabilities = {"STLS", "XCLIENT"},
     .edited = "[XCLIENT]",
     .replies = {"-ERR Already on TLS", "-ERR Insufficient"},
     .browser = "-ERR This is not a web server"},
    {.name = "imap",
     .module = &starttls_imap,
     .commands = {"STARTTLS", "ID", "GET", "POST", "PUT", "CONNECT", "HEAD", "OPTIONS"},
     .capabilities = {"STARTTLS", "LOGINDISABLED"},
     .edited = "CAPABILITY",
     .replies = {"BAD TLS is already active", "* ID NIL", "OK ID completed"},
     .browser = "* BYE This is not a web server"},
    {.name = "nntp",
     .module = &starttls_nntp,
     .commands = {"STARTTLS", "GET", "POST", "PUT", "CONNECT"},
     .capabilities = {"STARTTLS"},
     .replies = {"502 STARTTLS"},
     .browser = "500 This is not a web server"},
    {.name = "sieve",
     .module = &starttls_sieve,
     .commands = {"STARTTLS", "XCLIENT", "GET", "POST", "PUT", "CONNECT"},
     .capabilities = {"STARTTLS", "XCLIENT"},
     .replies = {"NO \"Already on TLS\"", "NO \"Insuff"},
     .browser = "BYE \"This is not a web server\""},
    {.name = "ldap",
     .module = &starttls_ldap,
     .commands = {"1.3.6.1.4.1.1466.20037"},
     .capabilities = {"1.3.6.1.4.1.1466.20037"}},
};

enum { TRANSPARENTS = sizeof transparents / sizeof *transparents };

/* ---- words and lines ---- */

static inline bool text_has(struct slice text, const char *word)
{
    const size_t size = strlen(word);
    for (; text.size >= size; text.data++, text.size--)
        if (slice_begins(text, word))
            return true;
    return false;
}

static inline bool text_has_one(struct slice text, const char *const *words)
{
    while (*words != NULL && !text_has(text, *words))
        words++;
    return *words != NULL;
}

static inline bool has_counts(const struct transparent *p, struct slice text)
{
    return p->counts != NULL && text_has(text, p->counts);
}

static inline struct slice whole_of(const struct buf *b)
{
    return (struct slice){b->data, b->size};
}

/* With its end; the last may have none. */
static inline struct slice first_line(struct slice in)
{
    const uint8_t *end = in.size > 0 ? memchr(in.data, '\n', in.size) : NULL;
    if (end != NULL)
        in.size = (size_t)(end - in.data) + 1;
    return in;
}

static inline void skip_line(struct slice *in, struct slice line)
{
    in->data += line.size;
    in->size -= line.size;
}

static inline bool same(struct slice a, struct slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

/* ---- the edits ---- */

static inline bool is_own(const struct transparent *p, struct slice line)
{
    return text_has_one(line, p->replies) || (p->browser != NULL && text_has(line, p->browser));
}

/* Is `heard` what is left of `said` without words that may go, and blanks? */
static inline bool is_edited(const struct transparent *p, struct slice said, struct slice heard)
{
    if (p->edited == NULL || !text_has(said, p->edited) || !text_has_one(said, p->capabilities))
        return false;
    while (heard.size > 0 && said.size > 0) {
        if (said.data[0] == heard.data[0]) {
            heard.data++, heard.size--;
            said.data++, said.size--;
            continue;
        }
        if (isspace(heard.data[0])) {
            heard.data++, heard.size--;
            continue;
        }
        said.data++, said.size--;
    }
    while (heard.size > 0 && isspace(heard.data[0]))
        heard.data++, heard.size--;
    return heard.size == 0;
}

static inline bool is_renumbered(const struct transparent *p, struct slice said, struct slice heard)
{
    return p->renumbers && said.size == heard.size && said.size > 4 && said.data[3] == '-' &&
           heard.data[3] == ' ' && memcmp(said.data, heard.data, 3) == 0 &&
           memcmp(said.data + 4, heard.data + 4, said.size - 4) == 0;
}

static inline void print_lines(const char *what, struct slice text)
{
    fprintf(stderr, "---- %s\n%.*s\n", what, (int)text.size, (const char *)text.data);
}

/* Every line that was said was heard, in order, but for the edits. */
static inline void check_lines(const struct transparent *p, enum side side, struct slice said,
                               struct slice heard)
{
    const struct slice all_said = said, all_heard = heard;
    const char *const *gone = side == CLIENT ? p->capabilities : p->commands;
    while (said.size > 0 || heard.size > 0) {
        const struct slice s = first_line(said), h = first_line(heard);
        const bool shows = s.size > 0 && h.size > 0;
        if (shows &&
            (same(s, h) || (side == CLIENT && (is_edited(p, s, h) || is_renumbered(p, s, h))))) {
            skip_line(&said, s);
            skip_line(&heard, h);
        } else if (side == CLIENT && h.size > 0 && is_own(p, h)) {
            skip_line(&heard, h);
        } else if (s.size > 0 && text_has_one(s, gone)) {
            skip_line(&said, s);
        } else {
            fprintf(stderr, "%s: the %s\n", p->name, side == CLIENT ? "client" : "upstream");
            print_lines("said", all_said);
            print_lines("heard", all_heard);
            abort(); /* a line was lost, changed, or put in */
        }
    }
}

/* ---- playing ---- */

struct transparent_play {
    struct stage stage;
    struct buf said[2]; /* as long as both are there */
};

/* Nothing waits but what may still become one of the edits: no whole line of the client's, and no
 * more of the upstream's than belongs to one list. */
static inline void check_prompt(const struct transparent *p, const struct stage *st)
{
    const struct buf *left = &st->carry[CLIENT];
    const size_t ahead = st->dialogue.client_ahead;
    if (st->verdict != DIALOGUE_MORE || left->size <= ahead || p->module == &starttls_ldap ||
        st->dialogue.filter.state == FILTER_OVER) /* a browser, whose last word is not due yet */
        return;
    const struct slice waits = {left->data + ahead, left->size - ahead};
    assert(memchr(waits.data, '\n', waits.size) == NULL || text_has_one(waits, p->commands) ||
           has_counts(p, waits) || st->heard[CLIENT].size >= 16384);
}

static inline void transparent_say(const struct transparent *p, struct transparent_play *play,
                                   enum side side, const uint8_t *data, size_t size)
{
    struct stage *st = &play->stage;
    if (st->verdict == DIALOGUE_CLOSE)
        return;
    buf_put(&play->said[side], data, size);
    if (st->verdict == DIALOGUE_RELAY) {
        buf_put(&st->heard[!side], data, size);
        return;
    }
    buf_put(&st->carry[side], data, size);
    stage_run(st);
    assert(st->verdict != DIALOGUE_UPGRADE);
    if (st->verdict == DIALOGUE_RELAY)
        stage_relay(st);
    check_prompt(p, st);
}

static inline void transparent_open(const struct transparent *p, struct transparent_play *play)
{
    const struct dialogue_facts facts = {.mode = DIALOGUE_INSIDE, .hostname = "front.example"};
    stage_open(&play->stage, p->module, &facts);
    for (int side = CLIENT; side <= UPSTREAM; side++)
        buf_init(&play->said[side], (size_t)8 << 20);
}

/* A literal goes with the line that it belongs to, whatever is in it, a command may stand behind
 * the last bytes of a chunk, and a word may be escaped: too much to be known here. Nor can an
 * upstream that talks as we do be told from us. */
static inline bool is_simple(const struct transparent *p, struct slice said)
{
    if (is_own(p, said) || (p->module == &starttls_sieve && text_has(said, "\\")))
        return false;
    return (!text_has(said, "{") && !text_has(said, "BDAT")) ||
           (!text_has_one(said, p->commands) && !text_has_one(said, p->capabilities));
}

/* Both sides end: what is left passes. */
static inline void transparent_end(const struct transparent *p, struct transparent_play *play)
{
    struct stage *st = &play->stage;
    if (st->verdict == DIALOGUE_MORE) {
        stage_flush(st, CLIENT);
        stage_flush(st, UPSTREAM);
    }
    for (int side = CLIENT; side <= UPSTREAM && p->module != &starttls_ldap; side++)
        if (st->verdict != DIALOGUE_CLOSE && is_simple(p, whole_of(&play->said[!side])))
            check_lines(p, (enum side)side, whole_of(&play->said[!side]),
                        whole_of(&st->heard[side]));
    if (st->verdict == DIALOGUE_CLOSE) {
        const bool was_browser =
            p->browser != NULL && text_has(whole_of(&st->heard[CLIENT]), p->browser);
        const struct slice said = whole_of(&play->said[CLIENT]);
        const bool was_caught = st->dialogue.reason == DIALOGUE_HIDDEN &&
                                (text_has_one(said, p->commands) || has_counts(p, said));
        assert(was_browser || was_caught);
    }
    for (int side = CLIENT; side <= UPSTREAM && p->module == &starttls_ldap; side++)
        if (!text_has(whole_of(&play->said[0]), p->commands[0]) &&
            !text_has(whole_of(&play->said[1]), p->commands[0]))
            assert_same_buf(&play->said[!side], &st->heard[side]);
}

static inline void transparent_free(struct transparent_play *play)
{
    for (int side = CLIENT; side <= UPSTREAM; side++) {
        buf_free(&play->said[side]);
    }
    stage_free(&play->stage);
}

#endif
