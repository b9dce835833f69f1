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
static const struct hidden_rules alone = {.alone = logins};

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

/* Takes what is left of a text, `step` bytes at a time. */
static enum hidden_text_state take_text(struct hidden_text *x, const char *text, size_t step)
{
    enum hidden_text_state state = HIDDEN_TEXT_GOES_ON;
    const size_t size = strlen(text);
    for (size_t at = 0; at < size && state == HIDDEN_TEXT_GOES_ON; at += step) {
        const struct slice in = {(const uint8_t *)text + at, size - at < step ? size - at : step};
        hidden_text_take(x, &alone, in, &state);
    }
    return state;
}

/* A text is looked into behind a dot that may be its end to others, and so are those behind it. */
static void what_hides_in_a_text_or_in_later_ones_is_found(void **state)
{
    (void)state;
    for (size_t step = 1; step < 40; step++) {
        struct hidden_text x = {0};
        hidden_text_begin(&x);
        assert_int_equal(take_text(&x, "x\r\nAUTHINFO x\r\n.\r\n", step), HIDDEN_TEXT_OVER);
        hidden_text_begin(&x);
        assert_int_equal(take_text(&x, "AUTHINFO x\r\n.\r\n", step), HIDDEN_TEXT_OVER);
        hidden_text_begin(&x);
        assert_int_equal(take_text(&x, "AUTHINFO x\n.\nPOST\r\n.\r\n", step), HIDDEN_TEXT_OVER);
        hidden_text_begin(&x);
        assert_int_equal(take_text(&x, "x\r\n.\r\n", step), HIDDEN_TEXT_OVER);
        hidden_text_begin(&x);
        assert_int_equal(take_text(&x, "AUTHINFO x\r\n.\r\n", step), HIDDEN_TEXT_FOUND);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_found_where_a_line_begins),
        cmocka_unit_test(where_the_name_is_enough_nothing_behind_it_passes),
        cmocka_unit_test(a_list_behind_a_tag_and_id_is_found_by_its_fields),
        cmocka_unit_test(what_may_become_one_is_known),
        cmocka_unit_test(what_hides_in_a_text_or_in_later_ones_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
