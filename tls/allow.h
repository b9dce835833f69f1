/* allow.h - which clients a route lets in, of those whose certificate verifies. */
#ifndef TLSFRONT_TLS_ALLOW_H
#define TLSFRONT_TLS_ALLOW_H

#include "tls/mbed.h"
#include "tls/tls.h"

struct allow {
    char **subjects;
    size_t subject_count;
    struct client_name *names; /* the texts are ours */
    size_t name_count;
};

/* Copy the lists; either may be NULL. -1: out of memory; `a` is to be freed all the same. */
int allow_copy(struct allow *a, const struct string_list *subjects,
               const struct client_name_list *names);
void allow_free(struct allow *a); /* all zero is fine */

/* Nothing is on the lists, or something on them fits. `subject` is that of the certificate. */
bool allow_certificate(const struct allow *a, const mbedtls_x509_crt *crt, const char *subject);

/* Does what a certificate says in an entry of that kind fit? Pure.
 *
 * A DNS name: letter case does not count, and "*." in the list stands for exactly one label. An
 * address: letter case does not count behind the @ (RFC 5280 7.5). A URI: byte for byte. */
bool allow_name(const struct client_name *listed, enum client_name_kind kind,
                struct tls_slice said);

#endif
