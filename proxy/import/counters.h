/* counters.h - limits on what peers count in one place for several listeners: the connections of a
 * frontend, the addresses of a table or zone. A route of ours counts by itself, so two of them
 * would let in twice as many. */
#ifndef TLSFRONT_IMPORT_COUNTERS_H
#define TLSFRONT_IMPORT_COUNTERS_H

#include "proxy/import/plan.h"

/* Keys of a route's settings: where it counts for the limits that it has. Any text will do that is
 * the same for the same place; the line that it is from has set the limit. */
#define COUNTED_IN_ALL     ".counted-in-all"  /* max-connections */
#define COUNTED_IN_EACH    ".counted-in-each" /* max-connections-per-ip */
#define COUNTED_BY_RATE    ".counted-by-rate" /* connection-rate-per-ip */
#define COUNTED_FOR_OTHERS ".counted-for-others"

/* After merging: limits of places where several routes count are told, and their routes withheld.
 */
void counters_settle(struct plan *p);

#endif
