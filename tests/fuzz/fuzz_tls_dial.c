/* fuzz_tls_dial.c - a hostile server, from the first byte that it says.
 *
 * The first byte chooses: 1 TLS 1.2 alone at its end, 2 a session to resume, 4 how its bytes come
 * in (cut), 8 bytes of its own instead of a server's. What follows are those bytes; or changes to
 * what a real server says: two bytes of place, one to exclusive-or with. */
#include "tls/engine.h"
#include "tls/server.h"

#include "tests/unit/tls/dial.c"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OLD = 1, RESUME = 2, CUT = 4, RAW = 8 };

static struct tls_engine *engine, *server_engine;
static struct tls_server *servers[2];
static struct tls_dialer *policy;
static struct tls_slice changes;
static size_t passed; /* of the server's bytes */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const char *const names[] = {"mail.example", NULL};
    struct err e;
    if (tls_init(&e) != 0)
        abort();
    char *chain = pki_certificate(
        &(struct pki_spec){.subject = "CN=mail.example", .names = names, .key = PKI_EC256});
    char *key = pki_key_pem(PKI_EC256);
    struct tls_identity *id = pki_load(chain, key);
    struct tls_server_options o = join_options(&id, 1);
    engine = engine_or_die();
    server_engine = engine_or_die();
    servers[0] = server_or_die(&o);
    servers[1] = server_or_die(&o);
    mbedtls_ssl_conf_max_tls_version(&servers[1]->conf, MBEDTLS_SSL_VERSION_TLS1_2);
    policy =
        client_or_die(&(struct tls_dialer_options){.context = "route", .ca = pki_slice(chain)});
    tls_identity_free(id);
    free(chain);
    free(key);
    return 0;
}

static void change(struct dial *d)
{
    for (size_t i = 0; i + 3 <= changes.size; i += 3) {
        const size_t at = (size_t)(changes.data[i] << 8 | changes.data[i + 1]);
        if (at >= passed && at - passed < d->to_client.size)
            d->to_client.data[at - passed] ^= changes.data[i + 2];
    }
    passed += d->to_client.size;
}

static void talk(struct dial *d)
{
    if (tls_conn_status(d->client) != TLS_OPEN || tls_conn_status(d->server) != TLS_OPEN)
        return;
    dial_send(d->server, &d->to_client, "220 hello\r\n");
    change(d);
    dial_pump(d);
}

/* A session that a server has handed out before. */
static void prepare(struct tls_server *server)
{
    struct dial d = {.engine = engine, .server_engine = server_engine};
    dial_start(&d, policy, server, "mail.example");
    dial_pump(&d);
    dial_send(d.server, &d.to_client, "x");
    dial_pump(&d);
    if (tls_conn_status(d.client) != TLS_OPEN)
        abort();
    dial_free(&d);
}

/* What is believed was said, and by whom it has to be. */
static void check(const struct dial *d)
{
    const struct tls_failure *f = tls_conn_failure(d->client);
    if (f != NULL &&
        (f->reason == NULL || f->reason[0] == 0 || strstr(f->reason, "client") != NULL))
        abort();
    if (d->heard.size > 0 &&
        (d->heard.size != 11 || memcmp(d->heard.data, "220 hello\r\n", 11) != 0))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 60000)
        return 0;
    struct tls_server *server = servers[data[0] & OLD];
    const bool raw = (data[0] & RAW) != 0;
    struct dial d = {.engine = engine, .server_engine = server_engine};
    resumption_free(engine->resumption);
    engine->resumption = NULL;
    if ((data[0] & RESUME) != 0)
        prepare(server);
    d.cut = (data[0] & CUT) != 0 ? 1 + data[0] / 16u : 0;
    passed = 0;
    changes = (struct tls_slice){data + 1, size - 1};
    d.alter = raw ? NULL : change;
    dial_start(&d, policy, raw ? NULL : server, "mail.example");
    if (raw) {
        d.to_server.size = 0;
        bytes_add(&d.to_client, data + 1, size - 1);
    }
    dial_pump(&d);
    if (!raw)
        talk(&d);
    check(&d);
    dial_free(&d);
    return 0;
}
