/* fuzz_tls_identity.c - certificates and keys as an operator might hand them in: the input as a
 * chain, as a key, and as both; and what is told about a chain that parses. */
#include "tls/facts.h"
#include "tls/identity.h"

#include <stdlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void hear(void *arg, enum tls_finding finding, unsigned place, const char *text)
{
    (void)place;
    (void)arg;
    (void)finding;
    if (text[0] == 0)
        abort();
}

static void judge(struct tls_slice file)
{
    struct tls_identity *id = calloc(1, sizeof *id);
    struct err e;
    if (id == NULL)
        abort();
    mbedtls_x509_crt_init(&id->chain);
    if (identity_parse_certificates(&id->chain, file, "chain", IDENTITY_SHOWN, &e) == 0 &&
        facts_read(id, "chain", &e) == 0) {
        tls_identity_check(id, 1800000000, hear, NULL);
        tls_identity_covers(id, "mail.example.org");
        identity_same_names(id, id);
    }
    facts_free(id);
    mbedtls_x509_crt_free(&id->chain);
    free(id);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct err e;
    if (tls_init(&e) != 0)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {.text = ""};
    struct tls_slice file = {data, size};
    struct tls_identity *id =
        tls_identity_load(file, "chain", (struct tls_slice){NULL, 0}, NULL, &e);
    if (id == NULL && e.text[0] == 0)
        abort();
    tls_identity_free(id);
    tls_identity_free(tls_identity_load(file, "chain", file, "key", &e));
    judge(file);
    return 0;
}
