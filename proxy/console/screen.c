#include "proxy/console/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/* What terminals since the VT100 do, and xterm's second screen. */
#define TAKE       "\033[?1049h\033[?25l"
#define GIVE_BACK  "\033[?25h\033[?1049l"
#define HOME       "\033[H"
#define END_LINE   "\033[K\r\n"
#define END_SCREEN "\033[K\033[J"

struct screen_size screen_size(void)
{
    struct winsize w = {0};
    const char *columns = getenv("COLUMNS");
    struct screen_size size = {.columns = 80};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        return (struct screen_size){w.ws_col, w.ws_row};
    if (columns != NULL && atoi(columns) > 0)
        size.columns = (size_t)atoi(columns);
    return size;
}

bool screen_can_refresh(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDOUT_FILENO) && kind != NULL && *kind != '\0' && strcmp(kind, "dumb") != 0;
}

/* ---- signals ---- */

static volatile sig_atomic_t taken;

static void say(const char *text, size_t size)
{
    const int error = errno;
    if (taken != 0)
        (void)!write(STDOUT_FILENO, text, size);
    errno = error;
}

static void on_end(int number)
{
    say(GIVE_BACK, sizeof GIVE_BACK - 1);
    taken = 0;
    raise(number); /* which has its own effect again (SA_RESETHAND), once this returns */
}

static void on_stop(int number)
{
    (void)number;
    say(GIVE_BACK, sizeof GIVE_BACK - 1);
    raise(SIGSTOP);
    say(TAKE, sizeof TAKE - 1);
}

static void on_resize(int number)
{
    (void)number;
}

static void on_signal(int number, void (*act)(int), int flags)
{
    struct sigaction now, a = {.sa_handler = act, .sa_flags = flags};
    sigemptyset(&a.sa_mask);
    if (sigaction(number, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
        sigaction(number, &a, NULL);
}

/* They interrupt a wait, also one that was just about to begin. */
static void hold(int how)
{
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGTSTP);
    sigaddset(&held, SIGWINCH);
    sigprocmask(how, &held, NULL);
}

void screen_take(void)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        on_signal(ends[i], on_end, (int)SA_RESETHAND);
    on_signal(SIGTSTP, on_stop, 0);
    on_signal(SIGWINCH, on_resize, 0);
    hold(SIG_BLOCK);
    taken = 1;
    say(TAKE, sizeof TAKE - 1);
}

void screen_give_back(void)
{
    say(GIVE_BACK, sizeof GIVE_BACK - 1);
    taken = 0;
    hold(SIG_UNBLOCK);
}

/* ---- what is shown ---- */

static bool write_all(const struct buf *b)
{
    for (size_t at = 0; at < b->size;) {
        const ssize_t n = write(STDOUT_FILENO, b->data + at, b->size - at);
        if (n < 0 && errno != EINTR)
            return false;
        at += n > 0 ? (size_t)n : 0;
    }
    return !b->failed;
}

static size_t count_lines(const struct buf *text)
{
    size_t lines = 0;
    for (size_t i = 0; i < text->size; i++)
        lines += text->data[i] == '\n';
    return lines;
}

/* The last line has no end: that would scroll. */
static void put_lines(struct buf *out, const struct buf *text, size_t lines)
{
    const char *at = (const char *)text->data;
    for (size_t left = text->size; lines > 0 && left > 0; lines--) {
        const char *end = memchr(at, '\n', left);
        const size_t size = end != NULL ? (size_t)(end - at) : left;
        buf_put(out, at, size);
        if (lines > 1)
            buf_puts(out, END_LINE);
        left -= end != NULL ? size + 1 : size;
        at += end != NULL ? size + 1 : size;
    }
}

bool screen_show(const struct buf *text)
{
    struct buf out;
    const size_t lines = count_lines(text), rows = screen_size().rows;
    const bool cut = rows > 1 && lines > rows;
    buf_init(&out, text->size + 16 * lines + 256);
    buf_puts(&out, HOME);
    put_lines(&out, text, cut ? rows - 1 : lines);
    if (cut)
        buf_printf(&out, END_LINE "(%zu more lines)", lines - (rows - 1));
    buf_puts(&out, END_SCREEN);
    const bool good = write_all(&out);
    buf_free(&out);
    return good;
}

void screen_wait(unsigned seconds)
{
    const struct timespec time = {.tv_sec = seconds};
    sigset_t none;
    sigemptyset(&none);
    (void)ppoll(NULL, 0, &time, &none);
}
