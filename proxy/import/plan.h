/* plan.h - what of the peers' configurations can be said in ours: global keys, certificates and
 * routes. Keys are those of config/schema.h; one that this build does not have is refused, so that
 * what is written passes check. */
#ifndef TLSFRONT_IMPORT_PLAN_H
#define TLSFRONT_IMPORT_PLAN_H

#include "proxy/import/index.h"
#include "proxy/import/statement.h"

#include "config/diag.h"
#include "config/protocol.h"

struct given {
    const char *text;
    struct statement *from; /* what it was carried over from; NULL: from none */
};

struct entry {
    const char *key;
    struct given *values;
    size_t count, room;
    bool inherited; /* from a level above: the first value that is given here replaces all of it */
};

struct entries {
    struct entry *items;
    size_t count, room;
};

struct plan_name { /* of a server-name block */
    const char *name;
    struct entries settings; /* certificate and upstream */
};

struct plan_route {
    const char *name;
    struct statement *section; /* where its lines stand */
    struct entries settings;   /* a key with a dot before it is the peer's, for its finish */
    const char **remarks;      /* what is worth knowing: guesses, for one */
    size_t remark_count, remark_room;
    const char *withheld; /* why it must not be served as it is; NULL: it may be */
    struct plan_name *names;
    size_t name_count, name_room;
    struct index named;   /* those names, in small letters */
    const char **endings; /* what names of clients end in that have their server already */
    size_t ending_count, ending_room;
    struct plan_route *next;
};

struct plan_certificate {
    const char *name, *chain, *key, *passphrase; /* key, passphrase: may be NULL */
    struct plan_certificate *next;
};

struct plan {
    struct arena *arena;
    struct diags *diags; /* what makes a file impossible to understand */
    const char *peer;
    const char *cwd; /* where relative paths begin, where the peer has no other place */
    struct statement **files;
    size_t file_count;
    struct entries globals;
    const char **remarks; /* of the whole */
    size_t remark_count, remark_room;
    struct plan_route *routes, *last_route;
    struct plan_certificate *certificates, *last_certificate;
    struct index certificate_blocks, certificate_files; /* certificates by name, and by files */
    struct index certificate_names, route_names;        /* see plan_unique_name() */
    struct index sections, section_defaults; /* what the peer looks for by name; see there */
    bool sections_known;
};

/* ---- entries ---- */

/* The first or last value of `key`; NULL: it is not there. */
const char *entries_get(const struct entries *s, const char *key);
const struct entry *entries_find(const struct entries *s, const char *key);

/* Do both have the same values in the same order, or are both NULL? */
bool entry_same(const struct entry *x, const struct entry *y);

/* One more value. */
void entries_put(struct arena *a, struct entries *s, const char *key, const char *value,
                 struct statement *from);
/* The only value. */
void entries_replace(struct arena *a, struct entries *s, const char *key, const char *value,
                     struct statement *from);
void entries_drop(struct entries *s, const char *key);
/* What is inherited stays, and more values come behind it. */
void entries_keep(struct entries *s, const char *key);
/* All that `other` has of `key`, instead of what `s` has; if that is nothing, `s` stays. */
void entries_take(struct arena *a, struct entries *s, const struct entries *other, const char *key);

/* ---- the plan ---- */

/* NULL: carried over; else why not: this build has no such key, or one of the others stands. */
const char *plan_global(struct plan *p, const char *key, const char *value, struct statement *from);

/* A new route, with all that `above` says (NULL: nothing), its settings as inherited ones. `name`
 * need be neither valid nor unique; "" is for its protocol and port. It is not in the plan before
 * plan_add(). */
struct plan_route *plan_route(struct plan *p, const char *name, struct statement *section,
                              const struct plan_route *above);
void plan_add(struct plan *p, struct plan_route *r);

/* NULL: carried over; else why not. `key` may begin with a dot. */
const char *route_put(struct plan *p, struct plan_route *r, const char *key, const char *value,
                      struct statement *from);
const char *route_set(struct plan *p, struct plan_route *r, const char *key, const char *value,
                      struct statement *from);
const char *route_get(const struct plan_route *r, const char *key);

/* What `r` says by itself with another key than `keys` (which end with NULL) is lost, because
 * `why`. For sections of which a route takes some settings only. */
void route_lose_rest(struct plan *p, const struct plan_route *r, const char *const *keys,
                     const char *why);

/* A block for that name, of which the route has none yet. */
struct plan_name *route_add_name(struct plan *p, struct plan_route *r, const char *name);

void route_remark(struct plan *p, struct plan_route *r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void plan_remark(struct plan *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* It would do more, or for more clients, than it did at the peer's: it is printed as a comment. */
void route_withhold(struct plan *p, struct plan_route *r, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, because of what `word` of `from` says. NULL as `r`: that is for nobody in particular.
 */
void route_withhold_for(struct plan *p, struct plan_route *r, const struct statement *from,
                        const char *word, const char *why);

/* The name of the certificate block for these files, the same for the same files. */
const char *plan_certificate(struct plan *p, const char *chain, const char *key,
                             const char *passphrase);
/* The block of that name; NULL: there is none. */
const struct plan_certificate *plan_certificate_named(const struct plan *p, const char *name);

/* After all files: routes of one section that differ in `listen` only become one, protocols are
 * guessed, addresses that are taken leave, what lacks something, leads back or shares a limit is
 * withheld, names become valid and unique. */
void plan_finish(struct plan *p);

/* Was something not carried over? Is there a route that is not withheld? */
bool plan_lost(const struct plan *p);
bool plan_serves(const struct plan *p);

/* `name` with what may not be in one replaced, not longer than one may be. */
const char *plan_valid_name(struct arena *a, const char *name);

/* `stem`, which is valid, or that with a number behind it, if `names` has it already; then `names`
 * has it. */
const char *plan_unique_name(struct arena *a, struct index *names, const char *stem);

/* ---- loop.c ---- */

/* Routes that have a server which is where a route listens, be it their own, are withheld. */
void loop_settle(struct plan *p);

/* ---- names.c ---- */

/* Clients that ask for `name`, or for any name that ends in it. */
struct asked {
    const char *name;
    bool ends;
};

/* A block for those clients, with all of `says` that such a block can say. NULL: carried over; else
 * why not. A wildcard of ours stands for one label: where the other names with that ending would
 * not get the same, `from` is told, and the route is withheld. */
const char *route_server_name(struct plan *p, struct plan_route *r, const struct asked *who,
                              const struct entries *says, struct statement *from);
/* The same for peers whose first line that covers a name counts, not the one nearest to it. */
const char *route_next_server_name(struct plan *p, struct plan_route *r, const struct asked *who,
                                   const struct entries *says, struct statement *from);

#endif
