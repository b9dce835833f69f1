/* slots.h - which name counts in which slot of the counters. A slot stays with its name as long as
 * it can, so that counters go on over reloads. */
#ifndef TLSFRONT_SUPERVISOR_SLOTS_H
#define TLSFRONT_SUPERVISOR_SLOTS_H

#include "config/err.h"

#include <stdbool.h>
#include <stddef.h>

struct slots {
    char **names; /* whose each of them is; NULL: nobody's */
    char **next;  /* whose it is from the commit on; NULL: that stays as it is */
    unsigned size;
};

/* What is known of the slots. */
struct slots_use {
    const bool *serving; /* of the configuration in service */
    bool (*busy)(void *arg, unsigned slot);
    void *arg;
};

/* Find a slot for each of `count` names, at most `size`, into `found`. Where none is free, a name
 * that is gone gives its slot up, and then one that goes with this configuration, but none while
 * sessions count there: `busy`. Nothing has changed until the commit. -1 with the reason. */
int slots_assign(const struct slots *s, const char *const *wanted, size_t count,
                 const struct slots_use *use, unsigned *found, struct err *e);

/* What was assigned takes effect, `forget` clears the counters of slots that had another name; or
 * it does not. */
void slots_commit(const struct slots *s, void (*forget)(void *arg, unsigned slot), void *arg);
void slots_abort(const struct slots *s);

void slots_free(const struct slots *s);

#endif
