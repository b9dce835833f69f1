/* test_supervisor.c - from inside the supervisor's sandbox: what it does for its living goes on, as
 * root and as somebody else, and what must fail fails. Each attempt is a child of its own, since
 * there is no way out. */
#include "proxy/sandbox/layers.h"
#include "proxy/sandbox/sandbox.h"
#include "tests/support/unit.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined __SANITIZE_ADDRESS__ || __has_feature(address_sanitizer)

static void with_a_sanitizer_there_is_none(void **state)
{
    struct sandbox_state s = {1, 1, 1, 1};
    (void)state;
    sandbox_enter_supervisor(NULL, 0, &s);
    assert_int_equal(s.seccomp + s.landlock, 0);
    assert_int_equal(s.seccomp_error | s.landlock_error, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(with_a_sanitizer_there_is_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/fsuid.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>

/* Wait statuses of a child that could not make its attempt. */
enum { NO_SANDBOX = 99, TOO_OLD = 98 };
enum { NOBODY = 65534 };

/* Below `directory`: where logs are, where sockets are, and neither. */
static pid_t parent; /* of those that are inside */
static char directory[32], logs[64], sockets[64], elsewhere[64];

static const char *in(const char *place, const char *name)
{
    static char path[96];
    snprintf(path, sizeof path, "%s/%s", place, name);
    return path;
}

static void make_place(char path[64], const char *name)
{
    snprintf(path, 64, "%s/%s", directory, name);
    assert_int_equal(mkdir(path, 0700), 0);
    const int fd = open(in(path, "old"), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(chmod(in(path, "old"), 0666), 0);
    assert_int_equal(chmod(path, 0777), 0);
}

static int begin(void **state)
{
    (void)state;
    parent = getpid();
    make_directory(directory);
    assert_int_equal(chmod(directory, 0755), 0);
    make_place(logs, "logs");
    make_place(sockets, "sockets");
    make_place(elsewhere, "elsewhere");
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_directory(logs);
    remove_directory(sockets);
    remove_directory(elsewhere);
    remove_directory(directory);
    return 0;
}

/* ---- a child in the sandbox ---- */

static int attempt_inside(int (*attempt)(void), unsigned abi)
{
    const struct sandbox_place places[] = {{logs, SANDBOX_LOGS}, {sockets, SANDBOX_SOCKETS}};
    struct sandbox_state state;
    sandbox_enter_supervisor(places, COUNT(places), &state);
    if (state.seccomp == 0)
        return NO_SANDBOX;
    return state.landlock < abi ? TOO_OLD : attempt();
}

static int as(uid_t uid, int (*attempt)(void), unsigned abi)
{
    int status;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(uid != geteuid() && setresuid(uid, uid, uid) != 0 ? 1 : attempt_inside(attempt, abi));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* Whoever runs the tests, and somebody else where that is possible. */
static void ends_since(unsigned abi, int (*attempt)(void), int how)
{
    const uid_t users[] = {geteuid(), geteuid() == 0 ? NOBODY : geteuid()};
    for (size_t i = 0; i < COUNT(users); i++) {
        const int end = as(users[i], attempt, abi);
        if (abi == 0 || end != TOO_OLD)
            assert_int_equal(end, how);
    }
}

static void ends(int (*attempt)(void), int how)
{
    ends_since(0, attempt, how);
}

static int outcome(long result)
{
    return result < 0 ? errno : 0;
}

/* ---- files ---- */

static int read_anywhere(void)
{
    return outcome(open("/etc/passwd", O_RDONLY)) + outcome(open(in(elsewhere, "old"), O_RDONLY));
}

static int append_to(const char *path)
{
    const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    return fd < 0 ? errno : write(fd, "x", 1) != 1;
}

static int write_the_log(void)
{
    return append_to(in(logs, "old"));
}

static int begin_a_log(void)
{
    char name[32];
    snprintf(name, sizeof name, "new-%d", (int)getpid());
    return append_to(in(logs, name));
}

static int write_elsewhere(void)
{
    return append_to(in(elsewhere, "old"));
}

static int make_elsewhere(void)
{
    return append_to(in(elsewhere, "new"));
}

static int make_a_file_among_sockets(void)
{
    return append_to(in(sockets, "new"));
}

static int remove_a_log(void)
{
    return outcome(unlink(in(logs, "old")));
}

static int remove_elsewhere(void)
{
    return outcome(unlink(in(elsewhere, "old")));
}

static int make_a_directory(void)
{
    return outcome(mkdir(in(logs, "directory"), 0700));
}

static int truncate_elsewhere(void)
{
    return outcome(open(in(elsewhere, "old"), O_WRONLY | O_TRUNC));
}

static int change_a_mode(void)
{
    return outcome(chmod(in(logs, "old"), 04777));
}

static int change_an_owner(void)
{
    return outcome(chown(in(logs, "old"), geteuid(), getegid()));
}

static int rename_a_log(void)
{
    char from[96];
    strcpy(from, in(logs, "old"));
    return outcome(rename(from, in(logs, "other")));
}

static int make_a_link(void)
{
    return outcome(symlink("/etc/passwd", in(logs, "link")));
}

/* /dev/null's number: the one of a whiteout, 0, Landlock of Linux 6.1 lets pass. */
static int make_a_device(void)
{
    return outcome(mknod(in(logs, "device"), S_IFCHR | 0600, makedev(1, 3)));
}

static int open_by_handle(void)
{
    return outcome(syscall(SYS_open_by_handle_at, AT_FDCWD, NULL, O_RDONLY));
}

static int open_by_another_call(void)
{
    return outcome(syscall(SYS_openat2, AT_FDCWD, "/etc/passwd", NULL, 0));
}

static int watch_a_directory(void)
{
    const int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return fd < 0 || inotify_add_watch(fd, elsewhere, IN_MODIFY) < 0;
}

static int seal_a_bundle(void)
{
    const int fd = memfd_create("bundle", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    char path[32];
    if (fd < 0 || ftruncate(fd, 4096) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) != 0)
        return 1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY) < 0 ? 2 : 0;
}

static void it_reads_everywhere_and_writes_logs(void **state)
{
    (void)state;
    ends(read_anywhere, 0);
    ends(write_the_log, 0);
    ends(begin_a_log, 0);
    ends(watch_a_directory, 0);
    ends(seal_a_bundle, 0);
}

static void no_other_file_is_written_made_or_removed(void **state)
{
    (void)state;
    ends_since(1, write_elsewhere, EACCES);
    ends_since(1, make_elsewhere, EACCES);
    ends_since(1, make_a_file_among_sockets, EACCES);
    ends_since(1, remove_a_log, EACCES);
    ends_since(1, remove_elsewhere, EACCES);
    ends_since(1, make_a_directory, EACCES);
    ends_since(1, truncate_elsewhere, EACCES);
}

static void no_file_becomes_anything_else(void **state)
{
    (void)state;
    ends(change_a_mode, EPERM);
    ends(change_an_owner, EPERM);
    ends(rename_a_log, EPERM);
    ends(make_a_link, EPERM);
    ends(make_a_device, EPERM);
    ends(open_by_handle, EPERM);
    ends(open_by_another_call, ENOSYS);
}

/* ---- sockets ---- */

static int listen_by(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(a.sun_path, path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 1) != 0)
        return errno;
    return outcome(unlink(path));
}

static int listen_among_sockets(void)
{
    return listen_by(in(sockets, "socket"));
}

static int listen_among_logs(void)
{
    return listen_by(in(logs, "socket"));
}

static int listen_elsewhere(void)
{
    return listen_by(in(elsewhere, "socket"));
}

static int bind_port(uint16_t port)
{
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) != 0)
        return 1;
    return bind(fd, (const struct sockaddr *)&a, sizeof a) != 0 ? errno : outcome(listen(fd, 1));
}

/* Of root's there are free ones, too; who is not root may not have them anyway. */
static int listen_on_a_port(void)
{
    uint16_t port = geteuid() == 0 ? 1023 : 0;
    while (port > 512 && bind_port(port) == EADDRINUSE)
        port--;
    return bind_port(port);
}

static int packet(void)
{
    return outcome(socket(AF_PACKET, SOCK_RAW, 0));
}

static int other_protocol(void)
{
    return outcome(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP));
}

static int filter_a_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    return outcome(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof one));
}

static void it_listens_on_ports_and_where_its_sockets_are(void **state)
{
    (void)state;
    ends(listen_on_a_port, 0);
    ends(listen_among_sockets, 0);
    ends_since(1, listen_among_logs, EACCES);
    ends_since(1, listen_elsewhere, EACCES);
}

static void no_other_socket_is_made(void **state)
{
    (void)state;
    ends(packet, EPERM);
    ends(other_protocol, EPERM);
    ends(filter_a_socket, EPERM);
}

/* ---- processes ---- */

/* How the child ends that `child` is; 255: it was killed by `killed`. */
static int born_inside(int (*child)(void), int killed)
{
    int status;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(child());
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 254;
    if (WIFSIGNALED(status))
        return WTERMSIG(status) == killed ? 255 : 253;
    return WEXITSTATUS(status);
}

static int execute_itself(void)
{
    char *const arguments[] = {"tlsfront", "inside", NULL}, *const none[] = {NULL};
    execve("/proc/self/exe", arguments, none);
    return 1;
}

static int start_itself(void)
{
    return born_inside(execute_itself, 0) == 42 ? 0 : 1;
}

static int execute(void)
{
    char *const arguments[] = {"true", NULL};
    return outcome(execve("/bin/true", arguments, NULL));
}

static int wait_to_be_killed(void)
{
    return poll(NULL, 0, -1);
}

static int kill_its_own(void)
{
    int status;
    const pid_t pid = fork();
    if (pid == 0)
        _exit(wait_to_be_killed());
    if (kill(pid, SIGKILL) != 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    return WIFSIGNALED(status) ? 0 : 2;
}

/* Both sandboxes are one in the other then. */
static int open_as_a_worker(void)
{
    struct sandbox_state state;
    sandbox_enter(SANDBOX_WORKER, &state);
    if (state.seccomp == 0 || state.landlock_error != 0)
        return 1;
    return open("/etc/passwd", O_RDONLY) < 0 && errno == EACCES ? 42 : 2;
}

static int fork_as_a_worker(void)
{
    struct sandbox_state state;
    sandbox_enter(SANDBOX_WORKER, &state);
    return fork() < 0;
}

static int abort_as_a_worker(void)
{
    struct sandbox_state state;
    sandbox_enter(SANDBOX_WORKER, &state);
    abort();
}

static int have_workers(void)
{
    if (born_inside(open_as_a_worker, 0) != 42)
        return 1;
    if (born_inside(fork_as_a_worker, SIGSYS) != 255)
        return 2;
    return born_inside(abort_as_a_worker, SIGABRT) == 255 ? 0 : 3;
}

static int become_nobody(void)
{
    if (geteuid() != 0)
        return 0;
    setfsuid(NOBODY);
    setfsuid(0);
    return setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
           setresuid(NOBODY, NOBODY, NOBODY) != 0;
}

static int look_a_user_up(void)
{
    return getpwnam("root") == NULL;
}

static int trace_the_parent(void)
{
    return outcome(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

static int read_the_parents_memory(void)
{
    struct iovec mine = {directory, 1}, its = {directory, 1};
    return outcome(syscall(SYS_process_vm_readv, parent, &mine, 1, &its, 1, 0));
}

static int signal_the_parent(void)
{
    return outcome(kill(parent, 0));
}

static int have_a_user_namespace(void)
{
    return outcome(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
}

static int leave_a_namespace(void)
{
    return outcome(unshare(CLONE_NEWNS));
}

static void it_has_others_do_the_work(void **state)
{
    (void)state;
    ends(start_itself, 0);
    ends(kill_its_own, 0);
    ends(have_workers, 0);
    ends(become_nobody, 0);
    ends(look_a_user_up, 0);
}

static void no_other_process_is_started_traced_or_signalled(void **state)
{
    (void)state;
    ends_since(1, execute, EACCES);
    ends(trace_the_parent, EPERM);
    ends(read_the_parents_memory, EPERM);
    ends_since(6, signal_the_parent, EPERM);
    ends(have_a_user_namespace, EPERM);
    ends(leave_a_namespace, EPERM);
}

/* ---- memory and the machine ---- */

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

static int mount_something(void)
{
    return outcome(mount("none", elsewhere, "tmpfs", 0, NULL));
}

static int load_a_program_into_the_kernel(void)
{
    return outcome(syscall(SYS_bpf, 0, NULL, 0));
}

static int have_faults_delivered(void)
{
    return outcome(syscall(SYS_userfaultfd, 0));
}

static int use_a_keyring(void)
{
    return outcome(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0));
}

static int change_the_root(void)
{
    return outcome(chroot(elsewhere));
}

static int make_a_ring(void)
{
    return outcome(syscall(SYS_io_uring_setup, 8, NULL));
}

static void no_memory_becomes_code_and_the_machine_stays_as_it_is(void **state)
{
    static int (*const attempts[])(void) = {
        map_code,      turn_data_into_code,   mount_something, load_a_program_into_the_kernel,
        use_a_keyring, have_faults_delivered, change_the_root,
    };
    (void)state;
    for (size_t i = 0; i < COUNT(attempts); i++)
        ends(attempts[i], EPERM);
    ends(make_a_ring, ENOSYS);
}

/* ---- Landlock alone, where the filter is missing ---- */

static int alone(int (*attempt)(void))
{
    const struct sandbox_place place = {logs, SANDBOX_LOGS};
    unsigned abi = 0;
    return landlock_enter_supervisor(&place, 1, &abi) != 0 ? TOO_OLD : attempt();
}

static int make_a_device_without_a_filter(void)
{
    return alone(make_a_device);
}

static int rename_without_a_filter(void)
{
    return alone(rename_a_log);
}

static void ends_alone(int (*attempt)(void), int how)
{
    int status;
    fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0)
        _exit(attempt());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) != how && WEXITSTATUS(status) != TOO_OLD)
        fail_msg("it ended with %d, not %d", WEXITSTATUS(status), how);
}

static void landlock_alone_denies_what_it_can(void **state)
{
    (void)state;
    ends_alone(make_a_device_without_a_filter, EACCES);
    ends_alone(rename_without_a_filter, EACCES);
}

/* Started by itself it is a program that can be told from a test that goes wrong. */
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reads_everywhere_and_writes_logs),
        cmocka_unit_test(no_other_file_is_written_made_or_removed),
        cmocka_unit_test(no_file_becomes_anything_else),
        cmocka_unit_test(it_listens_on_ports_and_where_its_sockets_are),
        cmocka_unit_test(no_other_socket_is_made),
        cmocka_unit_test(it_has_others_do_the_work),
        cmocka_unit_test(no_other_process_is_started_traced_or_signalled),
        cmocka_unit_test(no_memory_becomes_code_and_the_machine_stays_as_it_is),
        cmocka_unit_test(landlock_alone_denies_what_it_can),
    };
    if (argc > 1)
        return strcmp(argv[1], "inside") == 0 ? 42 : 2;
    return cmocka_run_group_tests(tests, begin, end);
}

#endif
