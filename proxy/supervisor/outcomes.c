#include "proxy/supervisor/outcomes.h"

#include <stdio.h>

void outcomes_add(struct outcomes *o, bool well, const char *words, time_t at)
{
    struct outcome *one = &o->items[o->count++ % OUTCOMES_KEPT];
    one->at = at;
    one->well = well;
    snprintf(one->words, sizeof one->words, "%s", words);
    if (well)
        o->well_at = at;
}

const struct outcome *outcomes_find(const struct outcomes *o, size_t n)
{
    if (n >= o->count || n >= OUTCOMES_KEPT)
        return NULL;
    return &o->items[(o->count - 1 - n) % OUTCOMES_KEPT];
}
