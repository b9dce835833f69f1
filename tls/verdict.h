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
};

/* An issuer's purposes bind those below it, as other clients and servers have it; mbedTLS looks at
 * those of the last alone. Of one that is no authority's, the flag of a purpose (an OID) that it
 * lacks: what stands among the authorities is trusted as it is. */
uint32_t verdict_purpose(const mbedtls_x509_crt *authorities, const mbedtls_x509_crt *crt,
                         int depth, const char *purpose, size_t size);

/* One certificate of the chain that mbedTLS made, from the top (depth > 0) down to the client's own
 * (0), with the flags of mbedTLS for it. */
void verdict_note(struct verdict *v, const mbedtls_x509_crt *authorities,
                  const mbedtls_x509_crt *crt, int depth, uint32_t flags);

/* For all flags together, which are not 0; they may hold more than was noted, about the client's
 * own. The alert is the one that mbedTLS sends. */
struct alert_cause verdict_cause(const struct verdict *v, uint32_t flags);

#endif
