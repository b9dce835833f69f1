/* test_hidden.c - commands that are hidden where there are none, however they are cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proxy/starttls/hidden.h"

static const char *const names[] = {"XCLIENT", "XFORWARD", NULL};
static const struct hidden_rules verbs = {.names = names};

static const char *const logins[] = {"AUTHINFO", NULL};
static const struct hidden_rules alone = {.names = logins, .is_alone = true};

static const char *const second[] = {"ID", NULL};
static const struct hidden_rules tagged = {.names = second, .is_id = true};

enum { NONE = -1 };

/* How many bytes pass before one is found, with a cut at every place. */
static void finds(const struct hidden_rules *r, const char *text, int where)
{
    const size_t size = strlen(text), passes = where == NONE ? size : (size_t)where;
    for (size_t cut = 0; cut <= size; cut++) {
        struct hidden h = {0};
        const struct slice front = {(const uint8_t *)text, cut},
                           back = {(const uint8_t *)text + cut, size - cut};
        size_t n = hidden_look(&h, r, front);
        if (n == cut)
            n += hidden_look(&h, r, back);
        if (n != passes)
            fail_msg("\"%s\" cut at %zu: %zu bytes pass, not %zu", text, cut, n, passes);
    }
}

static void a_name_is_found_where_a_line_begins(void **state)
{
    (void)state;
    finds(&verbs, "XCLIENT ADDR=::1\r\n", 12);
    finds(&verbs, "xClient\r\n", NONE);
    finds(&verbs, "hello\nXFORWARD\tNAME=", 19);
    finds(&verbs, "hello\n\rXCLIENT\vX ADDR=", 21);
    finds(&verbs, "hello\rXCLIENT ADDR=", NONE);
    finds(&verbs,
          " \t\v\f\x01\x7f"
          "XCLIENT(=",
          14);
    finds(&verbs, "hello XCLIENT ADDR=::1\r\n", NONE);
    finds(&verbs, "XCLIENT is a command\r\n=XCLIENTS ADDR=::1\r\nXCLIEN T=\r\nXCLIENT", NONE);
    finds(&verbs, "XCLIENTXCLIENTXCLIENTXCLIENT XCLIENT=\n", NONE);
    finds(&verbs, "", NONE);
}

static void where_the_name_is_enough_nothing_behind_it_passes(void **state)
{
    (void)state;
    finds(&alone, "AUTHINFO PASS x", 8);
    finds(&alone, "hello\n\tauthinfo\r\n", 15);
    finds(&alone, "an AUTHINFO\r\nAUTHINFOS x\r\nAUTH INFO\r\nAUTHINFO", NONE);
}

static void a_list_behind_a_tag_and_id_is_found_by_its_fields(void **state)
{
    (void)state;
    finds(&tagged, "a ID (\"x-", 8);
    finds(&tagged, "a ID(x-", 6);
    finds(&tagged, "b NOOP\r\n a-long-tag-of-some-kind  id \t(\"name\" \"x\" \"\\X\\-", 54);
    finds(&tagged, "a\x7f\rb ID (\"x-", 11);
    finds(&tagged, "a ID ({16+}\r\n", 6);
    finds(&tagged, "a ID (\"a)\" \"b\\\") x-\" {16+}\r\n", 21);
    finds(&tagged, "my id (1234) {4+}\r\n", NONE);
    finds(&tagged, "ID (\"x-\r\na ID NIL\r\na IDLE (\"x-\r\na b ID (\"x-\r\nid card (x-\r\n", NONE);
    finds(&tagged, "a ID \"(x-\r\n(x-\r\nYour ID (see below, tax-free, x or y)\r\n", NONE);
}

static void what_may_become_one_is_known(void **state)
{
    (void)state;
    static const struct {
        const struct hidden_rules *rules;
        const char *text;
        bool may_be;
    } cases[] = {
        {&verbs, "", true},          {&verbs, "  XCL", true},      {&verbs, "XCX", false},
        {&verbs, "XCLIENTS", false}, {&verbs, "x\r\nXF", true},    {&verbs, "NOOP XCLIENT", false},
        {&tagged, "anything", true}, {&tagged, "a I", true},       {&tagged, "a ID  ", true},
        {&tagged, "a ID x", false},  {&tagged, "a LOGIN ", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hidden h = {0};
        hidden_look(&h, cases[i].rules,
                    (struct slice){(const uint8_t *)cases[i].text, strlen(cases[i].text)});
        assert_int_equal(hidden_may_be(&h, cases[i].rules), cases[i].may_be);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_found_where_a_line_begins),
        cmocka_unit_test(where_the_name_is_enough_nothing_behind_it_passes),
        cmocka_unit_test(a_list_behind_a_tag_and_id_is_found_by_its_fields),
        cmocka_unit_test(what_may_become_one_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
