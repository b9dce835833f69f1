/* test_pem.c - the blocks of PEM files, as people and programs write them */
#include "tls/memory.h"
#include "tls/pem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* What was found, as "LABEL@LINE=content ". */
static char found[1024];

/* From the BEGIN to the END, which pem_walk() has checked to be the same label's. */
static bool is_whole(const struct pem_block *b)
{
    char begin[PEM_LABEL_SIZE + 20], end[PEM_LABEL_SIZE + 20];
    const char *text = (const char *)b->whole.data;
    const size_t head = (size_t)snprintf(begin, sizeof begin, "-----BEGIN %s-----", b->label);
    const size_t tail = (size_t)snprintf(end, sizeof end, "-----END %s-----", b->label);
    return b->whole.size > head + tail && memcmp(text, begin, head) == 0 &&
           memcmp(text + b->whole.size - tail, end, tail) == 0;
}

static int note(void *arg, const struct pem_block *b, struct err *e)
{
    size_t size;
    (void)arg;
    assert_true(is_whole(b));
    uint8_t *data = pem_decode(b, "p", &size, e);
    if (data == NULL)
        return -1;
    const size_t used = strlen(found);
    snprintf(found + used, sizeof found - used, "%s@%u%s=%.*s ", b->label, b->line,
             b->encrypted ? "!" : "", (int)size, (const char *)data);
    memory_wipe_free(data, size);
    return 0;
}

/* In memory of its exact size, so that a sanitizer sees a byte too many. */
static int walk(const char *text, size_t size, struct err *e)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    found[0] = '\0';
    *e = (struct err){.text = ""};
    int r = pem_walk((struct tls_slice){copy, size}, "p", note, NULL, e);
    free(copy);
    return r;
}

#define C(body) "-----BEGIN CERTIFICATE-----\n" body "\n-----END CERTIFICATE-----"

static void what_is_plain_to_see_is_taken(void **state)
{
    static const struct {
        const char *text, *found;
    } rows[] = {
        {C("b25l"), "CERTIFICATE@1=one "},
        {C("b25l") "\n" C("dHdv") "\n", "CERTIFICATE@1=one CERTIFICATE@4=two "},
        {C("b25l") C("dHdv"), "CERTIFICATE@1=one CERTIFICATE@3=two "}, /* cat without a line end */
        {"-----BEGIN CERTIFICATE-----\r\nb25l\r\n-----END CERTIFICATE-----\r\n" C("dHdv"),
         "CERTIFICATE@1=one CERTIFICATE@4=two "},
        {"-----BEGIN CERTIFICATE-----\rb25l\r-----END CERTIFICATE-----\r", "CERTIFICATE@1=one "},
        {"\xef\xbb\xbf" C("b25l"), "CERTIFICATE@1=one "},
        {C("b25l") "\n\xef\xbb\xbf" C("dHdv"), "CERTIFICATE@1=one CERTIFICATE@4=two "},
        {"  -----BEGIN CERTIFICATE----- \t\n\n  b2\n\n 5l  \n  -----END CERTIFICATE-----  ",
         "CERTIFICATE@1=one "},
        {"-----BEGIN CERTIFICATE-----\nb25l-----END CERTIFICATE-----", "CERTIFICATE@1=one "},
        {"subject=CN = a\n---\nServer certificate\n" C("b25l") "\n--- begin of the end ---\n",
         "CERTIFICATE@4=one "},
        {"-----BEGIN X509 CERTIFICATE-----\nb25l\n-----END X509 CERTIFICATE-----",
         "X509 CERTIFICATE@1=one "},
        {"-----BEGIN TRUSTED CERTIFICATE-----\nb25l\n-----END TRUSTED CERTIFICATE-----",
         "TRUSTED CERTIFICATE@1=one "},
        {"-----BEGIN EC PARAMETERS-----\nb25l\n-----END EC PARAMETERS-----",
         "EC PARAMETERS@1=one "},
        {"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"
         "b25l\n-----END RSA PRIVATE KEY-----",
         "RSA PRIVATE KEY@1!=one "},
        {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nb25l\n-----END ENCRYPTED PRIVATE KEY-----",
         "ENCRYPTED PRIVATE KEY@1!=one "},
        {"", ""},
        {"prose\n", ""},
        {"-", ""},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err e;
        if (walk(rows[i].text, strlen(rows[i].text), &e) < 0 || strcmp(found, rows[i].found) != 0)
            fail_msg("row %zu: \"%s\", \"%s\"", i, found, e.text);
    }
}

#define LINE "MIIBszCCAVmgAwIBAgIUQzFPbx9OY0Jx1vNnNq0m5m4v1oQwCgYIKoZIzj0EAwIw"

static void what_was_meant_to_be_a_block_is_named_with_its_line(void **state)
{
    static const struct {
        const char *text, *said;
    } rows[] = {
        {"\n----BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----",
         "p line 2: a \"-----BEGIN\" line is spoilt"},
        {"\xe2\x80\x94--BEGIN CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----",
         "p line 1: a \"-----BEGIN\" line is spoilt"},
        {"\xe2\x80\x93\xe2\x80\x93-BEGIN CERTIFICATE-----\nb25l",
         "p line 1: a \"-----BEGIN\" line is spoilt"},
        {"-----begin certificate-----\nb25l\n-----end certificate-----",
         "p line 1: a \"-----BEGIN\" line is spoilt"},
        {"----- BEGIN CERTIFICATE -----\nb25l\n----- END CERTIFICATE -----",
         "p line 1: a \"-----BEGIN\" line is spoilt"},
        {"-----BEGIN\xc2\xa0"
         "CERTIFICATE-----\nb25l\n-----END CERTIFICATE-----",
         "p line 1: a \"-----BEGIN\" line is spoilt"},
        {"-----BEGIN CERTIFICATE----\nb25l\n-----END CERTIFICATE-----", "p line 1: more than"},
        {"-----BEGIN CERTIFICATE----- b25l -----END CERTIFICATE-----", "p line 1: more than"},
        {"-----BEGIN -----\nb25l\n-----END -----", "p line 1: "},
        {"BEGIN CERTIFICATE\nb25l\n-----END CERTIFICATE-----",
         "p line 3: \"-----END\" without a \"-----BEGIN\""},
        {"BEGIN CERTIFICATE\n" LINE "\nEND CERTIFICATE", "p line 2: base64 without"},
        {"-----BEGIN CERTIFICATE-----\nb25l\n", "cut short"},
        {"-----BEGIN CERTIFICATE-----\nb25l\n----END CERTIFICATE-----\n" C("dHdv"), "p line 3: "},
        {"-----BEGIN CERTIFICATE-----\nb25l\n" C("dHdv"), "p line 3: "},
        {"-----BEGIN CERTIFICATE-----\nb25l\n-----END X509 CERTIFICATE-----",
         "p line 3: \"-----BEGIN CERTIFICATE-----\" of line 1 has to be ended by"},
        {"-----BEGIN CERTIFICAT-----\nb25l\n-----END CERTIFICAT-----",
         "p line 1: \"-----BEGIN CERTIFICAT-----\" is not known"},
        {C("b2#l"), "p line 2: what stands under \"-----BEGIN CERTIFICATE-----\" is damaged: it "
                    "holds the byte 0x23"},
        {C("b25"), "p line 1: what stands under"},
        {C(""), "is damaged: it is empty"},
        {"-----BEGIN CERTIFICATE-----\nComment: x\nb25l\n-----END CERTIFICATE-----", "empty"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct err e;
        if (walk(rows[i].text, strlen(rows[i].text), &e) >= 0 ||
            strstr(e.text, rows[i].said) == NULL || e.cure[0] == '\0')
            fail_msg("row %zu: \"%s\", \"%s\"", i, found, e.text);
    }
}

static void text_in_utf16_is_named(void **state)
{
    static const char little[] = "\xff\xfe-\0-\0", big[] = "\xfe\xff\0-\0-", bare[] = "-\0-\0-\0";
    struct err e;
    (void)state;
    assert_int_equal(walk(little, sizeof little - 1, &e), -1);
    assert_non_null(strstr(e.text, "UTF-16"));
    assert_int_equal(walk(big, sizeof big - 1, &e), -1);
    assert_non_null(strstr(e.cure, "iconv"));
    assert_int_equal(walk(bare, sizeof bare - 1, &e), -1);
    assert_non_null(strstr(e.text, "UTF-16"));
}

static void der_is_told_from_text(void **state)
{
    (void)state;
    assert_true(pem_is_der((struct tls_slice){(const uint8_t *)"\x30\x82\1\0\2", 5}));
    assert_true(pem_is_der((struct tls_slice){(const uint8_t *)"\x30\3\2\1\0", 5}));
    assert_false(pem_is_der((struct tls_slice){(const uint8_t *)"012345", 6}));
    assert_false(pem_is_der((struct tls_slice){(const uint8_t *)"-----BEGIN ", 11}));
}

/* What follows a NUL is not lost. */
static void bytes_of_zero_end_nothing(void **state)
{
    static const char text[] = "x\0\n" C("b25l");
    struct err e;
    (void)state;
    assert_int_equal(walk(text, sizeof text - 1, &e), 1);
    assert_string_equal(found, "CERTIFICATE@2=one ");
}

/* Whole, or an error: never less than was there. */
static void a_file_cut_anywhere_is_never_taken_for_less(void **state)
{
    static const char text[] = C(LINE) "\n" C(LINE) "\n";
    const size_t first = sizeof C(LINE) - 1;
    struct err e;
    (void)state;
    for (size_t size = 0; size < sizeof text; size++) {
        const int expected = size < first            ? (size <= 10 ? 0 : -1)
                             : size >= 2 * first + 1 ? 2
                             : size > first + 11     ? -1
                                                     : 1;
        const int r = walk(text, size, &e);
        if (r != expected)
            fail_msg("%zu of %zu bytes: %d, \"%s\"", size, sizeof text, r, e.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_plain_to_see_is_taken),
        cmocka_unit_test(what_was_meant_to_be_a_block_is_named_with_its_line),
        cmocka_unit_test(text_in_utf16_is_named),
        cmocka_unit_test(der_is_told_from_text),
        cmocka_unit_test(bytes_of_zero_end_nothing),
        cmocka_unit_test(a_file_cut_anywhere_is_never_taken_for_less),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
