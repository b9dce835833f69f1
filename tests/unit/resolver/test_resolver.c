/* test_resolver.c - the process that looks names up, with this test as its supervisor. What it asks
 * is the test's own: the linker puts a getaddrinfo() below that knows some names, and a sendmsg()
 * that does not send what it finds out about two of them. */
#include "proxy/base/exits.h"
#include "proxy/ipc/ipc.h"
#include "proxy/ipc/process.h"
#include "proxy/resolver/resolver.h"
#include "proxy/sandbox/sandbox.h"
#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

/* Far more than any of these tests needs; it only ends those that would hang. */
enum { TIMEOUT_MS = 20000 };

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
void __wrap_freeaddrinfo(struct addrinfo *list);
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

/* ---- the system's resolver ---- */

static void add(struct addrinfo **list, int family, const void *addr, socklen_t size)
{
    struct addrinfo *a = calloc(1, sizeof *a);
    *a = (struct addrinfo){
        .ai_family = family, .ai_addr = malloc(size), .ai_addrlen = size, .ai_next = *list};
    memcpy(a->ai_addr, addr, size);
    *list = a;
}

/* So many, the first of them 10.0.0.1. */
static int many(unsigned count, struct addrinfo **list)
{
    for (unsigned i = count; i > 0; i--) {
        const struct sockaddr_in in = {.sin_family = AF_INET,
                                       .sin_addr.s_addr = htonl(0x0a000000 + i)};
        add(list, AF_INET, &in, sizeof in);
    }
    return 0;
}

static int of_all_families(struct addrinfo **list)
{
    const struct sockaddr other = {.sa_family = AF_UNIX};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_scope_id = 3};
    inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr);
    many(1, list);
    add(list, AF_UNIX, &other, sizeof other);
    add(list, AF_INET6, &in6, sizeof in6);
    return 0;
}

static int unsent; /* so many messages find no memory; -1: none ever goes out */

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    if (unsent == 0)
        return __real_sendmsg(fd, msg, flags);
    errno = unsent > 0 ? ENOMEM : EIO;
    unsent -= unsent > 0;
    return -1;
}

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    unsent = strcmp(name, "heavy.example") == 0         ? 3
             : strcmp(name, "unspeakable.example") == 0 ? -1
                                                        : 0;
    assert_null(service);
    assert_int_equal(hints->ai_socktype, SOCK_STREAM);
    while (strncmp(name, "dead", 4) == 0)
        pause();
    errno = EMFILE;
    *list = NULL;
    return strcmp(name, "many.example") == 0   ? many(RESOLVED_MAX + 10, list)
           : strcmp(name, "all.example") == 0  ? of_all_families(list)
           : strcmp(name, "full.example") == 0 ? EAI_SYSTEM
                                               : EAI_NONAME;
}

void __wrap_freeaddrinfo(struct addrinfo *list)
{
    while (list != NULL) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_addr);
        free(list);
        list = next;
    }
}

/* ---- the process ---- */

struct fixture {
    pid_t process;
    int ipc;
    struct ipc_message m;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    int pair[2];
    *state = f;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0 ||
        (f->process = fork()) < 0)
        return -1;
    if (f->process == 0) {
        if (pair[1] != PROCESS_IPC)
            dup2(pair[1], PROCESS_IPC);
        _exit(resolver_run());
    }
    close(pair[1]);
    f->ipc = pair[0];
    return 0;
}

static int wait_for_end(struct fixture *f)
{
    int status = 0;
    for (int spent = 0; waitpid(f->process, &status, WNOHANG) == 0; spent++) {
        if (spent > TIMEOUT_MS)
            fail_msg("the resolver does not end");
        usleep(1000);
    }
    f->process = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->ipc);
    if (f->process > 0)
        assert_int_equal(wait_for_end(f), 0); /* without a supervisor it goes */
    free(f);
    return 0;
}

static void order(struct fixture *f, enum ipc_type type, const void *data, size_t size)
{
    ipc_begin(&f->m, type, 0);
    ipc_append(&f->m, data, size);
    assert_int_equal(ipc_send(f->ipc, &f->m), 0);
}

static void says(struct fixture *f, enum ipc_type type)
{
    struct pollfd wait = {.fd = f->ipc, .events = POLLIN};
    assert_int_equal(poll(&wait, 1, TIMEOUT_MS), 1);
    assert_int_equal(ipc_receive(f->ipc, &f->m), 1);
    assert_int_equal(f->m.type, type);
    assert_int_equal(f->m.fd_count, 0);
}

static void ask(struct fixture *f, uint64_t serial, const char *name)
{
    struct ipc_resolve question = {.serial = serial};
    snprintf(question.name, sizeof question.name, "%s", name);
    order(f, IPC_RESOLVE, &question, sizeof question);
}

static struct ipc_resolved answered(struct fixture *f, uint64_t serial)
{
    struct ipc_resolved r;
    says(f, IPC_RESOLVED);
    assert_true(ipc_take_resolved(&f->m, &r));
    assert_int_equal(r.serial, serial);
    return r;
}

/* ---- what it answers ---- */

static void both_families_come_with_their_scope_and_others_do_not(void **state)
{
    struct fixture *f = *state;
    char text[INET6_ADDRSTRLEN];
    ask(f, 1, "all.example");
    const struct ipc_resolved r = answered(f, 1);
    assert_int_equal(r.error, 0);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.addresses[0].family, AF_INET6);
    assert_int_equal(r.addresses[0].scope, 3);
    assert_string_equal(inet_ntop(AF_INET6, r.addresses[0].bytes, text, sizeof text), "fe80::1");
    assert_int_equal(r.addresses[1].family, AF_INET);
    assert_string_equal(inet_ntop(AF_INET, r.addresses[1].bytes, text, sizeof text), "10.0.0.1");
}

static void of_too_many_the_first_come(void **state)
{
    struct fixture *f = *state;
    ask(f, 1, "many.example");
    const struct ipc_resolved r = answered(f, 1);
    assert_int_equal(r.count, RESOLVED_MAX);
    assert_int_equal(r.addresses[0].bytes[3], 1);
    assert_int_equal(r.addresses[RESOLVED_MAX - 1].bytes[3], RESOLVED_MAX);
}

static void a_failure_comes_with_its_reason(void **state)
{
    struct fixture *f = *state;
    ask(f, 1, "nobody.example");
    assert_int_equal(answered(f, 1).error, EAI_NONAME);
    ask(f, 2, "full.example");
    assert_int_equal(answered(f, 2).error, EMFILE);
}

static void an_answer_waits_until_the_system_has_memory_for_it(void **state)
{
    struct fixture *f = *state;
    ask(f, 1, "heavy.example");
    assert_int_equal(answered(f, 1).error, EAI_NONAME);
}

/* Its successor is asked again; nobody would ask the same process twice. */
static void one_that_cannot_answer_ends(void **state)
{
    struct fixture *f = *state;
    ask(f, 1, "unspeakable.example");
    assert_int_equal(wait_for_end(f), EXIT_RUNTIME);
}

static void names_whose_servers_are_dead_keep_nobody_waiting(void **state)
{
    struct fixture *f = *state;
    for (uint64_t i = 1; i < RESOLVE_AT_ONCE; i++)
        ask(f, i, "dead.example");
    ask(f, RESOLVE_AT_ONCE, "all.example");
    assert_int_equal(answered(f, RESOLVE_AT_ONCE).count, 2);
    order(f, IPC_PING, "", 0);
    says(f, IPC_PONG);
}

/* ---- its life ---- */

static void it_tells_of_its_sandbox_and_resolves_in_it(void **state)
{
    struct fixture *f = *state;
    struct sandbox_state sandbox;
    const struct ipc_hello hello = {.sandbox = 1};
    order(f, IPC_HELLO, &hello, sizeof hello);
    says(f, IPC_SANDBOX);
    assert_true(ipc_take(&f->m, &sandbox, sizeof sandbox));
    assert_true(sandbox_plausible(&sandbox));
    ask(f, 1, "all.example");
    assert_int_equal(answered(f, 1).count, 2);
}

static void it_becomes_who_it_is_told_to_be(void **state)
{
    struct fixture *f = *state;
    char path[40], text[4000];
    const struct ipc_hello hello = {.drop_privileges = 1, .uid = 65534, .gid = 65534};
    if (geteuid() != 0)
        skip();
    order(f, IPC_HELLO, &hello, sizeof hello);
    says(f, IPC_SANDBOX);
    ask(f, 1, "dead.example"); /* a thread, which is the same */
    snprintf(path, sizeof path, "/proc/%d/status", f->process);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    assert_non_null(strstr(text, "\nUid:\t65534\t65534\t65534\t65534\n"));
    assert_non_null(strstr(text, "\nCapPrm:\t0000000000000000\n"));
    assert_non_null(strstr(text, "\nNoNewPrivs:\t1\n"));
}

static void one_that_cannot_become_so_ends(void **state)
{
    struct fixture *f = *state;
    const struct ipc_hello hello = {.drop_privileges = 1}; /* root */
    order(f, IPC_HELLO, &hello, sizeof hello);
    assert_int_equal(wait_for_end(f), EXIT_RUNTIME);
}

static void orders_that_are_none_change_nothing(void **state)
{
    struct fixture *f = *state;
    struct ipc_resolve endless;
    memset(&endless, 'x', sizeof endless);
    order(f, IPC_RESOLVE, &endless, sizeof endless);
    order(f, IPC_RESOLVE, &endless, sizeof endless - 1);
    order(f, IPC_COMMIT, "", 0);
    order(f, IPC_PING, "", 0);
    says(f, IPC_PONG);
}

static void called_by_hand_it_is_of_no_use(void **state)
{
    int status;
    (void)state;
    const pid_t pid = fork();
    if (pid == 0) {
        close(PROCESS_IPC);
        _exit(resolver_run());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_USAGE);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_families_come_with_their_scope_and_others_do_not),
        TEST(of_too_many_the_first_come),
        TEST(a_failure_comes_with_its_reason),
        TEST(an_answer_waits_until_the_system_has_memory_for_it),
        TEST(one_that_cannot_answer_ends),
        TEST(names_whose_servers_are_dead_keep_nobody_waiting),
        TEST(it_tells_of_its_sandbox_and_resolves_in_it),
        TEST(it_becomes_who_it_is_told_to_be),
        TEST(one_that_cannot_become_so_ends),
        TEST(orders_that_are_none_change_nothing),
        cmocka_unit_test(called_by_hand_it_is_of_no_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
