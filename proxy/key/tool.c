/* tool.c - what openssl(1) is asked. Secrets go through a pipe and anonymous memory, never through
 * arguments, the environment or the disk. */
#include "proxy/key/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* As much as a file may have that is given to us (KEY_ANSWER_MAX). */
enum { OUTPUT_MAX = 4 << 20 };

enum { PASSPHRASE_FD = 3, ARGUMENTS_MAX = 15, NOT_FOUND = 127 };

/* What the child gets: input, output, complaints, passphrase. */
enum { IN, OUT, SAID, SECRET, FDS };

static void close_all(int fd[FDS])
{
    for (int i = 0; i < FDS; i++)
        if (fd[i] >= 0)
            close(fd[i]);
}

/* A pipe's read end, with all that will ever come. */
static int secret_pipe(const char *secret)
{
    int end[2];
    if (pipe2(end, O_CLOEXEC) != 0)
        return -1;
    int result =
        file_write(end[1], secret, strlen(secret)) == 0 && file_write(end[1], "\n", 1) == 0;
    close(end[1]);
    if (result)
        return end[0];
    close(end[0]);
    return -1;
}

static int open_all(int fd[FDS], const struct file_bytes *input, const char *secret)
{
    fd[SECRET] = secret_pipe(secret);
    for (int i = IN; i <= SAID; i++)
        fd[i] = memfd_create("tlsfront-key", MFD_CLOEXEC);
    for (int i = 0; i < FDS; i++)
        if (fd[i] < 0)
            return -1;
    if (file_write(fd[IN], input->data, input->size) != 0)
        return -1;
    return lseek(fd[IN], 0, SEEK_SET) == 0 ? 0 : -1;
}

static void become_openssl(int fd[FDS], const char *const *arguments)
{
    const char *argv[ARGUMENTS_MAX + 2] = {"openssl"};
    for (size_t i = 0; i < ARGUMENTS_MAX && arguments[i] != NULL; i++)
        argv[i + 1] = arguments[i];
    /* Out of the way first: one of them may be where another has to go. */
    for (int i = 0; i < FDS; i++)
        fd[i] = fcntl(fd[i], F_DUPFD, PASSPHRASE_FD + 1);
    for (int i = 0; i < FDS; i++)
        if (dup2(fd[i], i == SECRET ? PASSPHRASE_FD : i) < 0)
            _exit(NOT_FOUND);
    for (int i = 0; i < FDS; i++)
        close(fd[i]);
    execvp("openssl", (char *const *)argv);
    _exit(NOT_FOUND);
}

static int read_back(int fd, struct file_bytes *out, struct err *e)
{
    char path[32];
    int ignored;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return file_read(path, OUTPUT_MAX, out, &ignored, e);
}

/* The first line of what it complained about. */
static void quote(int fd, struct err *e)
{
    struct file_bytes said;
    struct err ignored;
    char line[300] = "";
    if (read_back(fd, &said, &ignored) == 0) {
        size_t size = 0;
        while (size < said.size && size < sizeof line - 1 && said.data[size] != '\n')
            size++;
        snprintf(line, sizeof line, "%.*s", (int)size, (const char *)said.data);
        file_bytes_free(&said);
    }
    err_set(e, "openssl(1) refused: %s", line[0] != '\0' ? line : "it did not say why");
}

static int judge(int status, int fd[FDS], struct file_bytes *out, struct err *e)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        return err_set(e, "this needs the program openssl, which is not installed");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        quote(fd[SAID], e);
        return -1;
    }
    return read_back(fd[OUT], out, e);
}

int key_tool_openssl(const char *const *arguments, const struct file_bytes *input,
                     const char *passphrase, struct file_bytes *out, struct err *e)
{
    int fd[FDS], status = 0, result = -1;
    *out = (struct file_bytes){0};
    pid_t pid = open_all(fd, input, passphrase) == 0 ? fork() : -1;
    if (pid == 0)
        become_openssl(fd, arguments);
    if (pid < 0) {
        err_set(e, "openssl cannot be started: %s", strerror(errno));
    } else {
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        result = judge(status, fd, out, e);
    }
    close_all(fd);
    return result;
}

/* ---- passphrases ---- */

/* Byte by byte: what stands behind the line may be for others. -1, with errno. */
static ssize_t read_line(int fd, char line[KEYS_PASSPHRASE_SIZE])
{
    ssize_t size = 0;
    for (; size < KEYS_PASSPHRASE_SIZE - 1; size++) {
        const ssize_t n = read(fd, line + size, 1);
        if (n < 0)
            return -1;
        if (n == 0 || line[size] == '\n')
            break;
    }
    return size;
}

/* What a signal that ends this finds: the terminal, and how it was. */
static int silenced;
static struct termios as_it_was;

static void on_end(int number)
{
    tcsetattr(silenced, TCSANOW, &as_it_was);
    raise(number); /* it is taken as always by now */
}

/* Whoever is left at the terminal would not see what he types. */
static void guard_terminal(bool on)
{
    static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    struct sigaction a = {.sa_handler = on ? on_end : SIG_DFL,
                          .sa_flags = (int)SA_RESETHAND | SA_NODEFER};
    sigemptyset(&a.sa_mask);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        sigaction(ends[i], &a, NULL);
    signal(SIGTSTP, on ? SIG_IGN : SIG_DFL);
}

static ssize_t ask_terminal(int fd, const char *prompt, char line[KEYS_PASSPHRASE_SIZE])
{
    struct termios silent;
    if (tcgetattr(fd, &as_it_was) != 0)
        return -1;
    silenced = fd;
    silent = as_it_was;
    silent.c_lflag &= (tcflag_t)~ECHO;
    guard_terminal(true);
    tcsetattr(fd, TCSAFLUSH, &silent); /* drops what was typed before, so the prompt comes after */
    dprintf(fd, "%s: ", prompt);
    const ssize_t size = read_line(fd, line);
    tcsetattr(fd, TCSAFLUSH, &as_it_was);
    guard_terminal(false);
    dprintf(fd, "\n");
    return size;
}

int key_tool_passphrase(const char *file, const char *prompt, char out[KEYS_PASSPHRASE_SIZE],
                        struct err *e)
{
    char line[KEYS_PASSPHRASE_SIZE];
    out[0] = '\0';
    if (file == NULL && !isatty(STDIN_FILENO))
        return 0;
    const char *path = file != NULL ? file : "/dev/tty";
    int fd = open(path, (file != NULL ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NOCTTY);
    const ssize_t size = fd < 0         ? -1
                         : file != NULL ? read_line(fd, line)
                                        : ask_terminal(fd, prompt, line);
    const struct tls_slice bytes = {(const uint8_t *)line, size > 0 ? (size_t)size : 0};
    const int result =
        size < 0 ? err_set(e, "cannot read the passphrase from %s: %s", path, strerror(errno))
                 : keys_passphrase_line(bytes, path, out, e);
    explicit_bzero(line, sizeof line);
    if (fd >= 0)
        close(fd);
    return result;
}
