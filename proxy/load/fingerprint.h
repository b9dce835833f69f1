/* fingerprint.h - one short text for all that a configuration says, so that machines can be
 * compared. */
#ifndef TLSFRONT_LOAD_FINGERPRINT_H
#define TLSFRONT_LOAD_FINGERPRINT_H

#include "config/bundle.h"
#include "tls/tls.h"

enum { FINGERPRINT_SIZE = 2 * TLS_SHA256_SIZE + 1 };

/* Of the texts and the files that they name, with their paths and in their order; private keys and
 * passphrases apart: their certificates stand for them, and nobody learns whether he has guessed
 * one. "" where memory is out. */
void fingerprint(const struct bundle *b, char out[FINGERPRINT_SIZE]);

#endif
