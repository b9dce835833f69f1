/* public.h - which keys lie in the store, without opening them. */
#ifndef TLSFRONT_KEY_PUBLIC_H
#define TLSFRONT_KEY_PUBLIC_H

#include "proxy/key/job.h"

/* Of the key that the first certificate of a chain is for; "": no chain, or none that can be read.
 */
void key_chain_digest(struct tls_slice chain, char text[TLS_DIGEST_TEXT]);

/* Of key.pem or next-key.pem: by itself where it lies open, else by the certificate or the request
 * that was made with it. False: there is none, or only its passphrase tells. */
bool key_public_digest(const struct keystore_entry *entry, enum keystore_file which,
                       char text[TLS_DIGEST_TEXT]);

#endif
