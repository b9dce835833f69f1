/* suggest.c - "did you mean ...?" */
#include "config/suggest.h"
#include "config/values.h"

#include <string.h>

struct suggest suggest_begin(struct arena *a, const char *word)
{
    /* Two edits turn a short word into almost any other. */
    unsigned limit = strlen(word) <= 3 ? 1 : 2;
    return (struct suggest){.word = word, .distance = limit + 1, .all = "", .arena = a};
}

void suggest_offer(struct suggest *s, const char *candidate)
{
    unsigned distance = value_distance(s->word, candidate, s->distance);
    if (distance < s->distance) {
        s->distance = distance;
        s->best = candidate;
    }
    const char *all =
        arena_format(s->arena, "%s%s%s", s->all, s->all[0] != '\0' ? ", " : "", candidate);
    if (all != NULL)
        s->all = all;
}

const char *suggest_text(const struct suggest *s, const char *head)
{
    if (s->best == NULL)
        return arena_format(s->arena, "%s: %s", head, s->all);
    return arena_format(s->arena, "did you mean \"%s\"? %s: %s", s->best, head, s->all);
}
