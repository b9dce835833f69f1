/* facts.h - what a certificate says about itself, as text. */
#ifndef TLSFRONT_TLS_FACTS_H
#define TLSFRONT_TLS_FACTS_H

#include "tls/identity.h"

/* Fill id->facts from the leaf, but for what the key tells. -1: out of memory. */
int facts_read(struct tls_identity *id, const char *path, struct err *e);
void facts_free(struct tls_identity *id); /* the texts; never read is fine */

/* False: out of memory. */
bool facts_digest(const uint8_t *data, size_t size, char text[TLS_DIGEST_TEXT]);

/* The DNS name or IP address of an entry of subjectAltName, allocated; NULL: another kind, or bytes
 * that no host name has. */
char *facts_alt_name(const mbedtls_x509_buf *b);

#endif
