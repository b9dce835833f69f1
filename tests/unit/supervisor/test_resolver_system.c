/* test_resolver_system.c - names that need no network, asked of the system's own resolver by a real
 * process: resolver.c starts /proc/self/exe, and here that is one. */
#include "proxy/resolver/resolver.h"
#include "proxy/supervisor/resolver.h"
#include "tests/support/loop.h"

#include <netinet/in.h>
#include <signal.h>

/* No resolver sends a question with a label of 64 bytes and more. */
#define NEVER "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx.invalid"

struct fixture {
    uv_loop_t loop;
    struct log log;
    struct identity identity;
    struct resolver *resolver;
    unsigned changed, settled, failed;
};

static void on_changed(void *arg, const struct resolver_name *name)
{
    assert_non_null(name->host);
    ((struct fixture *)arg)->changed++;
}

static void on_settled(void *arg)
{
    ((struct fixture *)arg)->settled++;
}

static void on_failed(void *arg, const char *name, const char *why)
{
    ((struct fixture *)arg)->failed++;
    assert_string_equal(name, NEVER);
    assert_true(strlen(why) > 0);
}

static void start(struct fixture *f, const char *const *hosts, struct endpoint *names, size_t count)
{
    static const struct resolver_events events = {on_changed, on_settled, on_failed};
    const struct target_config target = {.upstream = names, .upstream_count = count};
    const struct target_config *targets[] = {&target};
    const struct config config = {.targets = targets, .target_count = 1};
    *f = (struct fixture){0};
    uv_loop_init(&f->loop);
    log_init(&f->log, "t");
    f->identity.sandbox = true;
    f->resolver = resolver_new(&f->loop, &f->log, &f->identity, &events, f);
    assert_non_null(f->resolver);
    for (size_t i = 0; i < count; i++)
        names[i] = (struct endpoint){.kind = ENDPOINT_NAME, .host = hosts[i], .port = 110};
    assert_int_equal(resolver_add(f->resolver, &config), 0);
}

static void finish(struct fixture *f)
{
    resolver_close(f->resolver);
    loop_end(&f->loop);
    resolver_free(f->resolver);
}

static void localhost_is_found_with_the_port(void **state)
{
    (void)state;
    struct fixture f;
    struct endpoint name;
    size_t count;
    start(&f, (const char *const[]){"localhost"}, &name, 1);
    assert_false(resolver_settled(f.resolver));
    loop_until(&f.loop, f.settled > 0);
    assert_int_equal(f.changed, 1);
    const struct upstream_address *a = resolver_find(f.resolver, &name, &count);
    assert_in_range(count, 1, UPSTREAM_TRIES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a[i].addr;
        assert_int_equal(ntohs(in6->sin6_port), 110); /* at the same place in IPv4 */
        assert_true(in6->sin6_family == AF_INET ? a[i].size == sizeof(struct sockaddr_in)
                                                : a[i].size == sizeof *in6);
    }
    finish(&f);
}

static void a_name_that_cannot_be_fails_and_settles(void **state)
{
    (void)state;
    struct fixture f;
    struct endpoint names[2];
    size_t count;
    start(&f, (const char *const[]){NEVER, "localhost"}, names, 2);
    loop_until(&f.loop, f.settled > 0);
    assert_int_equal(f.failed, 1);
    assert_int_equal(f.changed, 1);
    resolver_find(f.resolver, &names[0], &count);
    assert_int_equal(count, 0);
    finish(&f);
}

static void one_that_is_killed_is_back_and_is_asked_again(void **state)
{
    (void)state;
    struct fixture f;
    struct endpoint names[2];
    size_t count;
    start(&f, (const char *const[]){NEVER, "localhost"}, names, 2);
    const pid_t before = resolver_process(f.resolver)->process.pid;
    uv_kill(before, SIGKILL);
    loop_until(&f.loop, f.settled > 0 && resolver_process(f.resolver)->restarts == 1 &&
                            resolver_process(f.resolver)->life == CHILD_RUNNING);
    assert_int_not_equal(resolver_process(f.resolver)->process.pid, before);
    resolver_find(f.resolver, &names[1], &count);
    assert_in_range(count, 1, UPSTREAM_TRIES_MAX);
    finish(&f);
}

static void closing_while_asking_leaves_nothing_and_says_nothing(void **state)
{
    (void)state;
    struct fixture f;
    struct endpoint names[2];
    start(&f, (const char *const[]){NEVER, "localhost"}, names, 2);
    finish(&f);
    assert_int_equal(f.changed + f.settled + f.failed, 0);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "resolver") == 0)
        return resolver_run();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_found_with_the_port),
        cmocka_unit_test(a_name_that_cannot_be_fails_and_settles),
        cmocka_unit_test(one_that_is_killed_is_back_and_is_asked_again),
        cmocka_unit_test(closing_while_asking_leaves_nothing_and_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
