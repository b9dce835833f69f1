/* filter.h - the dialogues of lines on TLS, where there is nothing left to protect. A module is a
 * filter there, not a referee. What it does to the bytes is this, and no more:
 *
 *   - the upgrade, and the word about who the client is, go out of lists of capabilities;
 *   - both are answered by us when a client asks for them, in their turn among the replies;
 *   - one greeting is swallowed behind the upgrade;
 *   - the upstream is told who the client is, where it wants to hear it;
 *   - a web browser is sent away.
 *
 * All else passes as it came, whatever it is: bytes that may belong to one of these are looked at
 * before they are handed on, the others at the latest when the line is longer than any; and no byte
 * of the client's waits for an answer that may never come. Where the upstream's reply decides what
 * the client's bytes are, they are handed on before they are understood (dialogue.client_ahead).
 * What cannot be followed ends the watch (DIALOGUE_RELAY), not the session - but where an upstream
 * could be told who the client is: there the client could say it itself then, and has to wait
 * instead. */
#ifndef TLSFRONT_STARTTLS_FILTER_H
#define TLSFRONT_STARTTLS_FILTER_H

#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/step.h"

/* What a module says of a command: a kind of its own (0 and more) whose reply is awaited, or one of
 * these. */
enum {
    FILTER_OTHER = 0,    /* one reply, whatever it is; the first of every module's kinds */
    FILTER_NOTHING = -1, /* nothing */
    FILTER_STOP = -2,    /* the watch ends in front of the command */
    FILTER_DROP = -3,    /* nothing: the command goes nowhere, and was answered */
    FILTER_LATER = -4,   /* this command is to be read again when the upstream's reply is over */
    FILTER_CLOSE = -5,   /* nothing: the last word was said */
};

/* What becomes of a line of the upstream's. */
enum filter_show {
    FILTER_SHOW,
    FILTER_HIDE,  /* or it was written in another form */
    FILTER_HOLD,  /* more has to come before that is known */
    FILTER_RELAY, /* show it, and nothing behind it is to be watched */
    FILTER_HIDE_AND_RELAY,
};

struct filter_rules {
    size_t line_max;
    bool identifies;         /* servers may be told who the client is, so none is left unwatched */
    const char *const *ours; /* verbs that the upstream may not hear, up to NULL */
    /* NULL, or those that it may not hear in FILTER_EARLY either, nor anywhere before it is known
     * what the bytes are. */
    const char *const *(*never)(const struct dialogue *t);
    /* NULL, or what may not hide there; the former, behind a doubtful text, anywhere. */
    const struct hidden_rules *in_text, *in_literals;
    const char *caught;      /* our last word when it does */
    const char *const *tags; /* NULL, or the verb is the second word, and with one of these in front
                              * it is ours, too */
    const char *stops;       /* NULL, or what ends a verb besides a blank */
    /* What an empty line expects, of which not every upstream takes notice, and a reply that none
     * gets who says one. 0: it is a command as others are. */
    unsigned empty;
    bool (*succeeds)(struct slice line);

    /* By the kind less EXPECTED_OWN: our replies, without CRLF. The first of them is the last
     * word. */
    const char *const *replies;

    /* What a line of the client's is, without its end; the first line_max bytes of one that is too
     * long. The kind of the reply to it, or one of the above. May change the filter's state for
     * what is behind it. */
    int (*command)(struct dialogue *t, struct slice line, struct dialogue_out *out);

    /* A line of the upstream's, `raw` with its end and `behind` it what is there already. Says what
     * it is a reply to by expected_drop(). */
    enum filter_show (*reply)(struct dialogue *t, struct slice raw, struct slice line,
                              struct slice behind, struct dialogue_out *out);

    /* May the beginning of such a line have to be hidden? */
    bool (*hides)(const struct dialogue *t);

    /* NULL, or: is what stands where a line of either side's begins none any more, but wrapped by a
     * security layer? There the watch ends. */
    bool (*wrapped)(const struct dialogue *t, struct slice in);
};

/* A table of verbs for `command`, up to a row without a name, which is for all others. */
struct filter_row {
    const char *name;
    int (*take)(struct dialogue *t, struct slice rest, unsigned kind); /* as `command` */
    unsigned kind;
};

/* Find the row of the verb and let it take the rest of the line. */
int filter_dispatch(struct dialogue *t, const struct filter_row *rows, struct slice verb,
                    struct slice rest);

/* As the functions of struct starttls. */
enum dialogue_verdict filter_client(struct dialogue *t, const struct filter_rules *r,
                                    struct slice *in, struct dialogue_out *out);
enum dialogue_verdict filter_upstream(struct dialogue *t, const struct filter_rules *r,
                                      struct slice *in, struct dialogue_out *out);

/* ---- for modules that do more ---- */

/* Hand on the first `n` bytes, but for those that were already: *ahead. */
void filter_pass(struct slice *in, size_t n, size_t *ahead, struct buf *to);

/* Hand on up to `n` bytes, and leave them. */
void filter_ahead(struct slice in, size_t n, size_t *ahead, struct buf *to);

/* Is `line`, or can it become, a command that the upstream may not hear? */
bool filter_is_ours(const struct filter_rules *r, struct slice line);
bool filter_may_be_ours(const struct filter_rules *r, struct slice part);

/* May something of ours be said now? Not in the middle of a reply. */
bool filter_may_speak(const struct dialogue *t);

/* Is the reply that has come beyond doubt the one to the oldest command, because the client has
 * said nothing since? Only such a one may end the watch. */
bool filter_may_leave(const struct dialogue *t);

/* What the client's bytes are from here on, or behind the line that it is in the middle of: an
 * upstream may have enough of a long one before it ends. */
void filter_turn(struct filter *f, enum filter_state state);

/* Does the upstream's reply decide what the client's bytes are? */
bool filter_waits(const struct filter *f);

/* The client's next line is what the upstream asked for, and then comes `behind`. */
void filter_expect_response(struct filter *f, enum filter_state behind);

/* What cannot be followed. */
enum step filter_lose(struct dialogue *t, const struct filter_rules *r, struct dialogue_out *out);

#endif
