/* fuzz_tls_conn.c - anything at all as the bytes of a new client.
 * The first byte chooses the route and the size of the pieces. */
#include "tests/unit/tls/pki.c"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct tls_engine *engine;
static struct tls_server *servers[3];
static struct tls_identity *challenge;

/* The last route answers challenges; that of this name there is. */
static const char challenged[] = "mail.example";

static void start_challenges(void)
{
    static const char *const names[] = {challenged, NULL};
    static const char *alpn[] = {"acme-tls/1"};
    static const struct string_list alpn_list = {alpn, 1};
    struct err e;
    char *crt = pki_certificate(&(struct pki_spec){
        .subject = "CN=challenge", .names = names, .key = PKI_EC256, .challenge = true});
    char *key = pki_key_pem(PKI_EC256);
    challenge =
        tls_identity_load_challenge(challenged, pki_slice(crt), "crt", pki_slice(key), "key", &e);
    servers[2] = tls_server_new(&(struct tls_server_options){.context = "challenges",
                                                             .challenges = true,
                                                             .alpn = &alpn_list},
                                &e);
    if (challenge == NULL || servers[2] == NULL)
        abort();
    free(crt);
    free(key);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const char *const names[] = {"mail.example", "*.example.org", NULL};
    static const char *alpn[] = {"imap"};
    static const struct string_list alpn_list = {alpn, 1};
    struct err e;
    if (tls_init(&e) != 0)
        abort();
    struct tls_identity *id = pki_identity(PKI_EC256, names);
    char *ca =
        pki_certificate(&(struct pki_spec){.subject = "CN=CA", .key = PKI_EC256, .ca = true});
    struct tls_server_options o = {.context = "fuzz", .identities = &id, .identity_count = 1};
    engine = tls_engine_new(&e);
    servers[0] = tls_server_new(&o, &e);
    o.alpn = &alpn_list;
    o.strict_sni = true;
    o.client_auth = CLIENT_AUTH_OPTIONAL;
    o.client_ca = pki_slice(ca);
    servers[1] = tls_server_new(&o, &e);
    if (engine == NULL || servers[0] == NULL || servers[1] == NULL)
        abort();
    tls_identity_free(id);
    free(ca);
    start_challenges();
    return 0;
}

/* A failure has a reason; its alert is in the output where one is said to have been sent. */
static void check(const struct tls_conn *c, const struct tls_io *io, bool was_failed)
{
    const struct tls_failure *f = tls_conn_failure(c);
    struct tls_info info;
    tls_conn_info(c, &info);
    if (f == NULL)
        return;
    if (f->reason == NULL || f->reason[0] == 0 || io->plain.size > 0)
        abort();
    if (!was_failed && f->alert_sent >= 0 && io->wire.size < 7)
        abort();
    if (was_failed && io->wire.size > 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 60000)
        return 0;
    size_t step = data[0] < 2 ? size : data[0] / 2u;
    struct tls_conn *c = tls_conn_new(engine, servers[data[0] >= 0xf0 ? 2 : data[0] & 1]);
    if (c == NULL)
        abort();
    for (size_t at = 1; at < size; at += step) {
        struct tls_io io;
        bool was_failed = tls_conn_status(c) == TLS_FAILED;
        tls_conn_receive(c, data + at, size - at < step ? size - at : step, &io);
        check(c, &io, was_failed);
        const char *wanted = tls_conn_wanted(c);
        if (wanted == NULL)
            continue;
        tls_conn_answer(c, strcmp(wanted, challenged) == 0 ? challenge : NULL, &io);
        check(c, &io, false);
    }
    tls_conn_transport_eof(c);
    tls_conn_free(c);
    return 0;
}
