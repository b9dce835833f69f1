/* made.h - what the daemon and the key manager will make: the log, sockets, what is kept. */
#ifndef TLSFRONT_MADE_H
#define TLSFRONT_MADE_H

#include "config/bundle.h"
#include "config/diag.h"
#include "config/model.h"

/* Looks at the disk: is something in the way of it, would it take the place of one of the files
 * that were read into `have`, or are two of them one? */
void made_check(const struct config *c, const struct bundle *have, struct diags *d);

#endif
