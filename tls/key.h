/* key.h - private keys as they are found in files. */
#ifndef TLSFRONT_TLS_KEY_H
#define TLSFRONT_TLS_KEY_H

#include "tls/mbed.h"
#include "tls/tls.h"

/* Parse the first private key of a file that is not encrypted: PEM, which may stand among other
 * things, or DER; PKCS#8 with or without attributes, PKCS#1 or SEC1, whatever its label says. -1:
 * none there, encrypted, or of no use, with its kind and how to convert it. */
int key_read(mbedtls_pk_context *key, struct tls_slice file, const char *path, struct err *e);

/* -1: a kind or size of key that we do not serve. */
int key_check(const mbedtls_pk_context *key, const char *path, struct err *e);

/* -1: the numbers of a private key do not fit one another, and nothing that it signs would be
 * valid. It costs as much as a signature. */
int key_check_whole(const mbedtls_pk_context *key, const char *path, struct err *e);

/* "rsa-2048", "ec-p256" and their like; of a public or private key. */
enum { KEY_KIND_SIZE = 16 }; /* as in tls_identity_facts */
void key_kind(const mbedtls_pk_context *key, char text[KEY_KIND_SIZE]);

#endif
