/* verdict.h - what mbedTLS found wrong with a client's certificates, in words for the log: whose
 * fault it is, the client's own certificate's, one's that it sent along, or the authority's. */
#ifndef TLSFRONT_TLS_VERDICT_H
#define TLSFRONT_TLS_VERDICT_H

#include "tls/alert.h"
#include "tls/mbed.h"

#define VERDICT_OTHER_NAME "client certificate is for another name"

enum verdict_place { VERDICT_CLIENT, VERDICT_BETWEEN, VERDICT_AUTHORITY, VERDICT_PLACES };

struct verdict {
    uint32_t flags[VERDICT_PLACES];
    bool any_above;        /* the next one was issued by one that is there */
    bool unread;           /* one is signed in a way that nobody here knows */
    const char *untrusted; /* why no authority stands behind it; NULL: one does */
    const mbedtls_x509_crt *constrained[MBEDTLS_X509_MAX_VERIFY_CHAIN_SIZE]; /* those above it */
    size_t constrained_count;
};

/* What binds those below a certificate, and what mbedTLS does not look at, in flags to add to its
 * own. An issuer's purposes: of one that is not among the authorities, which are trusted as they
 * are, one (an OID) that it lacks. And the names that one above it may not give. */
uint32_t verdict_more(struct verdict *v, const mbedtls_x509_crt *authorities,
                      const mbedtls_x509_crt *crt, int depth, const struct tls_slice *purpose);

/* One certificate of the chain that mbedTLS made, from the top (depth > 0) down to the client's own
 * (0), with the flags of mbedTLS for it. */
void verdict_note(struct verdict *v, const mbedtls_x509_crt *authorities,
                  const mbedtls_x509_crt *crt, int depth, uint32_t flags);

/* For all flags together, which are not 0; they may hold more than was noted, about the client's
 * own. The alert is the one that mbedTLS sends. */
struct alert_cause verdict_cause(const struct verdict *v, uint32_t flags);

#endif
