/* access.h - who may connect: rules in the order in which they are looked at, as the peers have
 * them, to our two lists. */
#ifndef TLSFRONT_IMPORT_ACCESS_H
#define TLSFRONT_IMPORT_ACCESS_H

#include "proxy/import/plan.h"

/* Where the rules are kept until then. */
#define ACCESS_RULES ".access"

/* One more rule: "allow" or "deny" and a network, an address, or "all". */
void access_rule(struct plan *p, struct plan_route *r, const char *verb, const char *network,
                 struct statement *from);

/* After the last rule: set allow and deny. Who fits no rule is let in. What cannot be said
 * withholds the route. */
void access_settle(struct plan *p, struct plan_route *r);

#endif
