/* fuzz_tls_open.c - records of any type and content from a client behind its handshake, well
 * encrypted: what the engine sees of a hostile client that knows its keys.
 * The first byte chooses the version and the size of the pieces; then each record: its type, two
 * bytes of size, its content. With the type's highest bit set the client changes its keys after. */
#include "tests/unit/tls/peer.c"
#include "tests/unit/tls/records.c"

#include "tls/engine.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_engine *engine;
static struct tls_server *server;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const char *const names[] = {"mail.example", NULL};
    struct err e;
    if (tls_init(&e) != 0)
        abort();
    struct tls_identity *id = pki_identity(PKI_EC256, names);
    struct tls_server_options o = join_options(&id, 1);
    engine = engine_or_die();
    server = server_or_die(&o);
    tls_identity_free(id);
    return 0;
}

static void send_records(struct records *r, struct join *j, const uint8_t *data, size_t size)
{
    while (size >= 3) {
        const bool update = (data[0] & 0x80) != 0;
        size_t n = (size_t)(data[1] << 8 | data[2]);
        n = n < size - 3 ? n : size - 3;
        n = n < 17000 ? n : 17000;
        records_send(r, j, data[0] & 0x7f, data + 3, n);
        if (update && r->out.tls13 && !protection_update(&r->out))
            abort();
        data += 3 + n;
        size -= 3 + n;
    }
}

/* A failure has a reason; what was sent can be read, and ends with the alert where one was sent. */
static void check(struct records *r, struct join *j)
{
    const struct tls_failure *f = tls_conn_failure(j->conn);
    int type, last = -1;
    if (f != NULL && (f->reason == NULL || f->reason[0] == 0))
        abort();
    while ((type = records_next(r, j)) != -1) {
        if (type < 0)
            abort();
        const uint8_t update[] = {24, 0, 0, 1};
        if (type == 22 && r->plain.size == 5 && memcmp(r->plain.data, update, sizeof update) == 0 &&
            !protection_update(&r->in))
            abort();
        last = type;
    }
    if (f != NULL && f->alert_sent >= 0 && last != 21)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 60000)
        return 0;
    const mbedtls_ssl_protocol_version version =
        data[0] & 1 ? MBEDTLS_SSL_VERSION_TLS1_3 : MBEDTLS_SSL_VERSION_TLS1_2;
    struct join j;
    struct records r;
    join_start(&j, engine, server, NULL,
               &(struct peer_options){.min = version, .max = version, .sni = "mail.example"});
    join_pump(&j);
    records_begin(&r, &j);
    j.cut = data[0] < 2 ? 0 : data[0] / 2u;
    engine->rekey_after = 20; /* see to it that our own KeyUpdates come in as well */
    send_records(&r, &j, data + 1, size - 1);
    check(&r, &j);
    records_end(&r);
    join_free(&j);
    return 0;
}
