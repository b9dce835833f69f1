/* test_look.c - what a file is that is no PEM */
#include "tls/form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s) s, sizeof(s) - 1

static const struct {
    const char *bytes;
    size_t size;
    enum form look;
} rows[] = {
    {"", 0, FORM_OTHER},
    {"0", 1, FORM_OTHER},
    {"0123456789 is text", 18, FORM_OTHER},
    {"\x30\x00", 2, FORM_OTHER},
    {"\x30\x02\x05\x00", 4, FORM_OTHER},
    {"\x30\x02\x30\x00", 4, FORM_CERTIFICATE},
    {"\x30\x06\x30\x00\x30\x00\x03\x00", 8, FORM_CERTIFICATE},
    {"\x30\x04\x30\x00\x03\x00", 6, FORM_PUBLIC_KEY},             /* SubjectPublicKeyInfo */
    {"\x30\x07\x02\x02\x01\x05\x02\x01\x03", 9, FORM_PUBLIC_KEY}, /* PKCS#1 */
    {"\x30\x06\x02\x02\x01\x05\x04\x00", 8, FORM_OTHER},
    {"\x30\x04\x30\x00\x04\x00", 6, FORM_ENCRYPTED_KEY},
    {"\x30\x03\x06\x01\x2a", 5, FORM_OTHER}, /* some other content */
    {"\x30\x07\x02\x01\x03\x30\x02\x05\x00", 9, FORM_PKCS12},
    {"\x30\x07\x02\x01\x00\x30\x02\x05\x00", 9, FORM_PRIVATE_KEY}, /* PKCS#8 */
    {"\x30\x06\x02\x01\x00\x02\x01\x05", 8, FORM_PRIVATE_KEY},     /* PKCS#1 */
    {"\x30\x06\x02\x01\x01\x04\x01\x05", 8, FORM_PRIVATE_KEY},     /* SEC1 */
    {"\x30\x03\x02\x01\x01", 5, FORM_OTHER},
    {"\x30\x03\x02\x01\x03", 5, FORM_OTHER},
    {"\x30\x80\x06\x09", 4, FORM_INDEFINITE},
    {"\x30\x80", 2, FORM_INDEFINITE},
    {"\x30\x80\x02\x01\x03\x30", 6, FORM_PKCS12},
    {"\x30\x82\x01\x00\x30\x00", 6, FORM_CUT_SHORT},
    {"\x30\x83\x01\x00\x00\x30", 6, FORM_CUT_SHORT},
    {"\x30\x84\x01\x00\x00\x30", 6, FORM_OTHER},
    {"\x31\x82\x01\x00\x30\x00", 6, FORM_OTHER},
    {"\xfe\xed\xfe\xed\x00\x00\x00\x02", 8, FORM_KEY_STORE},
    {"\xce\xce\xce\xce", 4, FORM_KEY_STORE},
    {"PuTTY-User-Key-File-3: ", 23, FORM_PUTTY},
    {"\x1e\xf1\xb5\xb0", 4, FORM_PVK},
    {"\x07\x02\x00\x00\x00\xa4\x00\x00RSA2", 12, FORM_BLOB},
    {"\x07\x02\x00\x00\x00\xa4\x00\x00RSA1", 12, FORM_OTHER}, /* a public key */
    {"PuTTY-User-Key-File", 19, FORM_OTHER},
    {"\xfe\xed\xfe", 3, FORM_OTHER},
    {TEXT("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\",\"d\":\"AA\"}"), FORM_JWK},
    {TEXT("\xef\xbb\xbf \r\n\t{ \"d\" : \"AA\", \"kty\" : \"RSA\" }"), FORM_JWK},
    {TEXT("{\"keys\": [{\"d\": \"AA\", \"kty\": \"RSA\"}]}"), FORM_JWK},
    {TEXT("{\"kty\":\"RSA\",\"n\":\"AA\",\"e\":\"AQAB\"}"), FORM_PUBLIC_KEY},
    {TEXT("{\"d\":\"AA\"}"), FORM_OTHER},
    {TEXT("say \"kty\" and \"d\""), FORM_OTHER},
    {TEXT("ssh-rsa AAAAB3NzaC1yc2E= root@mail\n"), FORM_PUBLIC_KEY},
    {TEXT("\nssh-ed25519 AAAAC3NzaC1lZDI1NTE5 x"), FORM_PUBLIC_KEY},
    {TEXT("ecdsa-sha2-nistp256 AAAAE2VjZHNh"), FORM_PUBLIC_KEY},
    {TEXT("sk-ssh-ed25519@openssh.com AAAAGnNr"), FORM_PUBLIC_KEY},
    {TEXT("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA"), FORM_PUBLIC_KEY},
    {TEXT("ssh-keygen writes keys"), FORM_OTHER},
    {TEXT("the key: ssh-rsa AAAA"), FORM_OTHER},
};

/* In memory of its exact size, so that a sanitizer sees a byte too many. */
static enum form look_copy(const char *bytes, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    const enum form what = form_of((struct tls_slice){copy, size});
    free(copy);
    return what;
}

static void formats_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (look_copy(rows[i].bytes, rows[i].size) != rows[i].look)
            fail_msg("row %zu", i);
}

static void cut_at_every_byte_it_stays_within_bounds(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t size = 0; size < rows[i].size; size++)
            look_copy(rows[i].bytes, size);
}

static void each_is_refused_with_a_cure(void **state)
{
    (void)state;
    for (enum form what = FORM_OTHER; what <= FORM_CUT_SHORT; what++) {
        struct err e = {.text = ""};
        assert_int_equal(form_refuse(what, "FILE", &e), -1);
        assert_memory_equal(e.text, "FILE is ", 8);
        assert_true(strlen(e.cure) > 0 && strlen(e.cure) < sizeof e.cure - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_told_apart),
        cmocka_unit_test(cut_at_every_byte_it_stays_within_bounds),
        cmocka_unit_test(each_is_refused_with_a_cure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
