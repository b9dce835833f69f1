/* test_hello.c - handshake messages put together again, and the ClientHello read */
#include "tls/hello.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- hello_next ---- */

static size_t put_message(uint8_t *p, uint8_t type, size_t size)
{
    p[0] = type;
    p[1] = (uint8_t)(size >> 16);
    p[2] = (uint8_t)(size >> 8);
    p[3] = (uint8_t)size;
    for (size_t i = 0; i < size; i++)
        p[4 + i] = (uint8_t)(i + type);
    return size + 4;
}

/* Three messages in one stream, the middle one empty. */
static size_t three(uint8_t *p)
{
    size_t size = put_message(p, 1, 40);
    size += put_message(p + size, 14, 0);
    return size + put_message(p + size, 16, 300);
}

/* Feed [0, at) and [at, size) and note what comes out. */
static unsigned run(const uint8_t *data, size_t size, size_t step, uint8_t *out, size_t *out_size)
{
    struct hello_stream s = {0};
    unsigned messages = 0;
    *out_size = 0;
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;
        uint8_t *copy = malloc(n);
        memcpy(copy, data + at, n);
        struct tls_slice payload = {copy, n}, message;
        while (hello_next(&s, &payload, &message) == HELLO_MESSAGE) {
            memcpy(out + *out_size, message.data, message.size);
            *out_size += message.size;
            messages++;
        }
        assert_int_equal(payload.size, 0);
        free(copy);
    }
    assert_int_equal(hello_pending_type(&s), -1);
    hello_free(&s);
    return messages;
}

static void messages_come_out_whole_however_they_are_cut(void **state)
{
    (void)state;
    uint8_t in[400], out[400];
    size_t size = three(in), out_size;
    for (size_t step = 1; step <= size; step++) {
        assert_int_equal(run(in, size, step, out, &out_size), 3);
        assert_int_equal(out_size, size);
        assert_memory_equal(in, out, size);
    }
}

static void a_cut_in_two_at_every_place_gives_the_same(void **state)
{
    (void)state;
    uint8_t in[400];
    size_t size = three(in);
    for (size_t at = 0; at <= size; at++) {
        struct hello_stream s = {0};
        struct tls_slice parts[2] = {{in, at}, {in + at, size - at}}, message;
        size_t total = 0;
        for (int i = 0; i < 2; i++)
            while (hello_next(&s, &parts[i], &message) == HELLO_MESSAGE) {
                assert_memory_equal(message.data, in + total, message.size);
                total += message.size;
            }
        assert_int_equal(total, size);
        hello_free(&s);
    }
}

static void a_whole_message_is_not_copied(void **state)
{
    (void)state;
    uint8_t in[100];
    struct hello_stream s = {0};
    struct tls_slice payload = {in, put_message(in, 1, 20)}, message;
    assert_int_equal(hello_next(&s, &payload, &message), HELLO_MESSAGE);
    assert_ptr_equal(message.data, in);
    assert_null(s.data);
}

static void the_type_of_an_unfinished_message_is_known(void **state)
{
    (void)state;
    uint8_t in[100];
    put_message(in, 11, 20);
    struct hello_stream s = {0};
    struct tls_slice payload = {in, 1}, message;
    assert_int_equal(hello_pending_type(&s), -1);
    assert_int_equal(hello_next(&s, &payload, &message), HELLO_MORE);
    assert_int_equal(hello_pending_type(&s), 11);
    hello_free(&s);
}

static void the_longest_message_fits_and_one_byte_more_does_not(void **state)
{
    (void)state;
    uint8_t *in = malloc(HELLO_MESSAGE_MAX + 1);
    for (size_t step = 1; step <= HELLO_MESSAGE_MAX + 1; step += HELLO_MESSAGE_MAX) {
        struct hello_stream s = {0};
        struct tls_slice message = {0};
        size_t size = put_message(in, 1, HELLO_MESSAGE_MAX - 4);
        struct tls_slice first = {in, step < size ? step : size};
        enum hello_result r = hello_next(&s, &first, &message);
        struct tls_slice rest = {in + step, step < size ? size - step : 0};
        if (r == HELLO_MORE)
            r = hello_next(&s, &rest, &message);
        assert_int_equal(r, HELLO_MESSAGE);
        assert_int_equal(message.size, HELLO_MESSAGE_MAX);
        hello_free(&s);
    }
    struct hello_stream s = {0};
    struct tls_slice message;
    put_message(in, 1, HELLO_MESSAGE_MAX - 3);
    struct tls_slice header = {in, 4}; /* said by the header alone */
    assert_int_equal(hello_next(&s, &header, &message), HELLO_TOO_LONG);
    hello_free(&s);
    struct tls_slice all = {in, HELLO_MESSAGE_MAX + 1};
    assert_int_equal(hello_next(&s, &all, &message), HELLO_TOO_LONG);
    free(in);
}

static void memory_follows_what_came_not_what_was_claimed(void **state)
{
    (void)state;
    uint8_t in[] = {1, 0, 0x3f, 0xf0, 'x'};
    struct hello_stream s = {0};
    struct tls_slice payload = {in, sizeof in}, message;
    assert_int_equal(hello_next(&s, &payload, &message), HELLO_MORE);
    assert_true(s.capacity <= 64);
    hello_free(&s);
}

/* ---- hello_read ---- */

struct builder {
    uint8_t data[2048];
    size_t size, extensions; /* where their length stands; 0: there are none yet */
};

static void put(struct builder *b, const void *data, size_t size)
{
    memcpy(b->data + b->size, data, size);
    b->size += size;
}

static void put16(struct builder *b, size_t n)
{
    uint8_t bytes[] = {(uint8_t)(n >> 8), (uint8_t)n};
    put(b, bytes, 2);
}

static void begin(struct builder *b)
{
    uint8_t random[32] = {7};
    memset(b, 0, sizeof *b);
    put(b, "\1\0\0\0\3\3", 6);
    put(b, random, 32);
    put(b, "\0\0\2\x13\1\1\0", 7);
}

static void extension(struct builder *b, unsigned type, const void *data, size_t size)
{
    if (b->extensions == 0) {
        b->extensions = b->size;
        put16(b, 0);
    }
    put16(b, type);
    put16(b, size);
    put(b, data, size);
}

static struct tls_slice finish(struct builder *b)
{
    size_t body = b->size - 4, extensions = b->size - b->extensions - 2;
    b->data[2] = (uint8_t)(body >> 8);
    b->data[3] = (uint8_t)body;
    if (b->extensions > 0) {
        b->data[b->extensions] = (uint8_t)(extensions >> 8);
        b->data[b->extensions + 1] = (uint8_t)extensions;
    }
    return (struct tls_slice){b->data, b->size};
}

static void name_extension(struct builder *b, const char *name)
{
    uint8_t data[300];
    size_t size = strlen(name);
    data[0] = (uint8_t)((size + 3) >> 8);
    data[1] = (uint8_t)(size + 3);
    data[2] = 0;
    data[3] = (uint8_t)(size >> 8);
    data[4] = (uint8_t)size;
    memcpy(data + 5, name, size);
    extension(b, 0, data, size + 5);
}

static void the_name_and_early_data_are_found(void **state)
{
    (void)state;
    struct builder b;
    struct hello h;
    begin(&b);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_OK); /* no extensions at all */
    assert_null(h.name.data);
    assert_false(h.early_data);
    extension(&b, 16, "xyz", 3);
    name_extension(&b, "mail.example");
    extension(&b, 42, "", 0);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_OK);
    assert_int_equal(h.name.size, 12);
    assert_memory_equal(h.name.data, "mail.example", 12);
    assert_true(h.early_data);
}

static void other_kinds_of_names_are_passed_over(void **state)
{
    (void)state;
    struct builder b;
    struct hello h;
    begin(&b);
    extension(&b, 0, "\0\x0a\5\0\2zz\0\0\2ab", 12);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_OK);
    assert_int_equal(h.name.size, 2);
    assert_memory_equal(h.name.data, "ab", 2);
}

static void doubled_extensions_and_names_are_illegal(void **state)
{
    (void)state;
    struct builder b;
    struct hello h;
    begin(&b);
    extension(&b, 0x1234, "", 0);
    extension(&b, 0x1234, "", 0);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_ILLEGAL);
    begin(&b);
    name_extension(&b, "a");
    name_extension(&b, "a");
    assert_int_equal(hello_read(finish(&b), &h), HELLO_ILLEGAL);
    begin(&b);
    extension(&b, 0, "\0\x0a\0\0\2zz\0\0\2ab", 12);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_ILLEGAL);
    char long_name[257];
    memset(long_name, 'a', 256);
    long_name[256] = 0;
    begin(&b);
    name_extension(&b, long_name);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_LONG_NAME);
    begin(&b);
    name_extension(&b, long_name + 1);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_OK);
}

static void an_offer_of_tls13_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const struct {
        const char *versions;
        size_t size;
        bool tls13;
    } those[] = {{"\2\3\4", 3, true},      {"\4\3\3\3\4", 5, true}, {"\6\x7a\x7a\3\3\3\4", 7, true},
                 {"\4\3\3\3\2", 5, false}, {"\2\4\3", 3, false},    {"\3\4\3\4", 4, false},
                 {"", 0, false},           {"\4\3\4", 3, false}};
    for (size_t i = 0; i < sizeof those / sizeof *those; i++) {
        struct builder b;
        struct hello h;
        begin(&b);
        extension(&b, 43, those[i].versions, those[i].size);
        assert_int_equal(hello_read(finish(&b), &h), HELLO_OK);
        assert_int_equal(h.tls13, those[i].tls13);
    }
}

static void a_fallback_and_another_handshake_are_noticed(void **state)
{
    (void)state;
    struct builder b;
    struct hello h;
    begin(&b);
    extension(&b, 0xff01, "\0", 1);
    assert_int_equal(hello_read(finish(&b), &h), HELLO_OK);
    assert_false(h.fallback);
    assert_false(h.renegotiates);
    static const char *others[] = {"", "\1a", "\0a"};
    static const size_t sizes[] = {0, 2, 2};
    for (size_t i = 0; i < 3; i++) {
        begin(&b);
        memcpy(b.data + b.size - 4, "\x56\0", 2); /* the one cipher suite */
        extension(&b, 0xff01, others[i], sizes[i]);
        assert_int_equal(hello_read(finish(&b), &h), HELLO_OK);
        assert_true(h.fallback);
        assert_true(h.renegotiates);
    }
}

/* ---- hello_read_server ---- */

static void a_server_says_its_version_and_what_it_goes_on_from(void **state)
{
    (void)state;
    struct builder b;
    struct server_hello h;
    for (int tls13 = 0; tls13 < 2; tls13++)
        for (int another = 0; another < 2; another++) {
            begin(&b);
            b.data[0] = 2;
            b.size -= 7;
            put(&b, "\0\x13\1\0", 4);
            extension(&b, 0xff01, another ? "\1a" : "\0", another ? 2 : 1);
            extension(&b, 43, "\3\4", tls13 ? 2 : 0);
            assert_int_equal(hello_read_server(finish(&b), &h), HELLO_OK);
            assert_int_equal(h.tls13, tls13);
            assert_int_equal(h.renegotiates, another);
        }
    put(&b, "", 1);
    assert_int_equal(hello_read_server((struct tls_slice){b.data, b.size}, &h), HELLO_MALFORMED);
}

static void malformed_name_lists_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t size;
    } bad[] = {{"", 0},           {"\0", 1},          {"\0\0", 2},
               {"\0\3\0\0\0", 5}, {"\0\4\0\0\2a", 6}, {"\0\4\0\0\1az", 7},
               {"\0\2\0\0", 4}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct builder b;
        struct hello h;
        begin(&b);
        extension(&b, 0, bad[i].data, bad[i].size);
        assert_int_equal(hello_read(finish(&b), &h), HELLO_MALFORMED);
    }
}

static void a_truncated_hello_is_malformed_wherever_it_ends(void **state)
{
    (void)state;
    struct builder b;
    struct hello h;
    begin(&b);
    size_t bare = b.size;
    name_extension(&b, "mail.example");
    extension(&b, 43, "\2\3\4", 3);
    struct tls_slice whole = finish(&b);
    assert_int_equal(hello_read(whole, &h), HELLO_OK);
    for (size_t size = 0; size < whole.size; size++) {
        uint8_t *copy = malloc(size > 0 ? size : 1); /* exactly so large, for the sanitizer */
        memcpy(copy, whole.data, size);
        enum hello_fault expected = size == bare ? HELLO_OK : HELLO_MALFORMED;
        assert_int_equal(hello_read((struct tls_slice){copy, size}, &h), expected);
        free(copy);
    }
    put(&b, "", 1); /* a byte too many */
    assert_int_equal(hello_read((struct tls_slice){b.data, b.size}, &h), HELLO_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_whole_however_they_are_cut),
        cmocka_unit_test(a_cut_in_two_at_every_place_gives_the_same),
        cmocka_unit_test(a_whole_message_is_not_copied),
        cmocka_unit_test(the_type_of_an_unfinished_message_is_known),
        cmocka_unit_test(the_longest_message_fits_and_one_byte_more_does_not),
        cmocka_unit_test(memory_follows_what_came_not_what_was_claimed),
        cmocka_unit_test(the_name_and_early_data_are_found),
        cmocka_unit_test(other_kinds_of_names_are_passed_over),
        cmocka_unit_test(doubled_extensions_and_names_are_illegal),
        cmocka_unit_test(malformed_name_lists_are_refused),
        cmocka_unit_test(an_offer_of_tls13_is_found_wherever_it_stands),
        cmocka_unit_test(a_fallback_and_another_handshake_are_noticed),
        cmocka_unit_test(a_server_says_its_version_and_what_it_goes_on_from),
        cmocka_unit_test(a_truncated_hello_is_malformed_wherever_it_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
