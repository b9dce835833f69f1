/* terms.h - what is said alike in all the peers' configurations: times, ciphers, groups, versions
 * of TLS. Each returns NULL when all of it was carried over, else why not. */
#ifndef TLSFRONT_IMPORT_TERMS_H
#define TLSFRONT_IMPORT_TERMS_H

#include "proxy/import/plan.h"

/* Yes and on, or no, off and nothing. */
bool term_is_on(const char *text);
bool term_is_off(const char *text);

/* A time such as "90", "1m30s", "500ms", "1d"; without a unit it is `unit` milliseconds. In ours,
 * or NULL: it is none, or longer than one may be. */
const char *term_duration(struct arena *a, const char *text, unsigned unit);

/* `text`, a time, as key `key`. */
const char *term_time(struct plan *p, struct plan_route *r, const char *key, const char *text,
                      unsigned unit, struct statement *from);

/* Is `limit`, a number or NULL, the one that counts of both? 0 is none. */
bool term_smaller(const char *limit, const char *other);

/* OpenSSL's list, with colons: the names that tlsfront has, of TLS 1.2 and of TLS 1.3. */
const char *term_ciphers(struct plan *p, struct plan_route *r, const char *list,
                         struct statement *from);
const char *term_ciphersuites(struct plan *p, struct plan_route *r, const char *list,
                              struct statement *from);
const char *term_groups(struct plan *p, struct plan_route *r, const char *list,
                        struct statement *from);

/* 13 for "TLSv1.3"; 0: it is no version. SSL 3 is 3. */
unsigned term_version(const char *text);
/* The oldest and the newest that are allowed; 0: as they are. */
const char *term_versions(struct plan *p, struct plan_route *r, unsigned oldest, unsigned newest,
                          struct statement *from);

/* The server sees the client's own address. */
const char *term_transparent(struct plan *p, struct plan_route *r, struct statement *from);

/* A list of addresses for `key`, from somebody's "HOST" or "NETWORK"; "all" is both families. */
const char *term_network(struct plan *p, struct plan_route *r, const char *key, const char *text,
                         struct statement *from);

#endif
