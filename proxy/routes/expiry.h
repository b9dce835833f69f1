/* expiry.h - when to speak of something that ends: 30, 14, 7, 3 and 1 days before, but not before
 * the last third of its validity, and at the end. Pure: the clock is the caller's. */
#ifndef TLSFRONT_ROUTES_EXPIRY_H
#define TLSFRONT_ROUTES_EXPIRY_H

#include "tls/tls.h"

#include <limits.h>
#include <stdbool.h>
#include <time.h>

/* A threshold is what is left when it is passed, in seconds; EXPIRY_OVER: nothing is. */
#define EXPIRY_NOT_YET LONG_MAX
#define EXPIRY_OVER    (-1L)

/* The closest threshold that is passed at `now`; EXPIRY_NOT_YET: none. Of a revocation list, which
 * may live for a day or for a year, there is one before the end: its last quarter, at most a week.
 */
long expiry_passed(const struct tls_expiry *x, time_t now);

/* The first moment at which expiry_passed() knows of one. */
time_t expiry_soon(const struct tls_expiry *x);

/* What there is to say at `now` when `told` was the last threshold spoken of (at first
 * EXPIRY_NOT_YET): the threshold, or EXPIRY_NOT_YET for nothing. Each is told once, and those that
 * were missed meanwhile count as one. */
long expiry_due(const struct tls_expiry *x, time_t now, long told);

/* Seconds until the next threshold is passed; EXPIRY_NOT_YET: never. At least 1. */
long expiry_wait(const struct tls_expiry *x, time_t now);

/* Whole days left, rounded down: negative as soon as it is over. */
long expiry_days(time_t until, time_t now);

/* "expires in 6 days, on 2027-01-31", "expired on 2027-01-31". */
void expiry_words(const struct tls_expiry *x, time_t now, char out[80]);

#endif
