/* keys.h - the private keys of the generation that is in service and of the one that is about to
 * be, each with those of before that its workers' sessions may still ask for. */
#ifndef TLSFRONT_SIGNER_KEYS_H
#define TLSFRONT_SIGNER_KEYS_H

#include "config/bundle.h"
#include "tls/tls.h"

enum { SIGNER_SETS = 2 };

struct signer_keys {
    struct signer_set {
        uint32_t generation; /* 0: empty */
        struct tls_keyring *ring;
    } sets[SIGNER_SETS];
    uint32_t current;
};

/* Take over those of a generation, which are a bundle of files: the key's id in hex as path, behind
 * IPC_KEY_CALLS one that is shown to upstreams, its DER as content (ipc.h). -1 with the reason. */
int signer_keys_add(struct signer_keys *keys, uint32_t generation, const struct bundle *b,
                    struct err *e);

/* That generation is in service: forget the one that was. */
void signer_keys_commit(struct signer_keys *keys, uint32_t generation);

/* Forget those of a generation that will not come into service. */
void signer_keys_abort(struct signer_keys *keys, uint32_t generation);

enum tls_signed signer_keys_sign(const struct signer_keys *keys, const struct tls_sign_request *r,
                                 struct tls_signature *out);

/* Wipes them all. */
void signer_keys_free(struct signer_keys *keys);

#endif
