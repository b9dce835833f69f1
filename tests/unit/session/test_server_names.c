/* test_server_names.c - a session belongs to the name that its client asks for, from TLS on. */
#include "tests/unit/session/scene.h"

static uint16_t dialled(void)
{
    return ntohs(f.s->upstream_to.in.sin_port);
}

static struct name_counters *counted(unsigned name)
{
    return &f.all.counters->name[name];
}

enum { OF_NAMED, OF_OPTIONAL };

static void it_is_sent_to_the_names_own_server(void **state)
{
    (void)state;
    arrive(NAMED);
    begin_tls();
    assert_int_equal(dialled(), 9);
    assert_int_equal(counter_get(&counted(OF_NAMED)->active), 1);
    upstream_connects(0);
    upstream_says("+OK hello\r\n");
    assert_string_equal(client_got(), "+OK hello\r\n");
    client_says("NOOP\r\n");
    assert_int_equal(counter_get(&counted(OF_NAMED)->bytes_in), 6);
    assert_int_equal(counter_get(&counted(OF_NAMED)->bytes_out), 11);
    finish();
    assert_int_equal(counter_get(&counted(OF_NAMED)->accepted), 1);
    assert_non_null(strstr(f.log_text, " sni=" NAME " server-name=" NAME " "));
}

static void in_clear_it_is_sent_to_the_routes(void **state)
{
    (void)state;
    arrive(NAMED_OPTIONAL);
    assert_int_equal(dialled(), 1);
    upstream_connects(0);
    upstream_says("+OK hello\r\n");
    client_says("STLS\r\n");
    assert_int_equal(counter_get(&counted(OF_OPTIONAL)->active), 0);
    closes(upstream);
    begin_tls();
    assert_int_equal(dialled(), 9);
    assert_int_equal(counter_get(&counted(OF_OPTIONAL)->active), 1);
    finish();
}

static void one_too_many_of_a_name_hears_so_and_dials_nobody(void **state)
{
    (void)state;
    counter_add(&counted(OF_NAMED)->active, 1);
    const uint64_t before = counter_get(&counted(OF_NAMED)->accepted);
    arrive(NAMED);
    begin_tls();
    assert_string_equal(client_got(),
                        "-ERR [SYS/TEMP] Too many connections, try again later\r\n<bye><fin>");
    assert_int_equal(upstream->connects, 0);
    assert_int_equal(counter_get(&f.all.counters->route[NAMED].active), 0);
    counter_sub(&counted(OF_NAMED)->active, 1);
    finish();
    assert_int_equal(counter_get(&counted(OF_NAMED)->refused), 1);
    assert_int_equal(counter_get(&counted(OF_NAMED)->accepted), before + 1);
}

static void a_server_that_fails_is_counted_with_its_name(void **state)
{
    (void)state;
    arrive(NAMED);
    begin_tls();
    upstream_connects(UV_ECONNREFUSED);
    closes(upstream);
    assert_int_equal(counter_get(&counted(OF_NAMED)->upstream_failures), 1);
    assert_non_null(upstream_counters_find(&f.all.counters->details[DETAILS_OF_NAME(OF_NAMED)],
                                           upstream_key("127.0.0.1:9")));
    assert_null(
        upstream_counters_find(&f.all.counters->details[NAMED], upstream_key("127.0.0.1:9")));
    finish();
    assert_non_null(strstr(f.log_text, "event=upstream-failed "));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_sent_to_the_names_own_server),
        cmocka_unit_test(in_clear_it_is_sent_to_the_routes),
        cmocka_unit_test(one_too_many_of_a_name_hears_so_and_dials_nobody),
        cmocka_unit_test(a_server_that_fails_is_counted_with_its_name),
    };
    return cmocka_run_group_tests(tests, scene_group_setup, scene_group_teardown);
}
