/* fingerprint.h - short texts for all that a configuration says, so that machines can be compared.
 */
#ifndef TLSFRONT_LOAD_FINGERPRINT_H
#define TLSFRONT_LOAD_FINGERPRINT_H

#include "config/bundle.h"
#include "tls/tls.h"

enum { FINGERPRINT_SIZE = 2 * TLS_SHA256_SIZE + 1 };

/* Each "" where memory is out. Private keys, passphrases and ticket keys have no part in any of
 * them: certificates stand for their keys, and nobody learns whether he has guessed one. */
struct fingerprints {
    char whole[FINGERPRINT_SIZE];  /* the texts and the files as they are, in their order */
    char config[FINGERPRINT_SIZE]; /* what the texts say, however they say it (canonical.h) */
    char files[FINGERPRINT_SIZE];  /* the files that they name, with their paths, in any order */
};

void fingerprints(const struct bundle *b, struct fingerprints *out);

#endif
