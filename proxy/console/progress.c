#include "proxy/console/progress.h"
#include "proxy/base/buf.h"
#include "proxy/console/glyphs.h"
#include "proxy/console/screen.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 400, ROOM_FOR_SECONDS = 12 };

/* For the handler, which may format nothing. */
static char line[LINE_MAX_BYTES], blank[LINE_MAX_BYTES];
static volatile sig_atomic_t seconds;
static struct sigaction before;

static void say(const char *text, size_t size)
{
    (void)!write(STDERR_FILENO, text, size);
}

static void on_second(int number)
{
    char digits[8];
    size_t at = sizeof digits;
    const int error = errno;
    (void)number;
    seconds = seconds + 1;
    for (unsigned n = (unsigned)seconds; n > 0 && at > 0; n /= 10)
        digits[--at] = (char)('0' + n % 10);
    say(line, strlen(line));
    say(digits + at, sizeof digits - at);
    say(" s", 2);
    errno = error;
}

static void set_timer(time_t every)
{
    const struct itimerval timer = {{.tv_sec = every}, {.tv_sec = every}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

/* What fits into one line, behind a return to its beginning. */
static void set_line(const char *what)
{
    struct buf b;
    const bool utf8 = glyphs_begin();
    const size_t columns = screen_size().columns;
    const size_t room = columns > ROOM_FOR_SECONDS ? columns - ROOM_FOR_SECONDS : 1;
    buf_init(&b, LINE_MAX_BYTES / 2);
    buf_puts(&b, "\r");
    const size_t width = glyphs_put(&b, what, strlen(what), room < 100 ? room : 100, utf8);
    buf_puts(&b, "... ");
    snprintf(line, sizeof line, "%.*s", (int)b.size, (const char *)b.data);
    snprintf(blank, sizeof blank, "\r%*s\r", (int)(width + ROOM_FOR_SECONDS - 1), "");
    buf_free(&b);
}

void progress_begin(const char *what)
{
    struct sigaction a = {.sa_handler = on_second, .sa_flags = SA_RESTART};
    if (!isatty(STDERR_FILENO))
        return;
    set_line(what);
    seconds = 0;
    sigemptyset(&a.sa_mask);
    sigaction(SIGALRM, &a, &before);
    set_timer(1);
}

void progress_end(void)
{
    if (line[0] == '\0')
        return;
    set_timer(0);
    sigaction(SIGALRM, &before, NULL);
    if (seconds > 0)
        say(blank, strlen(blank));
    line[0] = '\0';
}
