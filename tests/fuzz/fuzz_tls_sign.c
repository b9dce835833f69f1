/* fuzz_tls_sign.c - whatever a worker that was taken over asks to be signed: nothing but what a TLS
 * server signs in a handshake, and by the key's own schemes.
 *
 * Input: the bytes of a struct tls_sign_request from its scheme on, cut short or filled up with
 * zeros; the first byte before them chooses the key. */
#include "tests/unit/tls/pki.c"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { EC, RSA, NOBODY, KEYS };

static struct tls_keyring *ring;
static uint8_t ids[KEYS][TLS_KEY_ID_SIZE];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    static const char *const names[] = {"mail.example", NULL};
    struct err e;
    uint8_t der[TLS_KEY_DER_MAX];
    const enum pki_key keys[] = {PKI_EC256, PKI_RSA1024};
    if (tls_init(&e) != 0 || (ring = tls_keyring_new()) == NULL)
        abort();
    for (int i = EC; i <= RSA; i++) {
        struct tls_identity *id = pki_identity(keys[i], names);
        const size_t n = tls_identity_export_key(id, ids[i], der);
        if (tls_keyring_add(ring, ids[i], i == EC ? TLS_KEY_SERVES | TLS_KEY_CALLS : TLS_KEY_SERVES,
                            (struct tls_slice){der, n}, &e) != 0)
            abort();
        tls_identity_free(id);
    }
    return 0;
}

static bool is_parameters(const struct tls_sign_request *r)
{
    static const uint8_t points[][2] = {{23, 65}, {24, 97}, {25, 133}, {29, 32}};
    const uint8_t *p = r->content + 64;
    for (size_t i = 0; i < sizeof points / sizeof *points; i++)
        if (r->size == 68 + points[i][1] && p[0] == 3 && p[1] == 0 && p[2] == points[i][0] &&
            p[3] == points[i][1])
            return true;
    return false;
}

static bool is_scheme(const struct tls_sign_request *r, int key)
{
    const unsigned hash = r->scheme >> 8, kind = r->scheme & 0xff;
    const bool tls13 = r->form != TLS_SIGN_SERVER_12;
    if (key == RSA && tls13)
        return hash == 8 && kind >= 4 && kind <= 6;
    if (key == EC && tls13)
        return r->scheme == 0x0403;
    return hash >= 4 && hash <= 6 && kind == (key == RSA ? 1 : 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tls_sign_request r = {.size = 0};
    struct tls_signature signature = {.size = 0};
    const size_t head = offsetof(struct tls_sign_request, scheme), room = sizeof r - head;
    if (size == 0)
        return 0;
    const int key = data[0] % KEYS;
    memcpy((uint8_t *)&r + head, data + 1, size - 1 < room ? size - 1 : room);
    memcpy(r.key, ids[key], sizeof r.key);
    const enum tls_signed outcome = tls_keyring_sign(ring, &r, &signature);
    if ((outcome == TLS_SIGNED_BY_NOBODY) != (key == NOBODY) ||
        (outcome == TLS_SIGNED) != (signature.size > 0))
        abort();
    if (outcome == TLS_SIGNED &&
        (!is_scheme(&r, key) || r.form > TLS_SIGN_CLIENT_13 ||
         (r.form == TLS_SIGN_CLIENT_13 && key != EC) ||
         !(r.form != TLS_SIGN_SERVER_12 ? r.size == 32 || r.size == 48 : is_parameters(&r))))
        abort();
    return 0;
}
