/* inner.h - what the files of tls/keys/ share. */
#ifndef TLSFRONT_TLS_KEYS_INNER_H
#define TLSFRONT_TLS_KEYS_INNER_H

#include "tls/identity.h"
#include "tls/keys/keys.h"

#include <mbedtls/x509_csr.h>

enum { KEYS_POOL_MAX = 1024, KEYS_NAMES_MAX = 100 };

struct keys_private {
    mbedtls_pk_context pk; /* mbedTLS's API takes it without const; nothing changes it */
};

/* `made`: in the order they came. */
struct keys_pool {
    mbedtls_x509_crt **certificates;
    size_t count, room;
};

/* Does the private key belong to it? */
bool keys_same_pair(const mbedtls_pk_context *public_half, const struct keys_private *k);

/* private.c: of the public half of a key. False: it cannot be told. */
bool keys_digest(const mbedtls_pk_context *pk, char text[TLS_DIGEST_TEXT]);

/* names.c: subjectAltName from texts, which it points into; nothing of it is to be freed. -1 with
 * the reason: a name that cannot be asked for, or too many. */
struct keys_san {
    mbedtls_x509_san_list node[KEYS_NAMES_MAX];
    uint8_t address[KEYS_NAMES_MAX][16];
};
int keys_san_fill(struct keys_san *san, const struct keys_names *names, struct err *e);

/* subject.c: names->subject, or one from the first name, for mbedTLS's writers; every attribute of
 * it, in its order. The list is a writer's, which frees it, also after a failure. -1: it is not
 * understood. */
int keys_subject_read(const struct keys_names *names, mbedtls_asn1_named_data **list,
                      struct err *e);

enum { KEYS_PEM_MAX = 32768, KEYS_PUBLIC_MAX = 4096 };

/* A copy of what one of mbedTLS's writers has made with the result `r`, for keys_free_text(). NULL:
 * "`what` cannot be written", or out of memory. */
char *keys_written(int r, const unsigned char *pem, const char *what, struct err *e);

/* Say so. Returns -1. */
int keys_out_of_memory(struct err *e);

/* encrypted.c: how a key is encrypted. Slices are parts of the input. */
enum { KEYS_SALT_SIZE = 16, KEYS_BLOCK = 16, KEYS_ITERATIONS_MAX = 5000000 };

struct keys_scheme {
    mbedtls_md_type_t md;
    struct tls_slice salt, data;
    uint32_t iterations;
    size_t key_size; /* bytes */
    const uint8_t *iv;
};

/* keys_encrypt() with another number of iterations; it takes 600000. */
char *keys_encrypt_with(const struct keys_private *k, const char *passphrase, uint32_t iterations,
                        struct err *e);

/* Pure. -1: not well formed, or another scheme. */
int keys_scheme_parse(struct tls_slice der, struct keys_scheme *s);

/* AES-CBC in place; `size` is a multiple of the block's. 0, or an error of mbedTLS. */
int keys_cbc(const struct keys_scheme *s, const char *passphrase, bool encrypt, uint8_t *data,
             size_t size);

#endif
