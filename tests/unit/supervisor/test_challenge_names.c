/* test_challenge_names.c - what the supervisor knows of the challenges that there are, from real
 * directories on a real loop. */
#include "proxy/supervisor/challenge_directory.h"
#include "proxy/supervisor/challenge_names.h"
#include "tests/support/loop.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { HTTP, TLS, ROUTES };

static uv_loop_t loop;
static struct challenge_names names;
static unsigned changes;
static char directories[ROUTES][32];
static struct route_config configs[ROUTES];
static struct route routes[ROUTES];
static struct config config;
static struct generation generation;
static struct release release;
static int held[ROUTES];

static void changed(void *arg)
{
    (void)arg;
    changes++;
}

static int begin(void **state)
{
    (void)state;
    uv_loop_init(&loop);
    changes = 0;
    for (unsigned i = 0; i < ROUTES; i++) {
        make_directory(directories[i]);
        held[i] = challenge_open(directories[i]);
        configs[i] = (struct route_config){.tls = i == TLS ? TLS_MODE_IMPLICIT : TLS_MODE_OFF};
        routes[i] = (struct route){.config = &configs[i], .slot = i + 5};
    }
    config = (struct config){.routes = configs, .route_count = ROUTES};
    generation = (struct generation){.config = &config, .routes = routes};
    release = (struct release){.generation = &generation, .challenges = held};
    challenge_names_init(&names, &loop, changed, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    challenge_names_close(&names);
    loop_end(&loop);
    for (unsigned i = 0; i < ROUTES; i++) {
        close(held[i]);
        remove_directory(directories[i]);
    }
    return 0;
}

static const char *at(unsigned route, const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", directories[route], name);
    return path;
}

static void put(unsigned route, const char *name)
{
    const int fd = open(at(route, name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static bool knows(unsigned route, const char *name)
{
    for (size_t i = 0; i < names.count; i++)
        if (names.hashes[i] == challenge_hash(routes[route].slot, name))
            return true;
    return false;
}

static void use(void)
{
    const unsigned before = changes;
    challenge_names_use(&names, &release);
    loop_until(&loop, changes > before);
}

static void what_lies_there_at_first_is_known(void **state)
{
    (void)state;
    put(HTTP, "a-token");
    put(TLS, "mail.example.crt.pem");
    put(TLS, "mail.example.key.pem");
    use();
    assert_true(knows(HTTP, "a-token"));
    assert_true(knows(TLS, "mail.example"));
    assert_int_equal(names.count, 2);
}

static void each_name_is_known_on_its_route_alone(void **state)
{
    (void)state;
    put(HTTP, "a-token");
    use();
    assert_false(knows(TLS, "a-token"));
    assert_false(knows(HTTP, "another"));
}

static void what_comes_and_goes_later_is_known_too(void **state)
{
    (void)state;
    use();
    assert_int_equal(names.count, 0);
    put(HTTP, "later");
    loop_until(&loop, knows(HTTP, "later"));
    assert_int_equal(unlink(at(HTTP, "later")), 0);
    loop_until(&loop, names.count == 0);
}

static void files_that_are_no_challenges_are_passed_over(void **state)
{
    static const char *const files[] = {".hidden", "with.dot", "a b"};
    (void)state;
    for (size_t i = 0; i < COUNT(files); i++)
        put(HTTP, files[i]);
    put(TLS, "mail.example.key.pem");
    put(TLS, ".crt.pem");
    put(TLS, "-crt.pem");
    use();
    assert_int_equal(names.count, 0);
}

/* As for the answers themselves. */
static void one_that_takes_the_directory_s_name_is_not_looked_into(void **state)
{
    char moved[40];
    (void)state;
    use();
    snprintf(moved, sizeof moved, "%s.old", directories[HTTP]);
    assert_int_equal(rename(directories[HTTP], moved), 0);
    assert_int_equal(mkdir(directories[HTTP], 0700), 0);
    put(HTTP, "planted");
    put(TLS, "mail.example.crt.pem");
    loop_until(&loop, knows(TLS, "mail.example"));
    assert_false(knows(HTTP, "planted"));
    remove_directory(moved);
}

/* No descriptor is left for watching. */
static void a_directory_that_cannot_be_watched_is_looked_at_when_somebody_asks(void **state)
{
    struct rlimit usual;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, usual.rlim_max}), 0);
    challenge_names_use(&names, &release);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
    loop_until(&loop, changes > 0);
    put(HTTP, "later");
    loop_settle(&loop);
    assert_false(knows(HTTP, "later"));
    challenge_names_asked(&names);
    loop_until(&loop, knows(HTTP, "later"));
}

static void one_that_is_watched_needs_nobody_to_ask(void **state)
{
    (void)state;
    use();
    challenge_names_asked(&names);
    assert_false(uv_is_active((uv_handle_t *)&names.timer));
}

static void without_acme_routes_there_is_nothing_to_tell(void **state)
{
    static struct release none;
    (void)state;
    challenge_names_use(&names, &none);
    loop_settle(&loop);
    assert_int_equal(changes, 0);
}

static void what_goes_with_the_routes_is_forgotten(void **state)
{
    static struct release none;
    (void)state;
    put(HTTP, "a-token");
    use();
    challenge_names_use(&names, &none);
    loop_until(&loop, names.count == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_lies_there_at_first_is_known),
        TEST(each_name_is_known_on_its_route_alone),
        TEST(what_comes_and_goes_later_is_known_too),
        TEST(files_that_are_no_challenges_are_passed_over),
        TEST(one_that_takes_the_directory_s_name_is_not_looked_into),
        TEST(a_directory_that_cannot_be_watched_is_looked_at_when_somebody_asks),
        TEST(one_that_is_watched_needs_nobody_to_ask),
        TEST(without_acme_routes_there_is_nothing_to_tell),
        TEST(what_goes_with_the_routes_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
