/* tls_client.h - a TLS client in memory: tests/unit/tls/'s, under names that do not meet those of
 * proxy/session/peer.h. */
#ifndef TLSFRONT_TESTS_SESSION_TLS_CLIENT_H
#define TLSFRONT_TESTS_SESSION_TLS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_client;

/* `alpn` NULL: none. Its ClientHello is there at once. */
struct tls_client *tls_client_new(const char *name, const char *alpn);
void tls_client_free(struct tls_client *c); /* NULL is fine */

void tls_client_hear(struct tls_client *c, const void *data, size_t size);
void tls_client_say(struct tls_client *c, const char *text);
void tls_client_close_notify(struct tls_client *c);

/* What it has to send, until the next call. */
const uint8_t *tls_client_take(struct tls_client *c, size_t *size);

bool tls_client_open(const struct tls_client *c);
/* The fatal alert that it got, TLS_CLIENT_BYE for close_notify, 0 for neither. */
enum { TLS_CLIENT_BYE = -1 };
int tls_client_last_word(const struct tls_client *c);
const char *tls_client_text(struct tls_client *c); /* all that it has read */

/* PEM for the front, owned by the caller, who frees it: a certificate for that name, for a
 * challenge or for service, and its key. */
char *tls_client_certificate(const char *name, bool challenge);
char *tls_client_key(void);

#endif
