/* nginx.h - the parts of nginx's configurations. */
#ifndef TLSFRONT_IMPORT_NGINX_H
#define TLSFRONT_IMPORT_NGINX_H

#include "proxy/import/plan.h"
#include "proxy/import/rows.h"

/* ---- nginx_rows.c ---- */

/* Outside of blocks, in mail and in stream, with their servers. */
extern const struct row nginx_top[], nginx_mail[], nginx_stream[];

/* ---- nginx_pass.c: what names another block of stream ---- */

/* Give `r` what its proxy_pass names: an address, an upstream block of `context`, or what a map of
 * $ssl_server_name there makes of the client's name. */
void nginx_pass(struct plan *p, struct plan_route *r, struct statement *context);

/* The first one of a kind: an upstream or map block in `context` by its name or variable or, with
 * NULL, a limit_conn_zone by its zone or a listen by its port, wherever it stands. NULL: none. */
struct statement *nginx_find(struct plan *p, const struct statement *context, const char *kind,
                             const char *name);

/* Does limit_conn count in that zone by the client's address? */
bool nginx_zone_per_address(struct plan *p, const char *zone);

/* Upstream blocks and maps that no server carried over has named are told as lost. */
void nginx_note_unused(struct plan *p, struct statement *file);

#endif
