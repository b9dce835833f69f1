/* step.h - one unit of a dialogue, and what became of it: for the modules whose commands are a verb
 * and the rest of its line. */
#ifndef TLSFRONT_STARTTLS_STEP_H
#define TLSFRONT_STARTTLS_STEP_H

#include "proxy/starttls/dialogue.h"

/* What became of one unit. */
enum step {
    STEP_TAKEN,     /* dealt with */
    STEP_LEFT,      /* incomplete, or it has to wait for the other side */
    STEP_TURN,      /* dealt with, and the other side is to go on: what waits there comes first */
    STEP_UPGRADING, /* dealt with, and TLS begins */
    STEP_RELAYING,  /* dealt with, or left where it is, and nothing is to be watched any more */
    STEP_CLOSING,   /* dealt with, and the session ends */
};

enum dialogue_verdict step_verdict(enum step s);

/* Replies of our own, without CRLF. They wait until those before them have come from the upstream:
 * STEP_LEFT. */

/* One that ends the session. */
enum step step_last_word(struct dialogue *t, struct dialogue_out *out, enum dialogue_reason why,
                         const char *reply);

/* A refusal that counts; `goodbye` follows when it was one too many. */
enum step step_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply,
                      const char *goodbye);

/* An answer of our own to a command that leads nowhere was given: `goodbye` follows when there were
 * too many. */
enum step step_courtesy(struct dialogue *t, struct dialogue_out *out, const char *goodbye);

/* For a client with too many errors, at once. */
enum step step_goodbye(struct dialogue_out *out, const char *goodbye);

/* The end at once, with a line. */
enum step step_end(struct dialogue *t, struct dialogue_out *out, enum dialogue_reason why,
                   const char *reply);

struct verb;

/* One line: "verb rest", without its ending. */
struct command {
    struct slice line, verb, rest;
    const struct verb *row;
};

struct verb {
    const char *name; /* NULL in the last row, which is for all others */
    enum step (*take)(struct dialogue *t, const struct command *c, struct dialogue_out *out);
    unsigned kind; /* the module's own enum: what the upstream is asked */
};

/* Letters, digits, "-" and "_": anything else in a verb could make it mean something else to the
 * upstream than to us. */
bool verb_is_sound(struct slice word);

/* Split a line. False: it does not begin with a verb, or holds what an upstream might read in
 * another way than we do. */
bool command_parse(struct slice line, struct command *c);

/* The row of a verb. */
const struct verb *verb_find(const struct verb *rows, struct slice verb);

/* Write `line` and CRLF. */
void step_put_line(struct buf *out, struct slice line);

/* Text up to CRLF.CRLF, which comes in pieces. *end keeps how much of that has been seen; it begins
 * with STEP_TEXT_BEGIN, because the first line may be the dot. Returns how many of the bytes belong
 * to the text; *over_r: it ends there. Unless `doubtful_r` is NULL, they are also no more than up
 * to where a line of a dot alone is over that has other ends than these, or blanks, which some take
 * for the end. */
enum { STEP_TEXT_BEGIN = 2 };
size_t step_text(unsigned *end, struct slice in, bool *over_r, bool *doubtful_r);

#endif
