#include "proxy/base/log.h"
#include "config/confined.h"
#include "proxy/base/journal.h"
#include "proxy/base/json.h"
#include "proxy/base/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* Long enough for every field at its longest, each byte escaped. */
#define LOG_LINE_MAX 16384

static const struct {
    const char *name;
    int syslog;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARN] = {"warn", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

static bool is_regular(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

void log_init(struct log *l, const char *who)
{
    *l = (struct log){.fd = STDERR_FILENO,
                      .level = LOG_LEVEL_INFO,
                      .regular = is_regular(STDERR_FILENO),
                      .stream = streams_in_journal(STDERR_FILENO)};
    snprintf(l->who, sizeof l->who, "%s", who);
}

/* Standard error is nobody's to close: the next file or socket would take its number. */
void log_close_target(int fd)
{
    if (fd >= 0 && fd != STDERR_FILENO)
        close(fd);
}

void log_close(struct log *l)
{
    log_close_target(l->fd);
    l->fd = STDERR_FILENO;
    l->target = LOG_TARGET_STDERR;
    l->torn = false;
    l->regular = is_regular(STDERR_FILENO);
}

void log_redirect(struct log *l, enum config_log_target target, int fd)
{
    if (fd == l->fd)
        return;
    log_close(l);
    l->fd = fd;
    l->target = target == LOG_TARGET_STDERR && fd != STDERR_FILENO ? LOG_TARGET_JOURNAL : target;
    l->regular = is_regular(fd);
}

static int open_stderr(void)
{
    const int journal = streams_in_journal(STDERR_FILENO) ? journal_open() : -1;
    return journal >= 0 ? journal : STDERR_FILENO;
}

void log_join_journal(struct log *l)
{
    if (l->target == LOG_TARGET_STDERR)
        log_redirect(l, LOG_TARGET_STDERR, open_stderr());
}

static int open_syslog(struct err *e)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        err_set(e, "cannot reach syslog at %s: %s", to.sun_path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return err_cure(e, "see that a syslog daemon runs, or name a file: log = PATH");
    }
    return fd;
}

static const char *cure_for(int error)
{
    switch (error) {
    case ENXIO:
        return "start the reader of that pipe first, or name a file";
    case EACCES:
    case EPERM:
    case EROFS:
        return "let the user who starts tlsfront write there, or name another file";
    default:
        return "name a file in a directory that exists";
    }
}

static int open_file(const char *path, struct err *e)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
    if (fd >= 0)
        return fd;
    const int error = errno;
    err_set(e, "cannot open log file %s: %s", path, strerror(error));
    return err_cure(e, "%s", confined_cure(error, path, cure_for(error)));
}

int log_open_target(const struct config *c, struct err *e)
{
    switch (c->log_target) {
    case LOG_TARGET_STDERR:
        return open_stderr();
    case LOG_TARGET_SYSLOG:
        return open_syslog(e);
    case LOG_TARGET_FILE:
        return open_file(c->log_file.path, e);
    case LOG_TARGET_JOURNAL: /* no configuration's */
    case LOG_TARGETS:
        break;
    }
    return -1;
}

bool log_wants(const struct log *l, enum config_log_level level)
{
    return level <= l->level;
}

static void log_time(char *out, size_t size)
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t n = strftime(out, size, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + n, size - n, ".%03ldZ", now.tv_nsec / 1000000);
}

/* Those have their own time, and the severity. */
static bool has_own_head(const struct log *l)
{
    return l->target == LOG_TARGET_SYSLOG || l->target == LOG_TARGET_JOURNAL;
}

static void put_head(struct log_line *line)
{
    const int severity = levels[line->level].syslog;
    if (line->log->target == LOG_TARGET_SYSLOG)
        buf_printf(&line->text, "<%d>tlsfront[%d]: ", LOG_MAIL | severity, getpid());
    if (line->log->target == LOG_TARGET_STDERR && line->log->stream)
        buf_printf(&line->text, "<%d>", severity); /* sd-daemon(3) */
    if (line->log->target != LOG_TARGET_JOURNAL)
        return;
    journal_begin(&line->entry, severity);
    journal_field(&line->entry, "from", line->log->who);
}

static void put_time_and_place(struct log_line *line)
{
    char now[40];
    log_time(now, sizeof now);
    log_text(line, "time", now);
    log_text(line, "level", levels[line->level].name);
    log_text(line, "from", line->log->who);
}

void log_begin(struct log_line *line, struct log *l, enum config_log_level level, const char *event)
{
    *line = (struct log_line){.log = log_wants(l, level) ? l : NULL, .level = level};
    if (line->log == NULL)
        return;

    buf_init(&line->text, LOG_LINE_MAX - 2); /* room for the closing brace and the newline */
    buf_init(&line->entry, (size_t)2 * LOG_LINE_MAX);
    put_head(line);
    line->begin = line->text.size;
    if (l->format == LOG_FORMAT_JSON)
        buf_puts(&line->text, "{");
    if (!has_own_head(l))
        put_time_and_place(line);
    log_text(line, "event", event);
}

/* Plain where it can be read back plainly, else in double quotes. Control bytes and everything that
 * is not ASCII become \xHH: a log line is one line, whatever a client put into its SNI. */
static void put_value(struct buf *b, const char *value)
{
    bool plain = true;
    for (const char *s = value; *s != '\0'; s++)
        if (*s <= ' ' || *s > '~' || strchr("\"\\=", *s) != NULL)
            plain = false;
    if (plain) {
        buf_puts(b, value);
        return;
    }
    buf_put(b, "\"", 1);
    for (const unsigned char *s = (const unsigned char *)value; *s != '\0'; s++) {
        if (*s == '"' || *s == '\\')
            buf_printf(b, "\\%c", *s);
        else if (*s < ' ' || *s > '~')
            buf_printf(b, "\\x%02x", *s);
        else
            buf_put(b, s, 1);
    }
    buf_put(b, "\"", 1);
}

static void put_key(struct log_line *line, const char *key)
{
    if (line->text.size > line->begin)
        buf_put(&line->text, " ", 1);
    buf_printf(&line->text, "%s=", key);
}

static void put_field(struct log_line *line, const char *key, const char *value)
{
    if (line->log->target == LOG_TARGET_JOURNAL)
        journal_field(&line->entry, key, value);
}

void log_text(struct log_line *line, const char *key, const char *value)
{
    if (line->log == NULL || value == NULL || *value == '\0')
        return;
    put_field(line, key, value);
    if (line->log->format == LOG_FORMAT_JSON) {
        json_string(&line->text, key, value);
        return;
    }
    put_key(line, key);
    put_value(&line->text, value);
}

/* `value` is what stands in a line as it is. */
static void put_plain(struct log_line *line, const char *key, const char *value)
{
    put_field(line, key, value);
    if (line->log->format == LOG_FORMAT_JSON)
        buf_printf(&line->text, ",\"%s\":", key); /* behind the event, at least */
    else
        put_key(line, key);
    buf_puts(&line->text, value);
}

void log_number(struct log_line *line, const char *key, uint64_t value)
{
    char text[24];
    if (line->log == NULL)
        return;
    snprintf(text, sizeof text, "%" PRIu64, value);
    put_plain(line, key, text);
}

void log_seconds(struct log_line *line, const char *key, uint64_t milliseconds)
{
    char text[32];
    if (line->log == NULL)
        return;
    snprintf(text, sizeof text, "%" PRIu64 ".%03u", milliseconds / 1000,
             (unsigned)(milliseconds % 1000));
    put_plain(line, key, text);
}

void log_bool(struct log_line *line, const char *key, bool value)
{
    if (line->log != NULL && line->log->format == LOG_FORMAT_JSON)
        put_plain(line, key, value ? "true" : "false");
    else
        log_text(line, key, value ? "yes" : "no");
}

/* Would a write wait? Files never do; a pipe or socket might. A pipe that poll() calls writable
 * takes PIPE_BUF bytes at once; more is only safe where it does not block. */
static bool writable_now(const struct log *l, size_t size)
{
    struct pollfd p = {.fd = l->fd, .events = POLLOUT};
    if (l->regular || has_own_head(l)) /* whose sockets do not block */
        return true;
    if (size > PIPE_BUF && (fcntl(l->fd, F_GETFL) & O_NONBLOCK) == 0)
        return false;
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) != 0;
}

static bool lose(struct log *l, int why)
{
    l->lost++;
    l->lost_ever++;
    l->lost_why = why;
    return false;
}

/* EAGAIN is a reader that does not keep up. */
static bool lose_for_errno(struct log *l)
{
    return lose(l, errno == EAGAIN ? 0 : errno);
}

/* A disk that becomes full takes the beginning of a line, and so does a pipe of a long one; the
 * next one must not become its rest. */
static bool end_torn_line(struct log *l)
{
    if (!writable_now(l, 1))
        return lose(l, 0);
    if (write(l->fd, "\n", 1) != 1)
        return lose_for_errno(l);
    l->torn = false;
    return true;
}

static bool write_line(struct log *l, const struct buf *text)
{
    if (text->failed)
        return lose(l, EMSGSIZE);
    if (l->torn && !end_torn_line(l))
        return false;
    if (!writable_now(l, text->size))
        return lose(l, 0);
    const ssize_t n = write(l->fd, text->data, text->size);
    if (n < 0)
        return lose_for_errno(l);
    if (n == (ssize_t)text->size)
        return true;
    l->torn = true;
    return lose(l, l->regular ? ENOSPC : 0);
}

static void report_loss(struct log *l)
{
    uint64_t lost = l->lost;
    l->lost = 0;
    log_event(l, LOG_LEVEL_WARN, "log-lost", "%" PRIu64 " log lines were lost: %s", lost,
              l->lost_why != 0 ? strerror(l->lost_why) : "whoever reads the log is too slow");
    if (l->lost > 0)
        l->lost += lost;
}

void log_end(struct log_line *line)
{
    struct log *l = line->log;
    if (l == NULL)
        return;
    line->text.limit = LOG_LINE_MAX;
    if (l->format == LOG_FORMAT_JSON)
        buf_puts(&line->text, "}");
    if (!has_own_head(l))
        buf_puts(&line->text, "\n");
    if (l->target == LOG_TARGET_JOURNAL)
        journal_end(&line->entry, &line->text);
    const bool written =
        write_line(l, l->target == LOG_TARGET_JOURNAL ? &line->entry : &line->text);
    buf_free(&line->text);
    buf_free(&line->entry);
    line->log = NULL;
    if (written && l->lost > 0 && log_wants(l, LOG_LEVEL_WARN))
        report_loss(l);
}

void log_event(struct log *l, enum config_log_level level, const char *event, const char *format,
               ...)
{
    if (!log_wants(l, level))
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);

    struct log_line line;
    log_begin(&line, l, level, event);
    log_text(&line, "msg", text);
    log_end(&line);
}
