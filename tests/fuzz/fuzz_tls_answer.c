/* fuzz_tls_answer.c - what an authority might send: the input as an answer, as a request and as a
 * key, the chain that comes of it, and as the DER of an encrypted key. */
#include "tls/keys/inner.h"
#include "tls/keys/pkcs7.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keys_private *key;

static void hear(void *arg, enum keys_gravity gravity, const char *text, const char *cure)
{
    (void)cure;
    if (text[0] == '\0')
        abort();
    *(bool *)arg |= gravity == KEYS_ERROR;
}

static int within(void *arg, struct tls_slice der)
{
    const struct tls_slice *file = arg;
    if (der.data < file->data || der.data + der.size > file->data + file->size)
        abort();
    return 0;
}

static void judge(struct keys_pool *pool)
{
    bool refused = false;
    const struct keys_judge j = {.trusted = pool,
                                 .now = 1800000000,
                                 .incomplete_is_fine = true,
                                 .report = hear,
                                 .arg = &refused};
    struct keys_certificate shown;
    for (size_t i = 0; i < keys_pool_count(pool); i++)
        keys_pool_show(pool, i, &shown);
    char *chain = keys_chain_make(pool, key, &j);
    if ((chain == NULL) != refused)
        abort();
    keys_free_text(chain);
}

static void read_answer(struct tls_slice file)
{
    struct err e = {.text = ""};
    struct keys_pool *pool = keys_pool_new(&e);
    if (pool == NULL)
        abort();
    int result = keys_pool_add(pool, file, "answer", &e);
    if (result != 0 ? e.text[0] == '\0' : keys_pool_count(pool) == 0)
        abort();
    keys_pool_add_trusted(pool, file);
    judge(pool);
    keys_pool_free(pool);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    struct err e;
    if (tls_init(&e) != 0 || (key = keys_private_make(KEYS_EC_P256, &e)) == NULL)
        abort();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {.text = ""};
    struct tls_slice file = {data, size};
    pkcs7_walk(file, within, &file);
    keys_inspect(file);
    struct keys_scheme scheme;
    if (keys_scheme_parse(file, &scheme) == 0) {
        within(&file, scheme.salt);
        within(&file, scheme.data);
        within(&file, (struct tls_slice){scheme.iv, KEYS_BLOCK});
    }
    read_answer(file);
    keys_request_free(keys_request_read(file, "request", &e));
    keys_private_free(keys_private_read(file, "key", &e));
    return 0;
}
