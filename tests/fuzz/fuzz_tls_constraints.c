/* fuzz_tls_constraints.c - nameConstraints, and names of a certificate below: the size of the
 * constraints, these, then names, each a tag and a size and its bytes. Any of it may be damaged. */
#include "tls/constraints.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES_MAX = 8, SHORT_MAX = 127 };

/* A certificate's extensions with these constraints as the only one, as far as they are short. */
static size_t wrap(uint8_t *to, const uint8_t *constraints, size_t size)
{
    const uint8_t head[] = {
        0x30, (uint8_t)(size + 9), 0x30, (uint8_t)(size + 7), 0x06, 3, 0x55, 0x1d, 0x1e,
        0x04, (uint8_t)size};
    memcpy(to, head, sizeof head);
    memcpy(to + sizeof head, constraints, size);
    return sizeof head + size;
}

static void take_names(mbedtls_x509_sequence names[NAMES_MAX], const uint8_t *p, const uint8_t *end)
{
    for (size_t i = 0; i < NAMES_MAX && end - p > 2; i++) {
        size_t size = p[1];
        if (size > (size_t)(end - p) - 2)
            size = (size_t)(end - p) - 2;
        names[i].buf = (mbedtls_x509_buf){0x80 | p[0], size, (uint8_t *)p + 2};
        if (i > 0)
            names[i - 1].next = &names[i];
        p += 2 + size;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t subject[] = {0x30, 0x0f, 0x31, 0x0d, 0x30, 0x0b, 0x06, 0x03, 0x55,
                                0x04, 0x0a, 0x13, 0x04, 'T',  'e',  's',  't'};
    uint8_t extensions[SHORT_MAX + 16];
    mbedtls_x509_sequence names[NAMES_MAX] = {0};
    mbedtls_x509_crt ca, crt;
    if (size == 0)
        return 0;
    const size_t told = data[0] < SHORT_MAX - 9 ? data[0] : SHORT_MAX - 9,
                 whole = told < size - 1 ? told : size - 1;
    mbedtls_x509_crt_init(&ca);
    mbedtls_x509_crt_init(&crt);
    ca.v3_ext.p = extensions;
    ca.v3_ext.len = wrap(extensions, data + 1, whole);
    assert(constraints_any(&ca) && !constraints_any(&crt));
    assert(constraints_allow(&crt, &ca)); /* who has none allows all */

    take_names(names, data + 1 + whole, data + size);
    crt.subject_raw = (mbedtls_x509_buf){0x30, sizeof subject, subject};
    crt.subject.oid.p = subject + 8;
    crt.subject_alt_names = names[0];
    const bool all = constraints_allow(&ca, &crt);
    crt.subject_alt_names = (mbedtls_x509_sequence){0};
    assert(!all || constraints_allow(&ca, &crt)); /* fewer names are no worse */
    return 0;
}
