/* test_sandbox.c - from inside a sandbox, what must fail fails and what a process does goes on.
 * Each attempt is a child of its own, since there is no way out. */
#include "proxy/sandbox/layers.h"
#include "proxy/sandbox/sandbox.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer) && !defined __SANITIZE_ADDRESS__
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifndef __SANITIZE_ADDRESS__

/* ---- a child in the sandbox ---- */

enum { NO_SANDBOX = 99 };

/* Who is killed for what it must not do. */
static const enum sandbox_kind kinds[] = {SANDBOX_WORKER, SANDBOX_SIGNER};

static const int one = 1;

/* What was there before; a worker is handed such things. */
static struct {
    char directory[32], file[64], socket[64];
    int log, sockets[2], listener, unix_listener;
    struct sockaddr_in upstream;
    int abstract_listener;
    struct sockaddr_un abstract;
    socklen_t abstract_size;
} given;

/* The kernel chooses its name. */
static void make_an_abstract_socket(void)
{
    const sa_family_t family = AF_UNIX;
    given.abstract_size = sizeof given.abstract;
    given.abstract_listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(given.abstract_listener, (const struct sockaddr *)&family, sizeof family),
                     0);
    assert_int_equal(listen(given.abstract_listener, 8), 0);
    assert_int_equal(getsockname(given.abstract_listener, (struct sockaddr *)&given.abstract,
                                 &given.abstract_size),
                     0);
}

static void make_a_unix_socket_to_reach(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    strcpy(a.sun_path, given.socket);
    given.unix_listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(given.unix_listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(given.unix_listener, 8), 0);
}

static int begin(void **state)
{
    socklen_t size = sizeof given.upstream;
    (void)state;
    make_directory(given.directory);
    snprintf(given.file, sizeof given.file, "%s/log", given.directory);
    snprintf(given.socket, sizeof given.socket, "%s/upstream", given.directory);
    given.log = open(given.file, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, given.sockets), 0);
    given.listener = socket(AF_INET, SOCK_STREAM, 0);
    given.upstream =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(given.listener, (struct sockaddr *)&given.upstream, size), 0);
    assert_int_equal(listen(given.listener, 8), 0);
    make_an_abstract_socket();
    make_a_unix_socket_to_reach();
    return getsockname(given.listener, (struct sockaddr *)&given.upstream, &size);
}

static int end(void **state)
{
    (void)state;
    close(given.log);
    close(given.sockets[0]);
    close(given.sockets[1]);
    close(given.listener);
    close(given.unix_listener);
    close(given.abstract_listener);
    remove_directory(given.directory);
    return 0;
}

/* The wait status of `attempt`, made inside; an attempt returns what errno was, or 0. */
static int inside(enum sandbox_kind kind, int (*attempt)(void))
{
    int status;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        struct sandbox_state state;
        sandbox_enter(kind, &state);
        _exit(state.seccomp == 0 ? NO_SANDBOX : attempt());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void dies_as(enum sandbox_kind kind, int (*attempt)(void))
{
    const int status = inside(kind, attempt);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void ends_as(enum sandbox_kind kind, int (*attempt)(void), int how)
{
    const int status = inside(kind, attempt);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), how);
}

static void dies(int (*attempt)(void))
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        dies_as(kinds[i], attempt);
}

static void ends(int (*attempt)(void), int how)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        ends_as(kinds[i], attempt, how);
}

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

/* ---- files ---- */

static int open_a_file(void)
{
    return outcome(open("/etc/passwd", O_RDONLY));
}

static int make_a_file(void)
{
    return outcome(open("/tmp/tlsfront-unit-made", O_CREAT | O_WRONLY, 0600));
}

static int open_by_another_call(void)
{
    return outcome(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0));
}

static int remove_a_file(void)
{
    return outcome(unlink(given.file));
}

static int truncate_the_log(void)
{
    return outcome(ftruncate(given.log, 0));
}

static int write_into_the_logs_middle(void)
{
    return outcome(pwrite(given.log, "x", 1, 0));
}

static int stop_appending(void)
{
    return outcome(fcntl(given.log, F_SETFL, 0));
}

static void no_file_is_opened_or_made(void **state)
{
    (void)state;
    ends(open_a_file, EACCES);
    ends(make_a_file, EACCES);
    dies(open_by_another_call);
    dies(remove_a_file);
}

static void the_log_is_only_appended_to(void **state)
{
    (void)state;
    dies(truncate_the_log);
    dies(write_into_the_logs_middle);
    dies(stop_appending);
}

/* ---- processes ---- */

static int execute(void)
{
    char *const arguments[] = {"true", NULL};
    return outcome(execve("/bin/true", arguments, NULL));
}

static int fork_a_child(void)
{
    return outcome(fork());
}

static int trace_the_parent(void)
{
    return outcome(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int read_the_parents_memory(void)
{
    struct iovec mine = {&given, 1}, its = {&given, 1};
    return outcome(syscall(SYS_process_vm_readv, getppid(), &mine, 1, &its, 1, 0));
}

static int kill_the_parent(void)
{
    return outcome(kill(getppid(), 0));
}

static int abort_the_parent(void)
{
    const long parent = syscall(SYS_getppid);
    return outcome(syscall(SYS_tgkill, parent, parent, SIGABRT));
}

static int abort_itself(void)
{
    abort();
}

static int raise_its_limits(void)
{
    const struct rlimit more = {64, 64};
    return outcome(setrlimit(RLIMIT_NPROC, &more));
}

static void no_process_is_made_traced_or_signalled(void **state)
{
    (void)state;
    dies(execute);
    dies(fork_a_child);
    dies(trace_the_parent);
    dies(read_the_parents_memory);
    dies(kill_the_parent);
    dies(abort_the_parent);
    dies(raise_its_limits);
}

static void a_defect_still_ends_as_one(void **state)
{
    (void)state;
    const int status = inside(SANDBOX_WORKER, abort_itself);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

/* ---- memory ---- */

static int map_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static int turn_data_into_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : outcome(mprotect(p, 4096, PROT_READ | PROT_EXEC));
}

static int use_memory(void)
{
    enum { MUCH = 8 << 20 };
    char *p = malloc(MUCH), *larger;
    if (p == NULL)
        return 1;
    memset(p, 1, MUCH);
    larger = realloc(p, 2 * MUCH);
    if (larger == NULL || larger[MUCH - 1] != 1)
        return 2;
    free(larger);
    return 0;
}

static void no_memory_becomes_code(void **state)
{
    (void)state;
    dies(map_code);
    dies(turn_data_into_code);
    ends(use_memory, 0);
}

/* ---- sockets ---- */

static int other_families(int family, int type, int protocol)
{
    return outcome(socket(family, type, protocol));
}

static int netlink(void)
{
    return other_families(AF_NETLINK, SOCK_RAW, 0);
}

static int packet(void)
{
    return other_families(AF_PACKET, SOCK_RAW, 0);
}

static int datagram(void)
{
    return other_families(AF_INET, SOCK_DGRAM, 0);
}

static int other_protocol(void)
{
    return other_families(AF_INET, SOCK_STREAM, IPPROTO_SCTP);
}

static int listen_somewhere(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    return fd < 0 ? 1 : outcome(listen(fd, 1));
}

static int filter_a_socket(void)
{
    return outcome(setsockopt(given.sockets[0], SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof one));
}

static void no_other_sockets_are_made(void **state)
{
    (void)state;
    dies(netlink);
    dies(packet);
    dies(datagram);
    dies(other_protocol);
    dies(listen_somewhere);
    dies(filter_a_socket);
}

static int make_a_ring(void)
{
    return outcome(syscall(SYS_io_uring_setup, 8, NULL));
}

static void rings_can_be_refused_before_all_else(void **state)
{
    (void)state;
    int status = 0;
    const pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        sandbox_refuse_rings();
        _exit(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 ? make_a_ring() : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENOSYS);
}

static int name_itself(void)
{
    return outcome(prctl(PR_SET_NAME, "other"));
}

static void what_libraries_try_is_refused(void **state)
{
    (void)state;
    ends(make_a_ring, ENOSYS);
    ends(name_itself, EPERM);
}

/* ---- what a worker does ---- */

static int log_a_line(void)
{
    return write(given.log, "line\n", 5) == 5 ? 0 : 1;
}

static int use_its_sockets(void)
{
    char byte = 0;
    if (send(given.sockets[0], "x", 1, MSG_NOSIGNAL) != 1)
        return 1;
    return read(given.sockets[1], &byte, 1) == 1 && byte == 'x' ? 0 : 2;
}

/* As with `source`: from an address, with a port of the kernel's choice. */
static int reach_an_upstream(void)
{
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr = given.upstream.sin_addr};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one) != 0 ||
        bind(fd, (const struct sockaddr *)&from, sizeof from) != 0)
        return 1;
    if (connect(fd, (const struct sockaddr *)&given.upstream, sizeof given.upstream) != 0 &&
        errno != EINPROGRESS)
        return 2;
    return accept4(given.listener, NULL, NULL, SOCK_CLOEXEC) >= 0 ? 0 : 3;
}

/* By its path, which no version of Landlock that we use covers. */
static int reach_a_unix_upstream(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    strcpy(a.sun_path, given.socket);
    return outcome(connect(fd, (struct sockaddr *)&a, sizeof a));
}

static void what_a_worker_does_goes_on(void **state)
{
    (void)state;
    ends_as(SANDBOX_WORKER, log_a_line, 0);
    ends_as(SANDBOX_WORKER, use_its_sockets, 0);
    ends_as(SANDBOX_WORKER, reach_an_upstream, 0);
    ends_as(SANDBOX_WORKER, reach_a_unix_upstream, 0);
}

/* ---- what a signer does, and does not ---- */

static int make_a_socket(void)
{
    return outcome(socket(AF_INET, SOCK_STREAM, 0));
}

static int make_a_unix_socket(void)
{
    return outcome(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int connect_a_given_socket(void)
{
    return outcome(
        connect(given.sockets[0], (const struct sockaddr *)&given.upstream, sizeof given.upstream));
}

static int accept_a_client(void)
{
    return outcome(accept4(given.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int bind_a_given_socket(void)
{
    return outcome(
        bind(given.sockets[0], (const struct sockaddr *)&given.upstream, sizeof given.upstream));
}

static int make_a_poll(void)
{
    return outcome(epoll_create1(0));
}

static int answer_a_question(void)
{
    struct pollfd ready = {.fd = given.sockets[1], .events = POLLIN};
    char byte = 'x';
    struct iovec part = {&byte, 1};
    struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
    if (sendmsg(given.sockets[0], &m, MSG_NOSIGNAL | MSG_DONTWAIT) != 1)
        return 1;
    if (poll(&ready, 1, -1) != 1 || recvmsg(given.sockets[1], &m, MSG_DONTWAIT) != 1)
        return 2;
    return send(given.sockets[1], "y", 1, MSG_NOSIGNAL) == 1 ? 0 : 3;
}

static void a_signer_has_no_socket_but_those_that_it_is_given(void **state)
{
    (void)state;
    dies_as(SANDBOX_SIGNER, make_a_socket);
    dies_as(SANDBOX_SIGNER, make_a_unix_socket);
    dies_as(SANDBOX_SIGNER, connect_a_given_socket);
    dies_as(SANDBOX_SIGNER, accept_a_client);
    dies_as(SANDBOX_SIGNER, bind_a_given_socket);
    dies_as(SANDBOX_SIGNER, make_a_poll);
}

static void what_a_signer_does_goes_on(void **state)
{
    (void)state;
    ends_as(SANDBOX_SIGNER, log_a_line, 0);
    ends_as(SANDBOX_SIGNER, use_its_sockets, 0);
    ends_as(SANDBOX_SIGNER, answer_a_question, 0);
}

/* ---- what an observer does, and does not ---- */

static int serve_a_client(void)
{
    static const int on = 1;
    char byte;
    if (setsockopt(given.listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return 1;
    if (recv(given.sockets[0], &byte, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN)
        return 2;
    return shutdown(given.sockets[0], SHUT_RDWR) == 0 ? 0 : 3;
}

static void an_observer_has_no_socket_but_those_that_come_in(void **state)
{
    (void)state;
    dies_as(SANDBOX_OBSERVER, make_a_socket);
    dies_as(SANDBOX_OBSERVER, make_a_unix_socket);
    dies_as(SANDBOX_OBSERVER, connect_a_given_socket);
    dies_as(SANDBOX_OBSERVER, bind_a_given_socket);
    ends_as(SANDBOX_OBSERVER, log_a_line, 0);
    ends_as(SANDBOX_OBSERVER, use_its_sockets, 0);
    ends_as(SANDBOX_OBSERVER, answer_a_question, 0);
    ends_as(SANDBOX_OBSERVER, serve_a_client, 0);
}

/* ---- what a resolver does, and does not ---- */

static int read_what_resolvers_read(void)
{
    char byte;
    const int fd = open("/etc/nsswitch.conf", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? errno : outcome(read(fd, &byte, 1));
}

static int read_elsewhere(void)
{
    return outcome(open(given.file, O_RDONLY | O_CLOEXEC));
}

static int write_where_it_may_read(void)
{
    return outcome(open("/etc/passwd", O_WRONLY | O_CLOEXEC));
}

static int load_a_module(void)
{
    const int fd = open("/usr/bin/env", O_RDONLY | O_CLOEXEC);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    return code == MAP_FAILED ? errno : 0;
}

static int map_code_to_write(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? errno : 0;
}

static void *nothing(void *arg)
{
    return arg;
}

static int start_a_thread(void)
{
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, nothing, NULL);
    return error != 0 ? error : pthread_join(thread, NULL);
}

static int ask_by_datagrams(void)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return fd < 0 ? errno
                  : outcome(connect(fd, (const struct sockaddr *)&given.upstream,
                                    sizeof given.upstream));
}

static int resolve_localhost(void)
{
    struct addrinfo *list = NULL;
    const int error = getaddrinfo("localhost", NULL, NULL, &list);
    return error != 0 ? -error : list == NULL;
}

static void a_resolver_resolves(void **state)
{
    (void)state;
    ends_as(SANDBOX_RESOLVER, read_what_resolvers_read, 0);
    ends_as(SANDBOX_RESOLVER, load_a_module, 0);
    ends_as(SANDBOX_RESOLVER, start_a_thread, 0);
    ends_as(SANDBOX_RESOLVER, ask_by_datagrams, 0);
    ends_as(SANDBOX_RESOLVER, reach_a_unix_upstream, 0);
    ends_as(SANDBOX_RESOLVER, resolve_localhost, 0);
    ends_as(SANDBOX_RESOLVER, use_memory, 0);
    ends_as(SANDBOX_RESOLVER, use_its_sockets, 0);
}

/* Not killed: modules may try what they can do without. */
static void what_else_a_resolver_tries_fails(void **state)
{
    static int (*const attempts[])(void) = {
        write_where_it_may_read,
        make_a_file,
        remove_a_file,
        truncate_the_log,
        write_into_the_logs_middle,
        stop_appending,
        execute,
        fork_a_child,
        trace_the_parent,
        read_the_parents_memory,
        kill_the_parent,
        abort_the_parent,
        raise_its_limits,
        map_code,
        map_code_to_write,
        turn_data_into_code,
        packet,
        other_protocol,
        listen_somewhere,
        accept_a_client,
        filter_a_socket,
        name_itself,
    };
    (void)state;
    for (size_t i = 0; i < COUNT(attempts); i++)
        ends_as(SANDBOX_RESOLVER, attempts[i], EPERM);
    ends_as(SANDBOX_RESOLVER, make_a_ring, ENOSYS);
    ends_as(SANDBOX_RESOLVER, open_by_another_call, ENOSYS);
}

/* ---- Landlock alone, where the kernel has it ---- */

/* What `attempt` comes to behind it; -1: the kernel does not know that version. */
static int behind_landlock(enum sandbox_kind kind, unsigned abi, int (*attempt)(void))
{
    enum { TOO_OLD = 255 };
    int status;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        unsigned known = 0;
        _exit(landlock_enter(kind, &known) != 0 || known < abi ? TOO_OLD : attempt());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status) == TOO_OLD ? -1 : WEXITSTATUS(status);
}

static int bind_a_chosen_port(void)
{
    const struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(12345)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    return outcome(bind(fd, (const struct sockaddr *)&a, sizeof a));
}

static int reach_an_abstract_socket(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    return outcome(connect(fd, (struct sockaddr *)&given.abstract, given.abstract_size));
}

static void landlock_alone_denies_what_it_can(void **state)
{
    static const struct {
        unsigned since;
        int (*attempt)(void);
        int how;
    } rows[] = {
        {1, open_a_file, EACCES},     {1, make_a_file, EACCES},
        {1, remove_a_file, EACCES},   {1, execute, EACCES},
        {1, trace_the_parent, EPERM}, {4, bind_a_chosen_port, EACCES},
        {6, kill_the_parent, EPERM},  {6, reach_an_abstract_socket, EPERM},
        {1, log_a_line, 0},           {1, reach_an_upstream, 0},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int how = behind_landlock(SANDBOX_WORKER, rows[i].since, rows[i].attempt);
        assert_true(how == -1 || how == rows[i].how);
    }
}

static void a_resolver_reads_only_what_resolvers_read(void **state)
{
    static const struct {
        int (*attempt)(void);
        int how;
    } rows[] = {
        {read_what_resolvers_read, 0},
        {load_a_module, 0},
        {resolve_localhost, 0},
        {read_elsewhere, EACCES},
        {make_a_file, EACCES},
        {remove_a_file, EACCES},
        {execute, EACCES},
        {write_where_it_may_read, EACCES},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int how = behind_landlock(SANDBOX_RESOLVER, 1, rows[i].attempt);
        assert_true(how == -1 || how == rows[i].how);
    }
}

#define INSIDE                                                                                     \
    cmocka_unit_test(no_file_is_opened_or_made), cmocka_unit_test(the_log_is_only_appended_to),    \
        cmocka_unit_test(no_process_is_made_traced_or_signalled),                                  \
        cmocka_unit_test(a_defect_still_ends_as_one), cmocka_unit_test(no_memory_becomes_code),    \
        cmocka_unit_test(no_other_sockets_are_made),                                               \
        cmocka_unit_test(what_libraries_try_is_refused),                                           \
        cmocka_unit_test(rings_can_be_refused_before_all_else),                                    \
        cmocka_unit_test(landlock_alone_denies_what_it_can),                                       \
        cmocka_unit_test(what_a_worker_does_goes_on),                                              \
        cmocka_unit_test(a_signer_has_no_socket_but_those_that_it_is_given),                       \
        cmocka_unit_test(what_a_signer_does_goes_on), cmocka_unit_test(a_resolver_resolves),       \
        cmocka_unit_test(an_observer_has_no_socket_but_those_that_come_in),                        \
        cmocka_unit_test(what_else_a_resolver_tries_fails),                                        \
        cmocka_unit_test(a_resolver_reads_only_what_resolvers_read)

#else

static int begin(void **state)
{
    (void)state;
    return 0;
}

static int end(void **state)
{
    (void)state;
    return 0;
}

static void with_a_sanitizer_there_is_none(void **state)
{
    struct sandbox_state s = {1, 1, 1, 1};
    (void)state;
    sandbox_enter(SANDBOX_WORKER, &s);
    assert_int_equal(s.seccomp + s.landlock, 0);
    assert_int_equal(s.seccomp_error | s.landlock_error, 0);
}

#define INSIDE cmocka_unit_test(with_a_sanitizer_there_is_none)

#endif

/* ---- words ---- */

static const char *words(struct sandbox_state s)
{
    static char text[64];
    sandbox_words(&s, text, sizeof text);
    return text;
}

static void what_is_in_force_has_words(void **state)
{
    (void)state;
    assert_string_equal(words((struct sandbox_state){.seccomp = 1, .landlock = 6}),
                        "seccomp and landlock 6");
    assert_string_equal(words((struct sandbox_state){.seccomp = 1}), "seccomp");
    assert_string_equal(words((struct sandbox_state){.landlock = 1}), "landlock 1");
    assert_string_equal(words((struct sandbox_state){0}), "off");
}

static const char *lack(struct sandbox_state s)
{
    static char text[512];
    return sandbox_lack(&s, "workers run", text, sizeof text) ? text : NULL;
}

static void what_is_lacking_is_told_with_its_cure(void **state)
{
    (void)state;
    assert_null(lack((struct sandbox_state){.seccomp = 1, .landlock = 6}));
    assert_null(lack((struct sandbox_state){0})); /* not asked for */
    assert_string_equal(lack((struct sandbox_state){.seccomp = 1, .landlock_error = ENOSYS}),
                        "workers run without Landlock (Function not implemented): use a kernel "
                        "from 5.13 on, and a container that allows it");
    assert_non_null(strstr(lack((struct sandbox_state){.landlock_error = EOPNOTSUPP}), "lsm="));
    const char *both = lack((struct sandbox_state){0, 0, EINVAL, ENOSYS});
    assert_non_null(strstr(both, "without Landlock"));
    assert_non_null(strstr(both, "; workers run without a system call filter (Invalid argument)"));
}

static void what_no_worker_says_is_not_believed(void **state)
{
    (void)state;
    assert_true(sandbox_plausible(&(struct sandbox_state){1, SANDBOX_LANDLOCK_ABI, 0, 0}));
    assert_true(sandbox_plausible(&(struct sandbox_state){0, 0, EINVAL, ENOSYS}));
    assert_false(sandbox_plausible(&(struct sandbox_state){2, 0, 0, 0}));
    assert_false(sandbox_plausible(&(struct sandbox_state){1, SANDBOX_LANDLOCK_ABI + 1, 0, 0}));
    assert_false(sandbox_plausible(&(struct sandbox_state){1, 0, EINVAL, 0}));
    assert_false(sandbox_plausible(&(struct sandbox_state){0, 1, 0, ENOSYS}));
    assert_false(sandbox_plausible(&(struct sandbox_state){0, 0, -1, 0}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INSIDE,
        cmocka_unit_test(what_is_in_force_has_words),
        cmocka_unit_test(what_is_lacking_is_told_with_its_cure),
        cmocka_unit_test(what_no_worker_says_is_not_believed),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
