/* test_write.c - what is written is what our own reader reads. */
#include "tests/unit/import/scene.h"

#include "proxy/import/write.h"

#include "config/bundle.h"
#include "config/scan.h"

static void assert_written(const char *value, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    assert_true(write_value(value, &out));
    assert_text(&out, expected);
    buf_free(&out);
}

static void values_are_quoted_where_it_is_needed(void **state)
{
    (void)state;
    assert_written("imap", "imap");
    assert_written("127.0.0.1:995", "\"127.0.0.1:995\"");
    assert_written("", "\"\"");
    assert_written("a \"b\" \\ c", "\"a \\\"b\\\" \\\\ c\"");
    assert_written("/a/${b}/it's", "'/a/${b}/it\\'s'");
}

static void a_control_character_cannot_be_written(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 4096);
    assert_false(write_value("a\nb", &out));
    assert_false(write_value("a\x7f", &out));
    assert_false(write_can("a\nb"));
    assert_true(write_can("a\tb"));
    assert_int_equal(out.size, 0);
    buf_free(&out);
}

static void assert_scans(struct buf *text)
{
    struct arena a = {0};
    struct diags d = {0};
    const struct bundle_entry entry = {.data = text->data, .size = text->size};
    scan_text(&a, &d, "f", &entry);
    if (d.count > 0)
        fail_msg("%s", d.items[0].cause);
    diags_free(&d);
    arena_free(&a);
}

static void what_was_lost_is_told_and_ends_no_comment(void **state)
{
    struct scene s;
    struct buf out;
    (void)state;
    scene_begin(&s);
    buf_init(&out, 65536);
    struct plan_route *r = scene_route(&s, "a", "127.0.0.1:995", 1);
    struct statement *lost = scene_line(&s, 2), *secret = scene_line(&s, 3);
    lost->text = "x\nroute evil { }";
    statement_lose(&s.arena, lost, "because");
    statement_lose(&s.arena, lost, "and so");
    secret->text = "line hunter2";
    secret->secret = true;
    statement_lose(&s.arena, secret, "why");
    route_withhold(&s.plan, r, "no\nway");
    plan_finish(&s.plan);
    write_plan(&s.plan, &out);
    buf_put(&out, "", 1);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "# f:2: x\\x0aroute evil { }: because; and so\n"));
    assert_non_null(strstr(text, "# f:3: line: why\n"));
    assert_null(strstr(text, "hunter2"));
    assert_non_null(strstr(text, "# no\\x0away\n# route a {\n#     listen = \"127.0.0.1:995\"\n"));
    out.size--;
    assert_scans(&out);
    buf_free(&out);
    scene_end(&s);
}

static void keys_stand_in_the_order_of_the_manual(void **state)
{
    struct scene s;
    struct buf out;
    (void)state;
    scene_begin(&s);
    buf_init(&out, 65536);
    struct plan_route *r = scene_route(&s, "a", "127.0.0.1:995", 1);
    route_put(&s.plan, r, "strict-sni", "on", NULL);
    route_put(&s.plan, r, "idle-timeout", "1m", NULL);
    plan_finish(&s.plan);
    write_plan(&s.plan, &out);
    buf_put(&out, "", 1);
    assert_non_null(strstr((const char *)out.data,
                           "route a {\n    listen = \"127.0.0.1:995\"\n    protocol = pop3\n"
                           "    certificate = a\n    upstream = \"127.0.0.1:110\"\n"
                           "    idle-timeout = 1m\n    strict-sni = on\n}\n"));
    buf_free(&out);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_quoted_where_it_is_needed),
        cmocka_unit_test(a_control_character_cannot_be_written),
        cmocka_unit_test(what_was_lost_is_told_and_ends_no_comment),
        cmocka_unit_test(keys_stand_in_the_order_of_the_manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
