/* mistake.h - load configuration text from memory and look at what was found. */
#ifndef TLSFRONT_TEST_MISTAKE_H
#define TLSFRONT_TEST_MISTAKE_H

#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_PATH "/etc/tlsfront/tlsfront.conf"

/* The files that the texts of these tests name. */
static inline struct bundle *bundle_of(const char *text)
{
    static const char *const files[] = {"/c", "/k", "/ca", "/crl"};
    struct bundle *b = bundle_new();
    assert_non_null(b);
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, TEXT_PATH, text, strlen(text), NULL), 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        assert_int_equal(bundle_add(b, BUNDLE_FILE, files[i], "x", 1, NULL), 0);
    return b;
}

static inline void print_findings(const struct diags *d)
{
    for (size_t i = 0; i < d->count; i++) {
        char buf[2048];
        diag_format(&d->items[i], buf, sizeof buf);
        print_message("%s", buf);
    }
}

/* A text that is right in every way. */
static inline struct config *load_clean(const char *text)
{
    struct diags d = {0};
    struct bundle *b = bundle_of(text);
    struct config *c = config_load(b, &d);
    print_findings(&d);
    assert_int_equal(d.count, 0);
    assert_true(diag_ok(&d, DIAG_WARNING));
    assert_non_null(c);
    diags_free(&d);
    bundle_free(b);
    return c;
}

#define CERTIFICATE "certificate mail { chain = /c  key = /k }\n"

/* Its `lines` begin at line 7. */
#define ROUTE_LINE 7
#define ROUTE(lines)                                                                               \
    CERTIFICATE "route r {\n"                                                                      \
                "listen = \"127.0.0.1:995\"\n"                                                     \
                "protocol = pop3\n"                                                                \
                "certificate = {mail}\n"                                                           \
                "upstream = \"127.0.0.1:110\"\n" lines "\n}\n"

#endif
