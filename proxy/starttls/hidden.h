/* hidden.h - commands that a client hides where there are none: in a literal, which not every
 * server takes for one, or behind what some servers take for the end of a text (CVE-2023-51764).
 * All passes there, but for the commands that say who the client is, which are ours alone, and
 * those that log in where passwords wait for TLS: no server may hear one because it reads in
 * another way than we do. */
#ifndef TLSFRONT_STARTTLS_HIDDEN_H
#define TLSFRONT_STARTTLS_HIDDEN_H

#include "proxy/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is looked for at the beginning of each line. Names alone may stand in honest text, so what
 * they would tell is looked for, too. */
struct hidden_rules {
    const char *const *names; /* up to NULL; NULL: none */
    const char *const *alone; /* the same of those that need nothing behind: what is there is a
                               * secret, or counted by the server alone */
    bool is_id;               /* of IMAP: a tag is in front, and a list with a field "x-" behind;
                               * else "=" is behind `names`, somewhere in the line */
};

enum { HIDDEN_NAME_MAX = 15 };

enum hidden_place {
    HIDDEN_FRONT, /* the tag, or what there is of the name */
    HIDDEN_NAMED, /* behind the name */
    HIDDEN_LIST,  /* in the list behind it */
    HIDDEN_FIELD, /* where a field of the list may begin */
    HIDDEN_X,     /* behind the "x" of one */
    HIDDEN_OVER,  /* the line is none of these */
};

/* How far the line has come. Zero: at its beginning. */
struct hidden {
    enum hidden_place place;
    uint8_t name[HIDDEN_NAME_MAX];
    uint8_t size;         /* of the word that has begun; no more than fit */
    bool tagged;          /* the tag is over */
    bool quoted, escaped; /* in the list: what comes next */
};

/* How much of what comes next may pass: all, or up to where one of them is found. */
size_t hidden_look(struct hidden *h, const struct hidden_rules *r, struct slice in);

/* Can the line still become one? And has it begun? */
bool hidden_may_be(const struct hidden *h, const struct hidden_rules *r);
bool hidden_is_begun(const struct hidden *h, const struct hidden_rules *r);

/* Texts of mails or articles, one after another. Only behind a line of a dot alone that is not
 * between CRLF and CRLF, in no honest mail but of sloppy clients, they are looked into: the rest of
 * that text, and all that follow, for a hidden command may have a reply, which is then taken for
 * that to a later one. So are counted bytes and responses, by their modules. Zero: none has begun.
 */
struct hidden_text {
    unsigned end; /* as step_text() has it */
    bool doubtful;
    struct hidden line;
};

enum hidden_text_state { HIDDEN_TEXT_GOES_ON, HIDDEN_TEXT_OVER, HIDDEN_TEXT_FOUND };

/* The next one begins. */
void hidden_text_begin(struct hidden_text *x);

/* How much of what comes next belongs to the text and may pass. */
size_t hidden_text_take(struct hidden_text *x, const struct hidden_rules *r, struct slice in,
                        enum hidden_text_state *state_r);

#endif
