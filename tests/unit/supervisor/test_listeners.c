/* test_listeners.c - the supervisor's sockets: who may bind, and what stays open. */
#include "proxy/supervisor/listeners.h"
#include "tests/support/listen_config.h"

#include <errno.h>
#include <netinet/tcp.h>

/* Prepare, expect success without a finding. */
static void prepare(struct listeners *l, const struct listen_config *c, unsigned workers)
{
    struct diags d = {0};
    const int result = listeners_prepare(l, &c->config, workers, &d);
    for (size_t i = 0; i < d.count; i++)
        print_message("%s\n", d.items[i].cause);
    assert_int_equal(result, 0);
    assert_int_equal(d.count, 0);
    diags_free(&d);
}

static void bring_up(struct listeners *l, const struct listen_config *c, unsigned workers)
{
    prepare(l, c, workers);
    listeners_commit(l);
}

/* Prepare, expect exactly one error, and give its cause back. */
static void assert_refused(struct listeners *l, const struct listen_config *c, const char *cause,
                           const char *cure)
{
    struct diags d = {0};
    assert_int_equal(listeners_prepare(l, &c->config, 1, &d), -1);
    assert_int_equal(d.count, 1);
    assert_int_equal(d.items[0].severity, DIAG_ERROR);
    assert_string_equal(d.items[0].cause, cause);
    assert_string_equal(d.items[0].file, "test.conf");
    assert_int_equal(d.items[0].line, 7);
    if (cure == NULL)
        assert_null(d.items[0].cure);
    else
        assert_non_null(strstr(d.items[0].cure, cure));
    diags_free(&d);
}

static void nobody_can_connect_before_the_commit(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    prepare(&l, &c, 2);
    assert_false(reachable(&c, 0));
    assert_int_equal(l.count, 1);
    assert_int_equal(l.items[0].count, 2);
    assert_int_equal(l.items[0].listening, 0);
    listeners_commit(&l);
    assert_true(reachable(&c, 0));
    assert_int_equal(l.items[0].listening, 2);
    assert_ptr_equal(listeners_find(&l, c.endpoints[0].text), &l.items[0]);
    assert_null(listeners_find(&l, "127.0.0.1:1"));
    listeners_close(&l);
    assert_false(reachable(&c, 0));
}

static void a_second_instance_is_refused_with_a_cure(void **state)
{
    (void)state;
    struct listeners first = {0}, second = {0};
    struct listen_config c = {0};
    char cause[100];
    listen_on(&c, "127.0.0.1", free_port());
    bring_up(&first, &c, 1);
    const unsigned before = open_descriptors();
    snprintf(cause, sizeof cause, "route r0: cannot listen on %s: Address already in use",
             c.endpoints[0].text);
    assert_refused(&second, &c, cause, "`ss -ltnp`");
    assert_int_equal(second.count, 0);
    assert_int_equal(open_descriptors(), before);
    assert_true(reachable(&c, 0));
    listeners_close(&second);
    listeners_close(&first);
}

/* One port, several addresses of ours, and one of them is taken by somebody else. */
static void assert_second_of_two_is_refused(const char *ours, const char *taken)
{
    struct listeners first = {0}, second = {0};
    struct listen_config theirs = {0}, both = {0};
    char cause[100];
    const uint16_t port = free_port();
    listen_on(&theirs, taken, port);
    listen_on(&both, ours, port);
    listen_on(&both, taken, port);
    bring_up(&first, &theirs, 1);
    snprintf(cause, sizeof cause, "route r1: cannot listen on %s: Address already in use",
             theirs.endpoints[0].text);
    assert_refused(&second, &both, cause, "`ss -ltnp`");
    listeners_close(&second);
    listeners_close(&first);
}

static void a_second_instance_is_noticed_on_another_address_of_the_port(void **state)
{
    (void)state;
    assert_second_of_two_is_refused("127.0.0.1", "127.0.0.2");
}

static void a_second_instance_is_noticed_on_the_other_family(void **state)
{
    (void)state;
    assert_second_of_two_is_refused("0.0.0.0", "::"); /* what ":995" becomes */
}

static void an_address_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "203.0.113.1", 12345);
    assert_refused(&l, &c,
                   "route r0: cannot listen on 203.0.113.1:12345: Cannot assign requested address",
                   "`ip address` lists them");
    listeners_close(&l);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
    return value;
}

static void an_absent_address_is_bound_where_it_may_come_later(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "203.0.113.1", 12345);
    listen_on(&c, "2001:db8::1", 12345);
    c.routes[0].freebind = c.routes[1].freebind = true;
    bring_up(&l, &c, 2);
    assert_int_equal(l.items[0].listening, 2);
    assert_int_equal(l.items[1].listening, 2);
    bring_up(&l, &c, 3); /* and once more, where it still is absent */
    assert_int_equal(l.items[0].listening, 3);
    listeners_close(&l);
}

static void an_absent_address_is_told_apart_by_its_cure(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "2001:db8::1", 12345);
    assert_refused(&l, &c,
                   "route r0: cannot listen on [2001:db8::1]:12345: Cannot assign requested "
                   "address",
                   "freebind = on");
    c.config.observe = &c.endpoints[0];
    c.config.observe_count = 1;
    struct diags d = {0};
    assert_int_equal(listeners_prepare_observe(&l, &c.config, &d), -1);
    assert_null(strstr(d.items[0].cure, "freebind"));
    diags_free(&d);
    listeners_close(&l);
}

static void an_absent_address_that_has_to_be_there_now_is_refused(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "203.0.113.1", 12345);
    c.routes[0].freebind = true;
    bring_up(&l, &c, 1);
    c.routes[0].freebind = false;
    assert_refused(&l, &c,
                   "route r0: cannot listen on 203.0.113.1:12345: Cannot assign requested address",
                   "freebind = on");
    assert_int_equal(l.items[0].listening, 1); /* it goes on */
    listeners_close(&l);
}

static void an_address_that_has_come_need_not_be_let_off(void **state)
{
    (void)state;
    static const char *const ips[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < 2; i++) {
        struct listeners l = {0};
        struct listen_config c = {0};
        const int level = i == 0 ? IPPROTO_IP : IPPROTO_IPV6;
        const int name = i == 0 ? IP_FREEBIND : IPV6_FREEBIND;
        listen_on(&c, ips[i], free_port());
        c.routes[0].freebind = true;
        bring_up(&l, &c, 1);
        assert_int_equal(option_of(l.items[0].sockets[0], level, name), 1);
        c.routes[0].freebind = false;
        bring_up(&l, &c, 1);
        assert_int_equal(option_of(l.items[0].sockets[0], level, name), 0);
        assert_true(reachable(&c, 0));
        listeners_close(&l);
    }
}

/* Another one is noticed there, too. */
static void an_address_that_may_be_absent_is_still_nobody_elses(void **state)
{
    (void)state;
    struct listeners first = {0}, second = {0};
    struct listen_config c = {0};
    listen_on(&c, "203.0.113.1", 12345);
    c.routes[0].freebind = true;
    bring_up(&first, &c, 1);
    assert_refused(&second, &c,
                   "route r0: cannot listen on 203.0.113.1:12345: Address already in use",
                   "`ss -ltnp`");
    listeners_close(&second);
    listeners_close(&first);
}

/* ---- what connections inherit ---- */

static void assert_inherited(const struct listeners *l, const struct listen_config *c,
                             int user_timeout, int idle, int interval)
{
    const int client = connect_to(c, 0);
    const int served = accept(l->items[0].sockets[0], NULL, NULL);
    assert_true(client >= 0 && served >= 0);
    assert_int_equal(option_of(served, IPPROTO_TCP, TCP_NODELAY), 1);
    assert_int_equal(option_of(served, SOL_SOCKET, SO_KEEPALIVE), user_timeout > 0);
    assert_int_equal(option_of(served, IPPROTO_TCP, TCP_USER_TIMEOUT), user_timeout);
    if (user_timeout > 0) {
        assert_int_equal(option_of(served, IPPROTO_TCP, TCP_KEEPIDLE), idle);
        assert_int_equal(option_of(served, IPPROTO_TCP, TCP_KEEPINTVL), interval);
    }
    close(served);
    close(client);
}

static void connections_inherit_how_long_a_host_may_be_silent(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    c.routes[0].tcp_user_timeout = 60000;
    bring_up(&l, &c, 1);
    assert_inherited(&l, &c, 60000, 30, 15);
    c.routes[0].tcp_user_timeout = 500; /* a reload; seconds are the shortest for probes */
    bring_up(&l, &c, 1);
    assert_inherited(&l, &c, 500, 1, 1);
    c.routes[0].tcp_user_timeout = 0;
    bring_up(&l, &c, 1);
    assert_inherited(&l, &c, 0, 0, 0);
    c.routes[0].tcp_user_timeout = INT32_MAX;
    bring_up(&l, &c, 1);
    assert_inherited(&l, &c, INT32_MAX, 32767, 32767);
    listeners_close(&l);
}

static void connections_inherit_it_from_adopted_sockets(void **state)
{
    (void)state;
    struct listeners before = {0}, l = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    bring_up(&before, &c, 1); /* by an image of before, which did not know of it */
    int fd = dup(before.items[0].sockets[0]);
    const struct handover_address from = {.text = c.texts[0], .sockets = &fd, .count = 1};
    assert_int_equal(listeners_adopt(&l, &from), 0);
    c.routes[0].tcp_user_timeout = 60000;
    bring_up(&l, &c, 1);
    assert_inherited(&l, &c, 60000, 30, 15);
    listeners_close(&l);
    listeners_close(&before);
}

static void one_bad_address_gives_back_all_that_was_bound(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    const unsigned before = open_descriptors();
    listen_on(&c, "127.0.0.1", free_port());
    listen_on(&c, "203.0.113.1", 12345);
    listen_on(&c, "127.0.0.1", free_port());
    assert_refused(&l, &c,
                   "route r1: cannot listen on 203.0.113.1:12345: Cannot assign requested address",
                   "`ip address` lists them");
    assert_int_equal(l.count, 0);
    assert_int_equal(open_descriptors(), before);
    listeners_close(&l);
}

static void every_bad_address_is_told(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    struct diags d = {0};
    listen_on(&c, "203.0.113.1", 12345);
    listen_on(&c, "203.0.113.2", 12345);
    assert_int_equal(listeners_prepare(&l, &c.config, 1, &d), -1);
    assert_int_equal(d.count, 2);
    diags_free(&d);
    listeners_close(&l);
}

static void an_abort_leaves_what_was_there_listening(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config one = {0}, other = {0};
    listen_on(&one, "127.0.0.1", free_port());
    listen_on(&other, "127.0.0.1", free_port());
    bring_up(&l, &one, 2);
    const unsigned before = open_descriptors();
    const int kept = l.items[0].sockets[0];

    prepare(&l, &other, 2);
    listeners_abort(&l);
    assert_int_equal(open_descriptors(), before);
    assert_int_equal(l.count, 1);
    assert_int_equal(l.items[0].sockets[0], kept);
    assert_true(reachable(&one, 0));
    assert_false(reachable(&other, 0));
    listeners_close(&l);
}

static void a_commit_closes_what_is_not_wanted_and_keeps_what_is(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config before = {0}, after = {0};
    const uint16_t kept = free_port();
    listen_on(&before, "127.0.0.1", kept);
    listen_on(&before, "127.0.0.1", free_port());
    listen_on(&after, "127.0.0.1", free_port());
    listen_on(&after, "127.0.0.1", kept);
    bring_up(&l, &before, 1);
    const int fd = listeners_find(&l, before.endpoints[0].text)->sockets[0];

    bring_up(&l, &after, 1);
    assert_int_equal(l.count, 2);
    assert_int_equal(listeners_find(&l, after.endpoints[1].text)->sockets[0], fd);
    assert_null(listeners_find(&l, before.endpoints[1].text));
    assert_false(reachable(&before, 1));
    assert_true(reachable(&after, 0));
    assert_true(reachable(&after, 1));
    listeners_close(&l);
}

static void a_queued_connection_outlives_a_commit(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    bring_up(&l, &c, 1);
    const int client = connect_to(&c, 0);
    assert_true(client >= 0);
    bring_up(&l, &c, 1);
    const int served = accept(l.items[0].sockets[0], NULL, NULL);
    assert_true(served >= 0);
    assert_int_equal(write(client, "x", 1), 1);
    char byte;
    assert_int_equal(read(served, &byte, 1), 1);
    close(served);
    close(client);
    listeners_close(&l);
}

static void sockets_grow_with_the_workers_and_an_abort_takes_them_back(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    bring_up(&l, &c, 1);
    const unsigned before = open_descriptors();

    prepare(&l, &c, 3);
    assert_int_equal(l.items[0].count, 3);
    assert_int_equal(l.items[0].listening, 1);
    listeners_abort(&l);
    assert_int_equal(l.items[0].count, 1);
    assert_int_equal(open_descriptors(), before);
    assert_true(reachable(&c, 0));

    bring_up(&l, &c, 3);
    assert_int_equal(l.items[0].listening, 3);
    assert_int_equal(open_descriptors(), before + 2);
    listeners_close(&l);
}

static int somebody_listens_on(const struct listen_config *c)
{
    static const int on = 1;
    const struct endpoint *e = &c->endpoints[0];
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&e->addr, e->addr_len), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void assert_told_deaf(const struct listeners *l, const struct listen_config *c)
{
    struct diags d = {0};
    char cause[100];
    snprintf(cause, sizeof cause, "route r0: cannot listen on %s: Address already in use",
             c->endpoints[0].text);
    assert_true(listeners_deaf(l));
    listeners_tell_deaf(l, &c->config, &d);
    assert_int_equal(d.count, 1);
    assert_string_equal(d.items[0].cause, cause);
    assert_non_null(strstr(d.items[0].cure, "`ss -ltnp`"));
    assert_int_equal(d.items[0].line, 7);
    diags_free(&d);
}

static void who_listens_between_bind_and_commit_is_told_of(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    listen_on(&c, "127.0.0.1", free_port());
    listen_on(&c, "127.0.0.1", free_port());
    prepare(&l, &c, 2);
    const int other = somebody_listens_on(&c);
    listeners_commit(&l);
    assert_told_deaf(&l, &c);
    assert_int_equal(l.items[0].listening, 0);
    assert_int_equal(l.items[1].listening, 2);
    listeners_abort(&l); /* of a reload that follows: it stays committed */
    assert_int_equal(l.items[0].count, 2);
    bring_up(&l, &c, 2);
    assert_told_deaf(&l, &c);
    close(other);
    assert_true(listeners_listen(&l.items[0]));
    assert_false(listeners_deaf(&l));
    assert_int_equal(l.items[0].listening, 2);
    assert_true(reachable(&c, 0));
    listeners_close(&l);
}

static void a_wildcard_and_a_specific_address_share_a_port(void **state)
{
    (void)state;
    struct listeners l = {0};
    struct listen_config c = {0};
    const uint16_t port = free_port();
    listen_on(&c, "0.0.0.0", port);
    listen_on(&c, "127.0.0.1", port);
    listen_on(&c, "::", port);
    bring_up(&l, &c, 1);
    const int client = connect_to(&c, 1);
    assert_true(client >= 0);
    const int served = accept(listeners_find(&l, c.endpoints[1].text)->sockets[0], NULL, NULL);
    assert_true(served >= 0); /* the specific one gets it */
    close(served);
    close(client);
    listeners_close(&l);

    /* And one may join the other in a reload. */
    struct listen_config first = {0};
    listen_on(&first, "0.0.0.0", port);
    bring_up(&l, &first, 1);
    listen_on(&first, "127.0.0.1", port);
    bring_up(&l, &first, 1);
    assert_int_equal(l.count, 2);
    listeners_close(&l);
}

/* The others give it up with the same configuration. */
static void an_address_comes_from_the_others_of_the_same_daemon(void **state)
{
    (void)state;
    struct listeners first = {0}, second = {.others = &first};
    struct listen_config c = {0}, nothing = {0};
    listen_on(&c, "127.0.0.1", free_port());
    bring_up(&first, &c, 2);
    prepare(&second, &c, 1);
    prepare(&first, &nothing, 1);
    listeners_commit(&first);
    listeners_commit(&second);
    assert_true(reachable(&c, 0));
    assert_int_equal(first.count, 0);
    listeners_close(&first);
    listeners_close(&second);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    struct listeners l = {0};
    listeners_abort(&l);
    listeners_commit(&l);
    assert_null(listeners_find(&l, "127.0.0.1:1"));
    listeners_close(&l);
    listeners_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_can_connect_before_the_commit),
        cmocka_unit_test(a_second_instance_is_refused_with_a_cure),
        cmocka_unit_test(a_second_instance_is_noticed_on_another_address_of_the_port),
        cmocka_unit_test(a_second_instance_is_noticed_on_the_other_family),
        cmocka_unit_test(an_address_that_is_not_ours_is_refused),
        cmocka_unit_test(an_absent_address_is_bound_where_it_may_come_later),
        cmocka_unit_test(an_absent_address_is_told_apart_by_its_cure),
        cmocka_unit_test(an_absent_address_that_has_to_be_there_now_is_refused),
        cmocka_unit_test(an_address_that_has_come_need_not_be_let_off),
        cmocka_unit_test(an_address_that_may_be_absent_is_still_nobody_elses),
        cmocka_unit_test(connections_inherit_how_long_a_host_may_be_silent),
        cmocka_unit_test(connections_inherit_it_from_adopted_sockets),
        cmocka_unit_test(one_bad_address_gives_back_all_that_was_bound),
        cmocka_unit_test(every_bad_address_is_told),
        cmocka_unit_test(an_abort_leaves_what_was_there_listening),
        cmocka_unit_test(a_commit_closes_what_is_not_wanted_and_keeps_what_is),
        cmocka_unit_test(a_queued_connection_outlives_a_commit),
        cmocka_unit_test(sockets_grow_with_the_workers_and_an_abort_takes_them_back),
        cmocka_unit_test(who_listens_between_bind_and_commit_is_told_of),
        cmocka_unit_test(a_wildcard_and_a_specific_address_share_a_port),
        cmocka_unit_test(an_address_comes_from_the_others_of_the_same_daemon),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
