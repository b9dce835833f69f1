/* last_good.h - the last configuration that was accepted, with all its files, kept below STATE for
 * a start at which the present one does not pass (`start-with = last-good`;
 * docs/decisions/024-last-good.md).
 *
 *   STATE/.last-good/a, b   two places, mode 0600; the older one is written over
 *
 * Each holds a head with a checksum, then a bundle. Half a write, a full disk or a damaged file
 * leave the other. Private keys lie in there: nothing is kept, and nothing taken, where anybody but
 * root and the daemon's user could have had a hand in. */
#ifndef TLSFRONT_SUPERVISOR_LAST_GOOD_H
#define TLSFRONT_SUPERVISOR_LAST_GOOD_H

#include "config/bundle.h"

#include <time.h>

/* Of both places one. */
#define LAST_GOOD_DIRECTORY ".last-good"
#define LAST_GOOD_FILE      LAST_GOOD_DIRECTORY "/a"

/* Make the directory, while that is allowed. -1 with the reason. */
int last_good_prepare(const char *state, struct err *e);

/* Keep what lies in that sealed memfd (bundle_to_fd()). -1 with the reason; what was kept stays. */
int last_good_keep(const char *state, int bundle, time_t now, struct err *e);

/* The newest that is whole, and when it was kept. NULL with the reason, which is "" where there is
 * none. */
struct bundle *last_good_find(const char *state, time_t *kept, struct err *e);

/* Write over what is kept. */
void last_good_drop(const char *state);

#endif
