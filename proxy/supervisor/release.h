/* release.h - what the workers are to run: a generation with its bundle and its routes' counter
 * slots. */
#ifndef TLSFRONT_SUPERVISOR_RELEASE_H
#define TLSFRONT_SUPERVISOR_RELEASE_H

#include "proxy/ipc/counters.h"
#include "proxy/routes/generation.h"

struct release {
    uint32_t number; /* of the generation; 0: there is no release */
    int bundle;      /* sealed memfd: for the workers */
    int keys;        /* for the signers, with what sessions of before may ask for; -1: nothing */
    int whole;       /* both in one, for an upgrade that has to go back */
    struct generation *generation;
    unsigned workers;
    int *challenges; /* the directory of each route, held open; -1: it has none */
};

/* For the signers? */
static inline bool release_has_keys(const struct release *p)
{
    return p->number != 0 && p->keys >= 0;
}

/* Which route name counts in which slot, now and from the next commit on (slots.h). */
struct route_slots {
    char *names[ROUTE_SLOTS], *next[ROUTE_SLOTS];
};

/* Give every route of `g` a slot; in service is `now`, which may be NULL, and what `all` has
 * counts. -1 with the reason. */
int route_slots_assign(struct route_slots *s, const struct generation *now, struct generation *g,
                       const struct all_counters *all, struct err *e);
/* Clear what the names of before have counted. */
void route_slots_commit(struct route_slots *s, const struct all_counters *all);
void route_slots_abort(struct route_slots *s);
void route_slots_free(struct route_slots *s);

/* The same for the server names of its routes, which count by both names: "pop3s mail.example". */
struct name_slots {
    char *keys[NAME_SLOTS], *next[NAME_SLOTS];
};
int name_slots_assign(struct name_slots *s, const struct generation *now, struct generation *g,
                      const struct all_counters *all, struct err *e);
void name_slots_commit(struct name_slots *s, const struct all_counters *all);
void name_slots_abort(struct name_slots *s);
void name_slots_free(struct name_slots *s);

/* The number of workers that a configuration asks for. */
unsigned release_worker_count(const struct config *c);

/* Put what is to run, from `b`, into the descriptors; and the keys of what ran `before` as far as
 * sessions of generation `oldest` and later ones need them. -1 with the reason. */
int release_pack(struct release *p, const struct bundle *b, const struct release *before,
                 uint32_t oldest, struct err *e);

/* Open the directories of the generation's acme routes. -1: out of memory. */
int release_open_challenges(struct release *p);

/* Close and free; the release is empty afterwards. */
void release_clear(struct release *p);

#endif
