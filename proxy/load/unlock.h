/* unlock.h - private keys under a passphrase, opened on the supervisor's side. */
#ifndef TLSFRONT_LOAD_UNLOCK_H
#define TLSFRONT_LOAD_UNLOCK_H

#include "config/config.h"

/* Put the open keys of certificates with a passphrase-file into the bundle, and take the
 * passphrases out: a worker would need a good part of a second for each, in which its sessions
 * stand still. Findings go to `d`; a file whose key stays closed is emptied, since all has been
 * said about it. */
void unlock_keys(const struct config *c, struct bundle *b, struct diags *d);

#endif
