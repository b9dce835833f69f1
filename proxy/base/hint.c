#include "proxy/base/hint.h"
#include "config/values.h"

#include <stdio.h>
#include <string.h>

/* Two edits turn a short word into almost any other. */
struct hint hint_begin(const char *word)
{
    const unsigned limit = strlen(word) <= 3 ? 1 : 2;
    return (struct hint){.word = word, .distance = limit + 1};
}

void hint_offer(struct hint *h, const char *name)
{
    const unsigned distance = value_distance(h->word, name, h->distance);
    if (distance < h->distance) {
        h->distance = distance;
        h->best = name;
    }
}

void hint_say(const struct hint *h, const char *before)
{
    if (h->best != NULL)
        fprintf(stderr, "    cure: did you mean %s%s?\n", before, h->best);
}
