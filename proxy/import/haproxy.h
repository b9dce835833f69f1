/* haproxy.h - the parts of haproxy's sections. */
#ifndef TLSFRONT_IMPORT_HAPROXY_H
#define TLSFRONT_IMPORT_HAPROXY_H

#include "proxy/import/plan.h"
#include "proxy/import/rows.h"

/* ---- haproxy_sections.c ---- */

/* The first section of that kind and name; NULL: there is none. With "table" as kind, the last one
 * of any kind. */
struct statement *haproxy_section(struct plan *p, const char *kind, const char *name);

/* The defaults that count for a section: those it names, else the last before it; NULL: none. For
 * defaults themselves, only those before it that it names. */
struct statement *haproxy_defaults(struct plan *p, const struct statement *section);

/* The lines of a section that begin with `word`, or "acl NAME", in their order. Never NULL. */
struct lines {
    struct statement **items;
    size_t count, room;
};
const struct lines *haproxy_lines(struct plan *p, const struct statement *section,
                                  const char *word);

/* ---- haproxy_rows.c ---- */

/* Why nothing is made of what is for that. */
#define HAPROXY_STICK "which server a client gets is not remembered: balance = source"

/* Of global, and of the sections that clients or servers are in. */
extern const struct row haproxy_globals[], haproxy_proxies[];

/* ---- haproxy_bind.c ---- */

/* What a bind line says, as a route of its own below `above`; NULL: none can be made of it, which
 * has been told. */
struct plan_route *haproxy_bind(struct plan *p, struct statement *s,
                                const struct plan_route *above);

/* The words of ssl-default-bind-options. */
carry_fn haproxy_bind_options;

/* A word of a bind line, with the one behind it if it has one. NULL: carried over; else why not. */
typedef const char *take_fn(struct plan *p, struct plan_route *r, struct statement *s,
                            const char *value, const char *key);

/* ---- haproxy_crt.c ---- */

take_fn haproxy_crt, haproxy_crt_list;

/* `path`, relative to what the global setting `key` (.crt-base, .ca-base) says. */
const char *haproxy_based(struct plan *p, const char *key, const char *path);

/* ---- haproxy_server.c ---- */

/* The servers of a backend or listen section, for a route whose clients come to `port`. */
void haproxy_servers(struct plan *p, struct plan_route *r, struct statement *section,
                     const char *port);

carry_fn haproxy_balance;

/* ---- haproxy_rules.c ---- */

/* What tcp-request says about who may connect, and how often; the table in which that is counted.
 */
carry_fn haproxy_tcp_request, haproxy_stick_table;

/* All clients come with a PROXY header, because of `word` of `from`. */
const char *haproxy_expect_header(struct plan *p, struct plan_route *r, struct statement *from,
                                  const char *word);

/* After bind: with a PROXY header, rules about connections and ours do not look at the same
 * address.
 */
void haproxy_settle_header(struct plan *p, struct plan_route *r);

/* The names that the condition from word `first` on asks for. NULL: it asks for something else. */
const struct asked *haproxy_names(struct plan *p, struct statement *s, size_t first, size_t *count);

#endif
