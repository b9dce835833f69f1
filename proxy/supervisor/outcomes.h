/* outcomes.h - how the last reloads ended, for whoever looks later. */
#ifndef TLSFRONT_SUPERVISOR_OUTCOMES_H
#define TLSFRONT_SUPERVISOR_OUTCOMES_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

enum { OUTCOMES_KEPT = 8, OUTCOME_WORDS = 256 };

struct outcome {
    time_t at;
    bool well;
    char words[OUTCOME_WORDS]; /* cut to fit */
};

/* All zero: none yet. */
struct outcomes {
    struct outcome items[OUTCOMES_KEPT]; /* a ring */
    size_t count;                        /* ever */
    time_t well_at;                      /* the last that went well; 0: none */
};

void outcomes_add(struct outcomes *o, bool well, const char *words, time_t at);

/* The n-th from the last, which is 0; NULL: there were no more, or it is forgotten. */
const struct outcome *outcomes_find(const struct outcomes *o, size_t n);

#endif
