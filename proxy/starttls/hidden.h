/* hidden.h - commands that a client hides where there are none: in a literal, which not every
 * server takes for one, or behind what some servers take for the end of a text (CVE-2023-51764).
 * All passes there, but for the commands that say who the client is: those are ours alone, and no
 * server may hear one because it reads in another way than we do. */
#ifndef TLSFRONT_STARTTLS_HIDDEN_H
#define TLSFRONT_STARTTLS_HIDDEN_H

#include "proxy/base/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is looked for at the beginning of each line. */
struct hidden_rules {
    const char *const *names; /* up to NULL */
    unsigned before;          /* words in front of the name: a tag */
    char behind;              /* follows it; '\0': whatever ends a word */
};

enum { HIDDEN_NAME_MAX = 15 };

/* How far the line has come. Zero: at its beginning. */
struct hidden {
    uint8_t name[HIDDEN_NAME_MAX];
    uint8_t size;  /* of the word that has begun; no more than fit */
    uint8_t words; /* in front of it */
    bool named;    /* the name was there, and what follows it is not yet */
    bool over;     /* it is none of these */
};

/* How much of what comes next may pass: all, or up to where one of them is found. */
size_t hidden_look(struct hidden *h, const struct hidden_rules *r, struct slice in);

/* Can the line still become one? */
bool hidden_may_be(const struct hidden *h, const struct hidden_rules *r);

/* Mail text. Only behind a line of a dot alone that is not between CRLF and CRLF, in no honest mail
 * but of sloppy clients, it is looked into. */
struct hidden_text {
    unsigned end; /* as step_text() has it */
    bool doubtful;
    struct hidden line;
};

enum hidden_text_state { HIDDEN_TEXT_GOES_ON, HIDDEN_TEXT_OVER, HIDDEN_TEXT_FOUND };

void hidden_text_begin(struct hidden_text *x);

/* How much of what comes next belongs to the text and may pass. */
size_t hidden_text_take(struct hidden_text *x, const struct hidden_rules *r, struct slice in,
                        enum hidden_text_state *state_r);

#endif
