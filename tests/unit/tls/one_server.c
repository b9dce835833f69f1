/* one_server.c - a route with one ECDSA certificate, for tests that need no more; with peer.c. */
#include "tests/unit/tls/peer.c"

#define V12 MBEDTLS_SSL_VERSION_TLS1_2
#define V13 MBEDTLS_SSL_VERSION_TLS1_3

static const char *const names[] = {"mail.example", NULL};
static struct tls_identity *ecdsa;
static struct tls_engine *engine;
static struct tls_server *server;

static int setup(void **state)
{
    (void)state;
    struct err e = {.text = ""};
    if (tls_init(&e) != 0)
        return -1;
    ecdsa = pki_identity(PKI_EC256, names);
    engine = engine_or_die();
    struct tls_server_options so = join_options(&ecdsa, 1);
    server = server_or_die(&so);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tls_server_free(server);
    tls_engine_free(engine);
    tls_identity_free(ecdsa);
    pki_free();
    return 0;
}
