/* pkcs7.h - the certificates in a PKCS#7 file (.p7b), which is a SignedData that signs nothing
 * (RFC 2315 9.1, RFC 5652 5.1). Pure. */
#ifndef TLSFRONT_TLS_KEYS_PKCS7_H
#define TLSFRONT_TLS_KEYS_PKCS7_H

#include "tls/tls.h"

/* One certificate's DER, a part of the input; -1 ends the walk. */
typedef int pkcs7_certificate_fn(void *arg, struct tls_slice der);

/* Tell of every certificate in a SignedData. The number of them; -1: it is not well formed, or
 * `found` said so. Other things in the set (attribute certificates) are passed over. */
int pkcs7_walk(struct tls_slice der, pkcs7_certificate_fn *found, void *arg);

#endif
