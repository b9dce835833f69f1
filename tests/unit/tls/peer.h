/* peer.h - an mbedTLS client and a tls_conn, joined in memory. */
#ifndef TLSFRONT_TESTS_PEER_H
#define TLSFRONT_TESTS_PEER_H

#include "tests/unit/tls/pki.h"
#include "tls/tls.h"

#include <mbedtls/ssl.h>

struct bytes {
    uint8_t *data;
    size_t size, capacity;
};

void bytes_add(struct bytes *b, const void *data, size_t size);
void bytes_drop(struct bytes *b, size_t size); /* from the front */
void bytes_free(struct bytes *b);

struct peer_options {
    mbedtls_ssl_protocol_version min, max; /* 0: 1.2 and 1.3 */
    const int *ciphers;
    const uint16_t *groups;
    const uint16_t *sig_algs;
    const char *sni;
    const char **alpn;
    const char *cert, *key;       /* PEM */
    mbedtls_ssl_session *session; /* to resume */
    bool early_data;
    size_t fragment; /* max_fragment_length code */
};

struct peer {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config conf;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    struct bytes in, out; /* what the server sent and it has not read; what it sent */
    struct bytes plain;
    mbedtls_ssl_session session; /* with the last ticket */
    bool has_session;
    bool open, closed; /* closed: it got close_notify */
    int error;         /* 0: none */
    int alert;         /* the fatal alert it got; -1 */
    unsigned alerts;   /* how many */
};

void peer_start(struct peer *p, const struct peer_options *o);
void peer_step(struct peer *p); /* handshake or read, as far as `in` goes */
void peer_write(struct peer *p, const void *data, size_t size);
void peer_close(struct peer *p);
void peer_free(struct peer *p);

/* Both ends. */
struct join {
    struct tls_engine *engine;
    struct tls_server *server;
    struct tls_conn *conn;
    struct peer peer;
    struct bytes plain; /* what the server end decrypted */
    size_t cut;         /* deliver to the server at most so many bytes at a time; 0: no limit */
    size_t cut_to_client;
    bool own_engine, own_server;
    bool by_hand; /* the test signs */
    unsigned signatures;
};

/* Options for a route with these identities; the rest may be changed before join_start. */
struct tls_server_options join_options(struct tls_identity *const *identities, size_t count);

/* engine and server NULL: made from `so`, and freed with the join. */
void join_start(struct join *j, struct tls_engine *engine, struct tls_server *server,
                const struct tls_server_options *so, const struct peer_options *po);
void join_pump(struct join *j);                                   /* until nothing moves */
void join_deliver(struct join *j, const void *data, size_t size); /* raw bytes to the server end */
void join_sign(struct join *j); /* what is not signed yet; of itself behind each delivery */
void join_send(struct join *j, const void *data, size_t size); /* from the server end */
void join_close(struct join *j);
void join_free(struct join *j);

struct tls_server *server_or_die(const struct tls_server_options *o);
struct tls_engine *engine_or_die(void);

/* Alert records in plaintext at the end of what the server sent: the description; -1: none. */
int last_plain_alert(const struct bytes *wire);

#endif
