/* hint.h - "did you mean ...?" for what was mistyped on a command line. */
#ifndef TLSFRONT_BASE_HINT_H
#define TLSFRONT_BASE_HINT_H

/* The name that is closest of those that are offered. */
struct hint {
    const char *word, *best; /* borrowed */
    unsigned distance;
};

struct hint hint_begin(const char *word);
void hint_offer(struct hint *h, const char *name);

/* To standard error, as the cure of what was said before: "BEFORE" and the name; nothing when none
 * is close. */
void hint_say(const struct hint *h, const char *before);

#endif
