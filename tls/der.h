/* der.h - a walk through DER (X.690) on mbedTLS's reader of tags, within bounds. Pure. */
#ifndef TLSFRONT_TLS_DER_H
#define TLSFRONT_TLS_DER_H

#include "tls/mbed.h"
#include "tls/tls.h"

enum {
    DER_SEQUENCE = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE,
    DER_SET = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SET,
    DER_CONTEXT_0 = MBEDTLS_ASN1_CONTEXT_SPECIFIC | MBEDTLS_ASN1_CONSTRUCTED,
};

/* What is left to read; parts of the input. */
struct der {
    unsigned char *p; /* mbedTLS's reader takes it without const; nothing is changed */
    const unsigned char *end;
};

/* At the beginning of `bytes`, which have to live as long. */
struct der der_begin(struct tls_slice bytes);

/* The tag of the element that comes next; -1: there is none. */
int der_next(const struct der *d);

/* Past the element that comes next, if it has this tag; its content goes to `inside`. */
bool der_enter(struct der *d, struct der *inside, int tag);

/* The same, with the content as bytes. */
bool der_take(struct der *d, struct tls_slice *content, int tag);

/* Cut the element that comes first off `rest`; all of it, where there is no whole one. */
struct tls_slice der_cut(struct tls_slice *rest);

/* Files of DER put one behind the other: is there another? What is no sequence is not looked at. */
bool der_goes_on(struct tls_slice rest);

#endif
