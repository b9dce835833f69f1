/* test_pkcs7.c - the walk through a PKCS#7 file */
#include "tests/unit/tls/p7b.h"
#include "tls/form.h"
#include "tls/keys/pkcs7.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* What stands in for certificates: the walk does not look into them. */
static const uint8_t two[] = {0x30, 2, 5, 0, 0x30, 3, 1, 1, 0xff};

struct heard {
    size_t count, bytes;
    size_t refuse_at; /* 0: never */
    const uint8_t *begin, *end;
};

static int hear(void *arg, struct tls_slice der)
{
    struct heard *h = arg;
    assert_true(der.data >= h->begin && der.data + der.size <= h->end);
    assert_int_equal(der.data[0], 0x30);
    h->count++;
    h->bytes += der.size;
    return h->count == h->refuse_at ? -1 : 0;
}

static int walk(const uint8_t *data, size_t size, struct heard *h)
{
    h->begin = data;
    h->end = data + size;
    return pkcs7_walk((struct tls_slice){data, size}, hear, h);
}

static void every_certificate_is_told_once(void **state)
{
    struct p7b p;
    struct heard h = {0};
    (void)state;
    p7b_make(&p, two, sizeof two);
    assert_int_equal(form_of((struct tls_slice){p.data, p.size}), FORM_SIGNED_DATA);
    assert_int_equal(walk(p.data, p.size, &h), 2);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.bytes, sizeof two);
}

static void other_things_in_the_set_are_passed_over(void **state)
{
    /* An attribute certificate [1], a certificate, something else [3]. */
    static const uint8_t mixed[] = {0xa1, 2, 5, 0, 0x30, 2, 5, 0, 0xa3, 0};
    struct p7b p;
    struct heard h = {0};
    (void)state;
    p7b_make(&p, mixed, sizeof mixed);
    assert_int_equal(walk(p.data, p.size, &h), 1);
}

static void one_without_certificates_holds_none(void **state)
{
    struct p7b p;
    struct heard h = {0};
    (void)state;
    p7b_make(&p, NULL, 0);
    assert_int_equal(walk(p.data, p.size, &h), 0);
    p7b_make(&p, two, 0);
    assert_int_equal(walk(p.data, p.size, &h), 0);
}

static void the_listener_can_end_it(void **state)
{
    struct p7b p;
    struct heard h = {.refuse_at = 1};
    (void)state;
    p7b_make(&p, two, sizeof two);
    assert_int_equal(walk(p.data, p.size, &h), -1);
    assert_int_equal(h.count, 1);
}

/* In memory of its exact size, so that a sanitizer sees a byte too many. */
static int walk_copy(const uint8_t *data, size_t size, struct heard *h)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, data, size);
    int result = walk(copy, size, h);
    form_of((struct tls_slice){copy, size});
    free(copy);
    return result;
}

static void cut_at_every_byte_it_is_refused(void **state)
{
    struct p7b p;
    (void)state;
    p7b_make(&p, two, sizeof two);
    for (size_t size = 0; size < p.size; size++) {
        struct heard h = {0};
        assert_int_equal(walk_copy(p.data, size, &h), -1);
        assert_int_equal(h.count, 0);
    }
}

static void with_every_byte_changed_it_stays_within_bounds(void **state)
{
    struct p7b p;
    (void)state;
    p7b_make(&p, two, sizeof two);
    for (size_t at = 0; at < p.size; at++)
        for (int value = 0; value < 256; value++) {
            struct heard h = {0};
            const uint8_t was = p.data[at];
            p.data[at] = (uint8_t)value;
            assert_true(walk_copy(p.data, p.size, &h) <= 4);
            p.data[at] = was;
        }
}

static void an_element_that_is_longer_than_the_set_is_refused(void **state)
{
    static const uint8_t longer[] = {0x30, 2, 5, 0, 0x30, 100, 1};
    struct p7b p;
    struct heard h = {0};
    (void)state;
    p7b_make(&p, longer, sizeof longer);
    assert_int_equal(walk(p.data, p.size, &h), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_certificate_is_told_once),
        cmocka_unit_test(other_things_in_the_set_are_passed_over),
        cmocka_unit_test(one_without_certificates_holds_none),
        cmocka_unit_test(the_listener_can_end_it),
        cmocka_unit_test(cut_at_every_byte_it_is_refused),
        cmocka_unit_test(with_every_byte_changed_it_stays_within_bounds),
        cmocka_unit_test(an_element_that_is_longer_than_the_set_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
