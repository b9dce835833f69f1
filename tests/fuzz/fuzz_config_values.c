/* fuzz_config_values.c - single values: refused with cause and cure, or stable when read again. */
#undef NDEBUG /* the assertions are the test */
#include "config/values.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef int endpoint_fn(struct arena *a, const char *text, struct endpoint *out, struct flaw *f);

static void check_flaw(int result, const struct flaw *f)
{
    assert(result == 0 || (result == -1 && f->cause[0] != '\0' && f->cure != NULL));
}

/* An endpoint's text is canonical: read again it gives itself. */
static void check_endpoint(endpoint_fn *parse, const char *text)
{
    struct arena a = {0};
    struct flaw f = {"", NULL};
    struct endpoint first = {0}, second = {0};
    int result = parse(&a, text, &first, &f);
    check_flaw(result, &f);
    if (result == 0) {
        assert(parse(&a, first.text, &second, &f) == 0);
        assert(strcmp(first.text, second.text) == 0 && endpoint_same(&first, &second));
        assert(first.addr_len == second.addr_len);
        assert(memcmp(&first.addr, &second.addr, sizeof first.addr) == 0);
        assert(endpoint_is_wildcard(&first) == endpoint_is_wildcard(&second));
    }
    arena_free(&a);
}

static void check_numbers(const char *text)
{
    struct flaw f = {"", NULL};
    unsigned n = 0;
    size_t bytes;
    bool on;
    check_flaw(value_duration(text, &n, &f), &f);
    check_flaw(value_size(text, &bytes, &f), &f);
    if (value_number(text, 1000, &n, &f) == 0)
        assert(n <= 1000);
    check_flaw(value_switch(text, &on, &f), &f);
    check_flaw(value_name(text, &f), &f);
    check_flaw(value_hostname(text, &f), &f);
}

static void check_client(const char *text)
{
    struct flaw f = {"", NULL};
    enum client_name_kind kind;
    check_flaw(value_client_subject(text, &f), &f);
    const int result = value_client_name(text, &kind, &f);
    check_flaw(result, &f);
    if (result == 0) {
        assert((kind == CLIENT_NAME_URI) == (strchr(text, ':') != NULL));
        assert(kind != CLIENT_NAME_EMAIL || strchr(text, '@') != NULL);
        assert(kind != CLIENT_NAME_DNS || strpbrk(text, "@:/ ") == NULL);
    }
}

static void check_cidr(const char *text)
{
    struct flaw f = {"", NULL};
    struct cidr c;
    int result = value_cidr(text, &c, &f);
    check_flaw(result, &f);
    if (result != 0)
        return;
    assert(c.bits <= (c.family == AF_INET ? 32 : 128));
    struct cidr all = {.family = c.family};
    assert(cidr_covers(&all, &c) && cidr_covers(&c, &c));
    assert(cidr_covers(&c, &all) == (c.bits == 0));
}

static void check_rate(const char *text)
{
    struct flaw f = {"", NULL};
    struct connection_rate rate;
    int result = value_rate(text, &rate, &f);
    check_flaw(result, &f);
    assert(result != 0 || rate.count <= RATE_COUNT_MAX);
    assert(result != 0 || (rate.count == 0) == (strcmp(text, "off") == 0));
    assert(result != 0 || rate.count == 0 || rate.per >= 1000);
}

static void check_distance(const char *text)
{
    size_t half = strlen(text) / 2;
    char *first = strndup(text, half);
    assert(first != NULL);
    unsigned distance = value_distance(first, text + half, 2);
    assert(distance <= 3 && distance == value_distance(text + half, first, 2));
    assert((distance == 0) == (half <= 40 && strcmp(first, text + half) == 0));
    free(first);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    assert(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_numbers(text);
    check_client(text);
    check_cidr(text);
    check_rate(text);
    check_distance(text);
    check_endpoint(value_listen, text);
    check_endpoint(value_upstream, text);
    check_endpoint(value_address, text);
    value_all_addresses(text);
    free(text);
    return 0;
}
