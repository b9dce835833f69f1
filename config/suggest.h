/* suggest.h - "did you mean ...?": the word that is closest to a mistyped one. */
#ifndef TLSFRONT_SUGGEST_H
#define TLSFRONT_SUGGEST_H

#include "config/arena.h"

struct suggest {
    const char *word; /* what was written */
    const char *best; /* the closest so far; NULL: nothing is close */
    unsigned distance;
    const char *all; /* every candidate, separated by commas */
    struct arena *arena;
};

/* `word` and the candidates are borrowed; the texts are the arena's. Without memory they are
 * shorter. */
struct suggest suggest_begin(struct arena *a, const char *word);
void suggest_offer(struct suggest *s, const char *candidate);

/* "did you mean "BEST"? HEAD: ALL", without the question when nothing is close. */
const char *suggest_text(const struct suggest *s, const char *head);

#endif
