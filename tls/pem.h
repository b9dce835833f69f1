/* pem.h - the blocks of a PEM file (RFC 7468), and none of them overlooked.
 *
 * Such files go through editors, mail programs and cat(1). What is plain to see is taken: blanks,
 * line ends of any kind, a byte order mark, texts around the blocks. What was meant to be a block
 * and is not one is an error with its line, never passed over: a certificate that is left out
 * silently is missed by clients only. Pure. */
#ifndef TLSFRONT_TLS_PEM_H
#define TLSFRONT_TLS_PEM_H

#include "tls/tls.h"

enum pem_kind {
    PEM_CERTIFICATE, /* also one of OpenSSL's "trusted" ones, whose DER has more behind it */
    PEM_SIGNED_DATA, /* PKCS#7 */
    PEM_PRIVATE_KEY,
    PEM_REQUEST,
    PEM_CRL,
    PEM_PUBLIC_KEY,
    PEM_OTHER, /* nothing that is read here: parameters */
};

enum { PEM_LABEL_SIZE = 64 };

struct pem_block {
    enum pem_kind kind;
    char label[PEM_LABEL_SIZE]; /* "CERTIFICATE" */
    unsigned line;              /* of its BEGIN */
    bool encrypted;             /* either way: PKCS#8, or by headers (RFC 1421) */
    struct tls_slice whole;     /* the part of the file from BEGIN to END, with both */
    struct tls_slice body;      /* of that, what pem_decode() takes */
    unsigned body_line;         /* where that begins */
};

/* 0 goes on, -1 ends the walk, with the reason. */
typedef int pem_block_fn(void *arg, const struct pem_block *b, struct err *e);

/* One call per block, in order. The number of blocks, 0 for a file without any; -1: a line that
 * cannot be understood, a label that nobody knows, text in UTF-16, or `found` said so. */
int pem_walk(struct tls_slice file, const char *path, pem_block_fn *found, void *arg,
             struct err *e);

/* The bytes of a block, for memory_wipe_free(). NULL with the reason. */
uint8_t *pem_decode(const struct pem_block *b, const char *path, size_t *size, struct err *e);

/* It begins as DER does, so it is no PEM. */
bool pem_is_der(struct tls_slice file);

#endif
