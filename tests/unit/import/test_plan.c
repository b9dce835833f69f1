/* test_plan.c - from what lines say to routes that can be served. */
#include "tests/unit/import/scene.h"

#include "proxy/import/access.h"
#include "proxy/import/terms.h"

static void what_is_said_below_replaces_what_is_said_above(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *above = plan_route(&s.plan, "", s.file, NULL);
    route_put(&s.plan, above, "alpn", "a", NULL);
    route_put(&s.plan, above, "alpn", "b", NULL);
    route_put(&s.plan, above, "idle-timeout", "1m", NULL);
    struct plan_route *r = plan_route(&s.plan, "", s.file, above);
    assert_string_equal(scene_values(r, "alpn"), "a b");
    route_put(&s.plan, r, "alpn", "c", NULL);
    route_put(&s.plan, r, "alpn", "d", NULL);
    assert_string_equal(scene_values(r, "alpn"), "c d");
    assert_string_equal(scene_values(r, "idle-timeout"), "1m");
    assert_string_equal(scene_values(above, "alpn"), "a b");
    scene_end(&s);
}

static void what_is_kept_stands_before_what_is_said_below(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *above = plan_route(&s.plan, "", s.file, NULL);
    route_put(&s.plan, above, "alpn", "a", NULL);
    struct plan_route *r = plan_route(&s.plan, "", s.file, above);
    entries_keep(&r->settings, "alpn");
    route_put(&s.plan, r, "alpn", "b", NULL);
    assert_string_equal(scene_values(r, "alpn"), "a b");
    scene_end(&s);
}

static const char *all_names(const struct plan_route *r)
{
    static char text[512];
    text[0] = '\0';
    for (size_t i = 0; i < r->name_count; i++) {
        strcat(text, i > 0 ? " " : "");
        strcat(text, r->names[i].name);
    }
    return text;
}

static void names_by_their_end_have_blocks_and_the_others_are_told(void **state)
{
    static const struct {
        struct asked who;
        const char *upstream, *names;
        bool told;
    } rows[] = {
        {{"a.example", false}, "127.0.0.2:110", "a.example", false},
        {{".a.example", true}, "127.0.0.2:110", "*.a.example", true},
        {{"a.example", true}, "127.0.0.2:110", "a.example *.a.example", true},
        {{".a.example", true}, "127.0.0.1:110", "*.a.example", false}, /* the route's own */
        {{"*.a.example", false}, "127.0.0.2:110", "", false},
        {{"", true}, "127.0.0.2:110", "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct scene s;
        struct entries says = {0};
        scene_begin(&s);
        struct plan_route *r = scene_route(&s, "pop3s", ":995", 1);
        struct statement *from = scene_line(&s, 2);
        entries_put(&s.arena, &says, "upstream", rows[i].upstream, from);
        const char *why = route_server_name(&s.plan, r, &rows[i].who, &says, from);
        assert_string_equal(all_names(r), rows[i].names);
        assert_int_equal(why == NULL, r->name_count > 0);
        assert_int_equal(from->why != NULL, rows[i].told);
        assert_int_equal(r->withheld != NULL, rows[i].told);
        scene_end(&s);
    }
}

static void a_name_that_an_earlier_line_covers_has_its_server(void **state)
{
    struct scene s;
    struct entries says = {0};
    (void)state;
    scene_begin(&s);
    struct plan_route *r = scene_route(&s, "pop3s", ":995", 1);
    struct statement *from = scene_line(&s, 2);
    const struct asked all = {".a.example", true}, one = {"b.A.example", false},
                       below = {".c.a.example", true}, other = {"a.example", false};
    assert_null(route_next_server_name(&s.plan, r, &all, &says, from));
    assert_non_null(route_next_server_name(&s.plan, r, &one, &says, from));
    assert_non_null(route_next_server_name(&s.plan, r, &below, &says, from));
    assert_null(route_next_server_name(&s.plan, r, &other, &says, from));
    assert_string_equal(all_names(r), "*.a.example a.example");
    scene_end(&s);
}

static void of_a_log_without_fields_it_is_told(void **state)
{
    static const char *const logs[] = {"stderr", "syslog"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct scene s;
        scene_begin(&s);
        assert_null(plan_global(&s.plan, "log", logs[i], scene_line(&s, 1)));
        plan_finish(&s.plan);
        assert_int_equal(s.plan.remark_count, i);
        scene_end(&s);
    }
}

static void a_key_that_this_build_lacks_is_refused(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *r = plan_route(&s.plan, "", s.file, NULL);
    assert_non_null(route_put(&s.plan, r, "no-such-key", "x", NULL));
    assert_non_null(plan_global(&s.plan, "no-such-key", "x", NULL));
    assert_null(route_put(&s.plan, r, ".no-such-key", "x", NULL));
    scene_end(&s);
}

static void a_global_key_is_set_once(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct statement *one = scene_line(&s, 3), *two = scene_line(&s, 4);
    assert_null(plan_global(&s.plan, "workers", "2", one));
    assert_null(plan_global(&s.plan, "workers", "2", two));
    assert_string_equal(plan_global(&s.plan, "workers", "3", two),
                        "workers is for all routes here, and f:3 has set it already");
    scene_end(&s);
}

static void certificates_have_one_block_for_the_same_files_and_names_of_their_own(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    assert_string_equal(plan_certificate(&s.plan, "/x/mail.pem", NULL, NULL), "mail");
    assert_string_equal(plan_certificate(&s.plan, "/x/mail.pem", "/x/mail.pem", NULL), "mail");
    assert_string_equal(plan_certificate(&s.plan, "/y/mail.crt", "/y/mail.key", NULL), "mail-2");
    assert_string_equal(plan_certificate(&s.plan, "/live/a.example/fullchain.pem", "/k", NULL),
                        "a.example");
    assert_string_equal(plan_certificate(&s.plan, "/x/a b*.pem", NULL, NULL), "a-b-");
    assert_string_equal(plan_certificate(&s.plan, "/.pem", NULL, NULL), ".pem");
    scene_end(&s);
}

static void names_become_valid_and_unique(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *a = scene_route(&s, "in mail", "127.0.0.1:1", 1);
    struct plan_route *b = scene_route(&s, "in-mail", "127.0.0.1:2", 2);
    struct plan_route *c = scene_route(&s, "", "127.0.0.1:995", 3);
    plan_finish(&s.plan);
    assert_string_equal(a->name, "in-mail");
    assert_string_equal(b->name, "in-mail-2");
    assert_string_equal(c->name, "pop3-995");
    scene_end(&s);
}

static void many_that_want_one_name_are_numbered(void **state)
{
    enum { MANY = 20000 };
    struct index names = {0};
    struct arena a = {0};
    const char *last = NULL;
    (void)state;
    for (int i = 0; i < MANY; i++)
        last = plan_unique_name(&a, &names, "imap-993");
    assert_string_equal(last, "imap-993-20000");
    assert_string_equal(plan_unique_name(&a, &names, "imap-993-20000"), "imap-993-20000-2");
    arena_free(&a);
}

static void what_was_put_into_an_index_is_found_again(void **state)
{
    enum { MANY = 1000 };
    struct arena a = {0};
    struct index texts = {0}, pointers = {0};
    static int values[MANY];
    (void)state;
    assert_null(index_get(&texts, "0"));
    assert_null(index_get_pointer(&pointers, values));
    for (int i = 0; i < MANY; i++) {
        index_add(&a, &texts, arena_format(&a, "%d", i), &values[i]);
        index_add(&a, &texts, arena_format(&a, "%d", i), values); /* the first stays */
        *index_at_pointer(&a, &pointers, &values[i]) = &values[i];
    }
    for (int i = 0; i < MANY; i++) {
        assert_ptr_equal(index_get(&texts, arena_format(&a, "%d", i)), &values[i]);
        assert_ptr_equal(index_get_pointer(&pointers, &values[i]), &values[i]);
    }
    assert_null(index_get(&texts, "1000"));
    arena_free(&a);
}

static void the_protocol_is_guessed_from_ports(void **state)
{
    static const struct {
        const char *listen, *protocol;
    } rows[] = {{"127.0.0.1:993", "imap"}, {"127.0.0.1:465", "smtp"}, {"127.0.0.1:587", "smtp"},
                {"127.0.0.1:636", "ldap"}, {"127.0.0.1:563", "nntp"}, {"127.0.0.1:4190", "sieve"},
                {"127.0.0.1:4000", "pop3"}}; /* by its server's port */
    struct scene s;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        scene_begin(&s);
        struct plan_route *r = scene_route(&s, "", rows[i].listen, 1);
        plan_finish(&s.plan);
        assert_string_equal(route_get(r, "protocol"), rows[i].protocol);
        assert_non_null(strstr(r->remarks[0], "a guess"));
        scene_end(&s);
    }
}

static void an_address_that_is_taken_is_told(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    scene_route(&s, "a", "0.0.0.0:995", 1);
    struct plan_route *b = scene_route(&s, "b", "0.0.0.0:995", 2);
    plan_finish(&s.plan);
    assert_non_null(b->withheld);
    assert_string_equal(s.file->last->why, "0.0.0.0:995 is taken already, by f:1");
    assert_true(plan_lost(&s.plan));
    scene_end(&s);
}

static void both_families_are_written_as_one(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *r = scene_route(&s, "a", "[::]:995", 1);
    route_put(&s.plan, r, "listen", "127.0.0.1:996", s.file->last);
    route_put(&s.plan, r, "listen", "0.0.0.0:995", NULL);
    plan_finish(&s.plan);
    assert_string_equal(scene_values(r, "listen"), "127.0.0.1:996 :995");
    assert_false(plan_lost(&s.plan));
    scene_end(&s);
}

static void routes_of_one_section_that_differ_in_their_address_become_one(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *a = scene_route(&s, "a", "127.0.0.1:1", 1);
    struct plan_route *b = scene_route(&s, "a", "127.0.0.1:2", 2);
    struct plan_route *c = scene_route(&s, "a", "127.0.0.1:3", 3);
    b->section = c->section = a->section;
    route_put(&s.plan, b, "strict-sni", "on", NULL);
    plan_finish(&s.plan);
    assert_string_equal(scene_values(a, "listen"), "127.0.0.1:1 127.0.0.1:3");
    assert_ptr_equal(a->next, b);
    assert_null(b->next);
    scene_end(&s);
}

static void a_route_that_lacks_something_is_withheld(void **state)
{
    static const char *const keys[] = {"listen", "upstream", "certificate"};
    struct scene s;
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        scene_begin(&s);
        struct plan_route *r = scene_route(&s, "a", "127.0.0.1:1", 1);
        entries_drop(&r->settings, keys[i]);
        plan_finish(&s.plan);
        assert_non_null(r->withheld);
        assert_true(plan_lost(&s.plan));
        scene_end(&s);
    }
}

/* ---- terms ---- */

static void times_are_read_in_all_their_forms(void **state)
{
    static const struct {
        const char *text;
        unsigned unit;
        const char *ours;
    } rows[] = {{"90", 1000, "90s"},     {"5000", 1, "5s"},   {"1m30s", 1000, "90s"},
                {"1h 30m", 1000, "90m"}, {"1d", 1, "24h"},    {"500ms", 1, "500ms"},
                {"0", 1, "0"},           {"120", 1000, "2m"}, {"", 1, NULL},
                {"x", 1, NULL},          {"5y", 1, NULL},     {"597h", 1, NULL},
                {"9999999999", 1, NULL}, {"-1", 1, NULL}};
    struct arena a = {0};
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *time = term_duration(&a, rows[i].text, rows[i].unit);
        if (rows[i].ours == NULL)
            assert_null(time);
        else
            assert_string_equal(time, rows[i].ours);
    }
    arena_free(&a);
}

static void of_a_list_the_names_that_are_ours_are_taken(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *r = plan_route(&s.plan, "", s.file, NULL);
    assert_null(term_ciphers(&s.plan, r, "ECDHE-RSA-AES128-GCM-SHA256:!aNULL:@STRENGTH", NULL));
    assert_string_equal(term_ciphers(&s.plan, r, "HIGH:ECDHE-RSA-AES256-GCM-SHA384:RC4-MD5", NULL),
                        "tlsfront has no HIGH, RC4-MD5; the others are carried over");
    assert_string_equal(scene_values(r, ".ciphers-1.2"), "ECDHE-RSA-AES256-GCM-SHA384");
    assert_null(term_groups(&s.plan, r, "X25519:prime256v1:P-521", NULL));
    assert_string_equal(scene_values(r, "groups"), "X25519 secp256r1 secp521r1");
    assert_null(term_groups(&s.plan, r, "auto", NULL));
    scene_end(&s);
}

static void networks_are_written_as_ours_are(void **state)
{
    struct scene s;
    (void)state;
    scene_begin(&s);
    struct plan_route *r = plan_route(&s.plan, "", s.file, NULL);
    assert_null(term_network(&s.plan, r, "accept-proxy-from", "10.1.2.3/8", NULL));
    assert_null(term_network(&s.plan, r, "accept-proxy-from", "2001:db8::1/32", NULL));
    assert_null(term_network(&s.plan, r, "accept-proxy-from", "192.0.2.7", NULL));
    assert_string_equal(scene_values(r, "accept-proxy-from"), "10.0.0.0/8 2001:db8::/32 192.0.2.7");
    assert_non_null(term_network(&s.plan, r, "accept-proxy-from", "host.example", NULL));
    scene_end(&s);
}

/* ---- access ---- */

static void rules_that_our_lists_can_say_are_carried_over(void **state)
{
    static const struct {
        const char *rules[5], *allow, *deny;
        bool withheld;
    } rows[] = {
        {{"allow 10.0.0.0/8", "deny all"}, "10.0.0.0/8", "", false},
        {{"deny 10.1.0.0/16", "allow 10.0.0.0/8", "deny all"}, "10.0.0.0/8", "10.1.0.0/16", false},
        {{"deny 10.0.0.0/8"}, "", "10.0.0.0/8", false},
        {{"deny 10.0.0.0/8", "allow all"}, "", "10.0.0.0/8", false},
        {{"allow 10.0.0.0/8"}, "", "", false},
        {{"allow all", "deny all"}, "", "", false},
        {{"allow 10.1.0.0/16", "deny 10.0.0.0/8"}, "", "", true},
        {{"deny all"}, "", "", true},
    };
    struct scene s;
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        scene_begin(&s);
        struct plan_route *r = plan_route(&s.plan, "", s.file, NULL);
        const bool known = route_put(&s.plan, r, "deny", "x", NULL) == NULL;
        entries_drop(&r->settings, "deny");
        for (size_t j = 0; j < 5 && rows[i].rules[j] != NULL; j++) {
            const bool allows = rows[i].rules[j][0] == 'a';
            access_rule(&s.plan, r, allows ? "allow" : "deny", strchr(rows[i].rules[j], ' ') + 1,
                        scene_line(&s, (int)j));
        }
        access_settle(&s.plan, r);
        const bool says = rows[i].allow[0] != '\0' || rows[i].deny[0] != '\0';
        assert_int_equal(r->withheld != NULL, rows[i].withheld || (says && !known));
        if (known) {
            assert_string_equal(scene_values(r, "allow"), rows[i].allow);
            assert_string_equal(scene_values(r, "deny"), rows[i].deny);
        }
        scene_end(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_below_replaces_what_is_said_above),
        cmocka_unit_test(what_is_kept_stands_before_what_is_said_below),
        cmocka_unit_test(names_by_their_end_have_blocks_and_the_others_are_told),
        cmocka_unit_test(a_name_that_an_earlier_line_covers_has_its_server),
        cmocka_unit_test(of_a_log_without_fields_it_is_told),
        cmocka_unit_test(a_key_that_this_build_lacks_is_refused),
        cmocka_unit_test(a_global_key_is_set_once),
        cmocka_unit_test(certificates_have_one_block_for_the_same_files_and_names_of_their_own),
        cmocka_unit_test(names_become_valid_and_unique),
        cmocka_unit_test(many_that_want_one_name_are_numbered),
        cmocka_unit_test(what_was_put_into_an_index_is_found_again),
        cmocka_unit_test(the_protocol_is_guessed_from_ports),
        cmocka_unit_test(an_address_that_is_taken_is_told),
        cmocka_unit_test(both_families_are_written_as_one),
        cmocka_unit_test(routes_of_one_section_that_differ_in_their_address_become_one),
        cmocka_unit_test(a_route_that_lacks_something_is_withheld),
        cmocka_unit_test(times_are_read_in_all_their_forms),
        cmocka_unit_test(of_a_list_the_names_that_are_ours_are_taken),
        cmocka_unit_test(networks_are_written_as_ours_are),
        cmocka_unit_test(rules_that_our_lists_can_say_are_carried_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
