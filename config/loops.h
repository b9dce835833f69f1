/* loops.h - upstreams that lead to where a route listens: each session would begin the next one,
 * until no descriptor is left. A way through several routes is one as well: each of its steps is a
 * finding, since an upstream may be the place of no route, its own or another. */
#ifndef TLSFRONT_LOOPS_H
#define TLSFRONT_LOOPS_H

#include "config/diag.h"
#include "config/model.h"

/* What the text alone shows; `localhost` is this machine. Pure. */
void loops_check(const struct config *c, struct diags *d);

/* What this machine's addresses show besides, where a route listens on all of them. */
void loops_look(const struct config *c, struct diags *d);

enum { LOOP_TEXT_MAX = 160 };

/* Why nobody may be sent to that address and port: where they lead a route listens, by what
 * addresses this machine has just now. NULL: no reason. Asks the machine only where a route listens
 * on that port. */
const char *loops_verdict(const struct config *c, const struct sockaddr_storage *address,
                          char why[LOOP_TEXT_MAX]);

/* Does who connects to `up` come in at `listen`, by the text and this machine's addresses? */
bool loops_leads(const struct endpoint *up, const struct endpoint *listen);

/* Warns if an address that an upstream's name has, with its port, is where a route listens; true
 * when it did. */
bool loops_resolved(const struct config *c, const struct target_config *t,
                    const struct endpoint *up, const struct sockaddr_storage *address,
                    struct diags *d);

#endif
