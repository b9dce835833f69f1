/* test_service.c - what answers of name servers say of a service. */
#include "proxy/ipc/ipc.h"
#include "proxy/resolver/service.h"
#include "tests/support/unit.h"

#include <netdb.h>

static uint8_t answer[4096];
static size_t size;

static void put(const void *bytes, size_t count)
{
    assert_true(size + count <= sizeof answer);
    memcpy(answer + size, bytes, count);
    size += count;
}

static void put_number(unsigned value, int octets)
{
    for (int i = octets - 1; i >= 0; i--)
        put(&(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}

/* "a.b": labels, and the root. */
static void put_name(const char *name)
{
    while (*name != '\0') {
        const size_t label = strcspn(name, ".");
        put_number((unsigned)label, 1);
        put(name, label);
        name += label + (name[label] == '.');
    }
    put_number(0, 1);
}

static void begin(unsigned records)
{
    size = 0;
    put_number(7, 2);
    put_number(0x8180, 2); /* an answer, without error */
    put_number(1, 2);
    put_number(records, 2);
    put_number(0, 4);
    put_name("_imap._tcp.example.org");
    put_number(33, 2);
    put_number(1, 2);
}

/* Of the name that was asked for. */
static void put_record(unsigned type, unsigned ttl)
{
    put_number(0xc00c, 2);
    put_number(type, 2);
    put_number(1, 2);
    put_number(ttl, 4);
}

static void put_srv(unsigned ttl, unsigned priority, unsigned weight, unsigned port,
                    const char *host)
{
    put_record(33, ttl);
    put_number((unsigned)(6 + strlen(host) + (*host != '\0') + 1), 2);
    put_number(priority, 2);
    put_number(weight, 2);
    put_number(port, 2);
    put_name(host);
}

static struct service parsed;

static int parse(void)
{
    return service_parse(answer, size, &parsed);
}

static void targets_come_by_priority_and_their_time_is_the_shortest(void **state)
{
    (void)state;
    begin(3);
    put_srv(300, 20, 0, 143, "c.example");
    put_srv(60, 10, 9, 1143, "b.example");
    put_srv(600, 10, 5, 143, "a.example");
    assert_int_equal(parse(), 0);
    assert_int_equal(parsed.count, 3);
    assert_int_equal(parsed.ttl, 60);
    assert_string_equal(parsed.targets[0].host, "a.example");
    assert_string_equal(parsed.targets[1].host, "b.example");
    assert_int_equal(parsed.targets[1].port, 1143);
    assert_int_equal(parsed.targets[1].tier, 0);
    assert_string_equal(parsed.targets[2].host, "c.example");
    assert_int_equal(parsed.targets[2].tier, 1);
}

static void weights_are_parts_and_none_is_nothing(void **state)
{
    (void)state;
    const struct service_target none = {.weight = 0}, two = {.weight = 2}, most = {.weight = 65535};
    const uint32_t small = service_share(&none, 1).weight, some = service_share(&two, 1).weight;
    assert_true(small > 0 && small * 100 < some);
    assert_in_range(service_share(&two, 2).weight, some / 2 - 1, some / 2 + 1);
    assert_true(service_share(&most, 1).weight > some);
    assert_true(service_share(&none, 64).weight > 0);
}

static void the_root_alone_is_a_service_that_there_is_not(void **state)
{
    (void)state;
    begin(1);
    put_srv(60, 0, 0, 0, "");
    assert_int_equal(parse(), RESOLVE_NO_SERVICE);
    begin(2);
    put_srv(60, 0, 0, 0, "");
    put_srv(60, 0, 0, 143, "a.example");
    assert_int_equal(parse(), 0);
    assert_int_equal(parsed.count, 1);
    assert_string_equal(parsed.targets[0].host, "a.example");
}

static void other_records_are_passed_over(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(parse(), EAI_NODATA);
    begin(2);
    put_record(16, 60); /* TXT */
    put_number(2, 2);
    put("\1x", 2);
    put_srv(60, 0, 0, 143, "a.example");
    assert_int_equal(parse(), 0);
    assert_int_equal(parsed.count, 1);
}

static void an_answer_that_is_cut_is_none_of_ours(void **state)
{
    (void)state;
    begin(1);
    put_srv(60, 0, 0, 143, "a.example");
    const size_t whole = size;
    for (size = 0; size < whole; size++)
        assert_int_not_equal(parse(), 0);
    size = whole;
    assert_int_equal(parse(), 0);
}

static void a_name_that_points_to_itself_is_passed_over(void **state)
{
    (void)state;
    begin(1);
    put_record(33, 60);
    put_number(8, 2);
    put("\0\0\0\0\0", 6);
    put_number(0xc000 | (unsigned)size, 2);
    assert_int_not_equal(parse(), 0);
}

static void no_more_targets_than_the_bound_are_taken(void **state)
{
    (void)state;
    begin(SERVICE_TARGETS_MAX + 5);
    for (unsigned i = 0; i < SERVICE_TARGETS_MAX + 5; i++)
        put_srv(60, i, 0, 143, "a.example");
    assert_int_equal(parse(), 0);
    assert_int_equal(parsed.count, SERVICE_TARGETS_MAX);
    assert_int_equal(parsed.targets[SERVICE_TARGETS_MAX - 1].tier, SERVICE_TARGETS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_come_by_priority_and_their_time_is_the_shortest),
        cmocka_unit_test(weights_are_parts_and_none_is_nothing),
        cmocka_unit_test(the_root_alone_is_a_service_that_there_is_not),
        cmocka_unit_test(other_records_are_passed_over),
        cmocka_unit_test(an_answer_that_is_cut_is_none_of_ours),
        cmocka_unit_test(a_name_that_points_to_itself_is_passed_over),
        cmocka_unit_test(no_more_targets_than_the_bound_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
