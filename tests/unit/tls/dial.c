/* dial.c - both ends of ours, joined in memory: a connection to a server, and the server's.
 * With peer.c. */
#include "tests/unit/tls/peer.c"

struct dial {
    struct tls_engine *engine, *server_engine; /* borrowed */
    struct tls_conn *client, *server;
    struct bytes to_server, to_client; /* on their way */
    struct bytes heard, said;          /* plaintext that came to the client, to the server */
    size_t cut;                        /* the server's bytes come in such pieces; 0: as they are */
    void (*alter)(struct dial *d);     /* what is on its way to the client; NULL: nothing does */
    bool by_hand;                      /* the test signs */
    unsigned signatures;
};

static inline void dial_collect(struct bytes *wire, struct bytes *plain, const struct tls_io *io)
{
    bytes_add(wire, io->wire.data, io->wire.size);
    bytes_add(plain, io->plain.data, io->plain.size);
}

static inline void dial_start(struct dial *d, struct tls_dialer *policy, struct tls_server *server,
                              const char *name)
{
    struct tls_io io = {0};
    d->client = tls_conn_dial(d->engine, policy, name, "192.0.2.1:993", &io);
    if (d->client == NULL)
        abort();
    dial_collect(&d->to_server, &d->heard, &io);
    d->server = server != NULL ? tls_conn_new(d->server_engine, server) : NULL;
}

static inline void dial_sign_one(struct dial *d, struct tls_conn *c, struct bytes *wire,
                                 struct bytes *plain)
{
    struct tls_io io = {0};
    struct tls_signature signature;
    const struct tls_sign_request *request = tls_conn_unsigned(c);
    if (request == NULL || d->by_hand)
        return;
    if (tls_keyring_sign(pki_signer, request, &signature) != TLS_SIGNED)
        abort();
    d->signatures++;
    tls_conn_sign(c, &signature, &io);
    dial_collect(wire, plain, &io);
}

/* Exactly as large as what is given, so that a sanitizer sees a read behind its end. */
static inline void dial_give(struct tls_conn *c, const uint8_t *data, size_t size,
                             struct bytes *wire, struct bytes *plain)
{
    struct tls_io io = {0};
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (size > 0)
        memcpy(copy, data, size);
    tls_conn_receive(c, copy, size, &io);
    free(copy);
    dial_collect(wire, plain, &io);
}

static inline void dial_to_client(struct dial *d)
{
    struct bytes all = d->to_client;
    d->to_client = (struct bytes){0};
    for (size_t at = 0; at < all.size;) {
        const size_t left = all.size - at;
        const size_t n = d->cut > 0 && d->cut < left ? d->cut : left < 65536 ? left : 65536;
        dial_give(d->client, all.data + at, n, &d->to_server, &d->heard);
        dial_sign_one(d, d->client, &d->to_server, &d->heard);
        at += n;
    }
    bytes_free(&all);
}

static inline void dial_to_server(struct dial *d)
{
    struct bytes all = d->to_server;
    d->to_server = (struct bytes){0};
    if (d->server != NULL)
        dial_give(d->server, all.data, all.size, &d->to_client, &d->said);
    bytes_free(&all);
    if (d->server != NULL)
        dial_sign_one(d, d->server, &d->to_client, &d->said);
    if (d->alter != NULL)
        d->alter(d);
}

static inline void dial_pump(struct dial *d)
{
    while (d->to_server.size > 0 || d->to_client.size > 0) {
        dial_to_server(d);
        dial_to_client(d);
    }
}

static inline void dial_send(struct tls_conn *c, struct bytes *wire, const char *text)
{
    struct tls_io io = {0};
    char *copy = strdup(text); /* and its NUL is the byte behind */
    tls_conn_send(c, (uint8_t *)copy, strlen(copy), &io);
    free(copy);
    bytes_add(wire, io.wire.data, io.wire.size);
}

static inline void dial_free(struct dial *d)
{
    tls_conn_free(d->client);
    tls_conn_free(d->server);
    bytes_free(&d->to_server);
    bytes_free(&d->to_client);
    bytes_free(&d->heard);
    bytes_free(&d->said);
    const struct dial kept = {.engine = d->engine, .server_engine = d->server_engine};
    *d = kept;
}

static inline struct tls_dialer *client_or_die(const struct tls_dialer_options *o)
{
    struct err e = {.text = ""};
    struct tls_dialer *k = tls_dialer_new(o, &e);
    if (k == NULL) {
        fprintf(stderr, "client: %s\n", e.text);
        abort();
    }
    return k;
}
