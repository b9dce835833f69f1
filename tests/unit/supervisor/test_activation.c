/* test_activation.c - sockets from the service manager: which are taken, and what becomes of them.
 */
#include "proxy/supervisor/activation.h"
#include "proxy/supervisor/listeners.h"
#include "tests/support/listen_config.h"

#include <fcntl.h>

/* ---- sockets, as a service manager makes them ---- */

static int socket_at(int family, int type, const struct sockaddr *at, socklen_t size)
{
    const int fd = socket(family, type, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, at, size), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* At the address of the route `i` of `c`. */
static int bound(const struct listen_config *c, size_t i)
{
    const struct endpoint *e = &c->endpoints[i];
    return socket_at(e->addr.ss_family, SOCK_STREAM, (const struct sockaddr *)&e->addr,
                     e->addr_len);
}

static int wildcard6(int only)
{
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(free_port())};
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static void take(struct activation *a, int fd, const char *name)
{
    struct err e = {.text = ""};
    if (activation_add(a, fd, name, &e) != 0)
        fail_msg("%s", e.text);
}

/* Takes `fd` over; nothing of it stays. */
static void assert_refused(struct activation *a, int fd, const char *why, const char *cure)
{
    struct err e = {.text = ""};
    const unsigned before = open_descriptors();
    const bool open = fcntl(fd, F_GETFD) >= 0;
    const size_t count = a->count;
    char text[400];
    snprintf(text, sizeof text, "descriptor %d (it) from the service manager %s", fd, why);
    assert_int_equal(activation_add(a, fd, "it", &e), -1);
    assert_string_equal(e.text, text);
    assert_non_null(strstr(e.cure, cure));
    assert_int_equal(a->count, count);
    assert_int_equal(open_descriptors(), before - open);
}

/* ---- which are taken ---- */

static void sockets_are_found_by_their_address(void **state)
{
    (void)state;
    struct activation a = {0};
    struct listen_config c = {0};
    char directory[32], path[64];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/socket", directory);
    listen_on(&c, "127.0.0.1", free_port());
    listen_on(&c, "::1", free_port());
    listen_at(&c, path);
    for (size_t i = 0; i < 3; i++)
        take(&a, bound(&c, i), c.names[i]);
    for (size_t i = 0; i < 3; i++) {
        const int fd = activation_find(&a, c.texts[i]);
        assert_true(fd > 3);
        assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    }
    assert_int_equal(activation_find(&a, "127.0.0.1:1"), -1);
    assert_int_equal(activation_find(NULL, c.texts[0]), -1);
    activation_free(&a);
    remove_directory(directory);
}

static void a_wildcard_is_of_one_family(void **state)
{
    (void)state;
    struct activation a = {0};
    assert_refused(&a, wildcard6(0), "is for IPv6 and IPv4 at once", "BindIPv6Only=ipv6-only");
    take(&a, wildcard6(1), "it");
    activation_free(&a);
}

static void what_is_nothing_to_listen_on_is_refused(void **state)
{
    (void)state;
    struct activation a = {0};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = {0, 'a', 'b', 's'}};
    int ends[2], pair[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_refused(&a, 12345, "is not open", "ListenStream=");
    assert_refused(&a, ends[0], "is no socket", "ListenStream=");
    assert_refused(&a, socket_at(AF_INET, SOCK_DGRAM, (struct sockaddr *)&in, sizeof in),
                   "is no stream socket", "ListenStream=");
    assert_refused(&a, socket(AF_NETLINK, SOCK_RAW, 0), "is no stream socket", "ListenStream=");
    assert_refused(&a, pair[0], "is a connection already", "Accept=no");
    assert_refused(&a, socket(AF_INET, SOCK_STREAM, 0), "is bound to no port", "a port");
    assert_refused(&a, socket(AF_INET6, SOCK_STREAM, 0), "is bound to no port", "a port");
    assert_refused(&a, socket_at(AF_UNIX, SOCK_STREAM, (struct sockaddr *)&un, 10), "has no path",
                   "a path");
    close(ends[1]);
    close(pair[1]);
    activation_free(&a);
}

static void one_address_comes_once(void **state)
{
    (void)state;
    struct activation a = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    const int fd = bound(&c, 0);
    take(&a, dup(fd), "first");
    assert_refused(&a, fd, "has the address of another one", "once");
    activation_free(&a);
}

/* ---- what the environment says ---- */

/* Descriptor 3 is cmocka's or nobody's; only what is not for us can be tried here. */
static void what_is_meant_for_another_process_is_left_alone(void **state)
{
    (void)state;
    struct activation a = {0};
    struct err e;
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1000", 1);
    setenv("LISTEN_FDNAMES", "a:b", 1);
    assert_int_equal(activation_take(&a, &e), 0);
    assert_int_equal(a.count, 0);
    assert_null(getenv("LISTEN_PID"));
    assert_null(getenv("LISTEN_FDS"));
    assert_null(getenv("LISTEN_FDNAMES"));
    assert_int_equal(activation_take(&a, &e), 0);
    assert_int_equal(a.count, 0);
}

/* ---- against a configuration ---- */

static void assert_finding(const struct diags *d, size_t i, enum diag_severity severity,
                           const char *cause)
{
    assert_true(i < d->count);
    assert_int_equal(d->items[i].severity, severity);
    assert_string_equal(d->items[i].cause, cause);
    assert_non_null(d->items[i].cure);
}

static void a_socket_named_after_a_route_must_be_of_it(void **state)
{
    (void)state;
    struct activation a = {0};
    struct listen_config c = {0}, other = {0};
    struct diags d = {0};
    char cause[400];
    listen_on(&c, "127.0.0.1", free_port());
    listen_on(&c, "127.0.0.2", free_port());
    listen_on(&other, "127.0.0.3", free_port());
    take(&a, bound(&c, 0), "r0");
    assert_int_equal(activation_check(&a, &c.config, &d), 0);
    assert_int_equal(d.count, 0);

    take(&a, bound(&c, 1), "r0");
    assert_int_equal(activation_check(&a, &c.config, &d), -1);
    assert_int_equal(d.count, 1);
    snprintf(cause, sizeof cause,
             "route r0 does not listen on %s, where the service manager has bound a socket of "
             "that name",
             c.texts[1]);
    assert_finding(&d, 0, DIAG_ERROR, cause);
    diags_free(&d);
    activation_free(&a);

    take(&a, bound(&other, 0), "tlsfront.socket");
    assert_int_equal(activation_check(&a, &c.config, &d), 0);
    snprintf(cause, sizeof cause,
             "the service manager listens on %s, and no route does: whoever connects there waits "
             "in vain",
             other.texts[0]);
    assert_int_equal(d.count, 1);
    assert_finding(&d, 0, DIAG_WARNING, cause);
    diags_free(&d);
    activation_free(&a);
}

/* ---- as listeners ---- */

static void bring_up(struct listeners *l, const struct listen_config *c)
{
    struct diags d = {0};
    assert_int_equal(listeners_prepare(l, &c->config, 3, &d), 0);
    listeners_commit(l);
    diags_free(&d);
}

static void what_is_given_is_not_bound_and_the_rest_is(void **state)
{
    (void)state;
    struct activation a = {0};
    struct listeners l = {.given = &a};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    listen_on(&c, "127.0.0.1", free_port());
    take(&a, bound(&c, 0), "r0");
    bring_up(&l, &c);
    const struct listen_address *given = listeners_find(&l, c.texts[0]);
    const struct listen_address *own = listeners_find(&l, c.texts[1]);
    assert_true(listeners_shared(given));
    assert_int_equal(given->count, 1);
    assert_false(listeners_shared(own));
    assert_int_equal(own->count, 3);
    assert_true(reachable(&c, 0) && reachable(&c, 1));
    listeners_close(&l);
    activation_free(&a);
}

/* A client that comes while no route has the address waits, and is served when one has it again. */
static void what_is_given_outlives_its_route(void **state)
{
    (void)state;
    struct activation a = {0};
    struct listeners l = {.given = &a};
    struct listen_config both = {0}, one = {0};
    listen_on(&both, "127.0.0.1", free_port());
    listen_on(&both, "127.0.0.1", free_port());
    listen_on(&one, "127.0.0.1", both.endpoints[1].port);
    take(&a, bound(&both, 0), "tlsfront.socket");
    bring_up(&l, &both);
    bring_up(&l, &one);
    assert_null(listeners_find(&l, both.texts[0]));
    const int waiting = connect_to(&both, 0);
    assert_true(waiting >= 0);
    bring_up(&l, &both);
    const int accepted = accept(listeners_find(&l, both.texts[0])->sockets[0], NULL, NULL);
    assert_true(accepted >= 0);
    close(accepted);
    close(waiting);
    listeners_close(&l);
    activation_free(&a);
}

static void the_file_of_a_given_socket_is_not_removed(void **state)
{
    (void)state;
    struct activation a = {0};
    struct listeners l = {.given = &a};
    struct listen_config c = {0};
    char directory[32], path[64];
    make_directory(directory);
    snprintf(path, sizeof path, "%s/socket", directory);
    listen_at(&c, path);
    take(&a, bound(&c, 0), "r0");
    bring_up(&l, &c);
    listeners_close(&l);
    assert_true(reachable(&c, 0));
    activation_free(&a);
    assert_int_equal(access(path, F_OK), 0);
    remove_directory(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sockets_are_found_by_their_address),
        cmocka_unit_test(a_wildcard_is_of_one_family),
        cmocka_unit_test(what_is_nothing_to_listen_on_is_refused),
        cmocka_unit_test(one_address_comes_once),
        cmocka_unit_test(what_is_meant_for_another_process_is_left_alone),
        cmocka_unit_test(a_socket_named_after_a_route_must_be_of_it),
        cmocka_unit_test(what_is_given_is_not_bound_and_the_rest_is),
        cmocka_unit_test(what_is_given_outlives_its_route),
        cmocka_unit_test(the_file_of_a_given_socket_is_not_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
