/* schema.h - every key that a configuration can have: one row each, with its default. */
#ifndef TLSFRONT_SCHEMA_H
#define TLSFRONT_SCHEMA_H

#include "config/tree.h"

#include <stdbool.h>
#include <stddef.h>

enum scope { SCOPE_GLOBAL, SCOPE_CERTIFICATE, SCOPE_ROUTE, SCOPE_SERVER_NAME, SCOPES };

struct build;
struct key;

/* Put setting `s` into `target` (the struct of the scope), or add findings. */
typedef void setting_fn(struct build *b, const struct key *key, void *target,
                        const struct setting *s);

/* Routes with protocol = acme or mta-sts have no server behind them: few keys mean anything there,
 * and some nowhere else. */
enum key_place {
    ON_SERVER_ROUTES,
    ON_ALL_ROUTES,
    ON_ACME_ROUTES,
    ON_MTA_STS_ROUTES,
    ON_CERTIFIED_ROUTES, /* with a certificate of their own: all but acme's */
};

struct choice {
    const char *name; /* NULL ends a list of choices */
    int value;
};

struct key {
    const char *name; /* NULL ends a scope's list */
    setting_fn *parse;
    size_t offset;    /* of the field that `parse` fills; each parse function knows its type */
    size_t at_offset; /* of a struct origin for it; 0: none */
    const struct choice *choices;
    unsigned max;
    unsigned least;       /* of a duration that is not off, in milliseconds; 0: any */
    const char *preset;   /* the default, as an operator would write it; NULL: left zero */
    const char *required; /* how to cure its absence; NULL: may be absent */
    bool list;
    enum key_place place; /* of a route's key */
};

const struct key *schema_keys(enum scope scope); /* ends with a NULL name */
const struct key *schema_find(enum scope scope, const char *name);

/* "global", "certificate", "route", "server-name". */
const char *schema_scope_name(enum scope scope);
/* False: no block has that name. */
bool schema_scope_by_name(const char *name, enum scope *scope);

/* A sentence that helps with a key (or, at the top, a block) that `scope` does not have. */
const char *schema_advice(struct arena *a, enum scope scope, const char *name);

#endif
