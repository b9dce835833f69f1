/* tlsa.h - TLSA records (RFC 6698, 7671, 7672) for a certificate's name, and what a change of its
 * key means for those who look for them. */
#ifndef TLSFRONT_KEY_TLSA_H
#define TLSFRONT_KEY_TLSA_H

#include "proxy/key/job.h"

/* Say the records of what is served, in place and waited for. `block` as of key_block(); `id` NULL:
 * no certificate. An exit status. */
int key_tlsa(struct key_job *j, size_t block, const struct tls_identity *id,
             const struct keystore_entry *entry);

/* A chain takes the place of another (no data: there was none): if its key is another, a warning.
 */
void key_warn_new_key(struct key_job *j, struct tls_slice before, struct tls_slice after);

/* A request was made with a new key, while one is in use: what to do until the answer comes. */
void key_note_next_key(struct key_job *j);

#endif
