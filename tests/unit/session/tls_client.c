#include "tests/unit/session/tls_client.h"

#define peer_close tls_peer_close
#include "tests/unit/tls/peer.c"

struct tls_client {
    struct peer peer;
    struct bytes taken;
    const char *alpn[2];
};

struct tls_client *tls_client_new(const char *name, const char *alpn)
{
    struct tls_client *c = calloc(1, sizeof *c);
    assert(c != NULL);
    c->alpn[0] = alpn;
    peer_start(&c->peer,
               &(struct peer_options){.sni = name, .alpn = alpn != NULL ? c->alpn : NULL});
    peer_step(&c->peer);
    return c;
}

void tls_client_free(struct tls_client *c)
{
    if (c == NULL)
        return;
    peer_free(&c->peer);
    bytes_free(&c->taken);
    free(c);
}

void tls_client_hear(struct tls_client *c, const void *data, size_t size)
{
    bytes_add(&c->peer.in, data, size);
    peer_step(&c->peer);
}

void tls_client_say(struct tls_client *c, const char *text)
{
    peer_write(&c->peer, text, strlen(text));
}

void tls_client_close_notify(struct tls_client *c)
{
    peer_close(&c->peer);
}

const uint8_t *tls_client_take(struct tls_client *c, size_t *size)
{
    bytes_free(&c->taken);
    c->taken = c->peer.out;
    c->peer.out = (struct bytes){0};
    *size = c->taken.size;
    return c->taken.data;
}

bool tls_client_open(const struct tls_client *c)
{
    return c->peer.open;
}

int tls_client_last_word(const struct tls_client *c)
{
    if (c->peer.alert > 0)
        return c->peer.alert;
    return c->peer.closed ? TLS_CLIENT_BYE : 0;
}

const char *tls_client_text(struct tls_client *c)
{
    bytes_add(&c->peer.plain, "", 1);
    c->peer.plain.size--;
    return (const char *)c->peer.plain.data;
}

char *tls_client_certificate(const char *name, bool challenge)
{
    const char *const names[] = {name, NULL};
    return pki_certificate(&(struct pki_spec){
        .subject = "CN=mail", .names = names, .key = PKI_EC256, .challenge = challenge});
}

char *tls_client_key(void)
{
    return pki_key_pem(PKI_EC256);
}
