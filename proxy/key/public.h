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

/* A key waits for its certificate where there is none yet, or where a request that was made with it
 * lies there. If `made`, which keeps that request, has another in the place of key.pem, the one of
 * `old` goes beside it, or that of `previous` if the request is to that one; `made` shares the
 * bytes. */
void key_leave_waiting(const struct keystore_entry *old, const struct keystore_entry *previous,
                       struct keystore_entry *made);

#endif
