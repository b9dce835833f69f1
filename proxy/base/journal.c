#include "proxy/base/journal.h"

#include <ctype.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

int journal_open(void)
{
    static const struct sockaddr_un to = {.sun_family = AF_UNIX,
                                          .sun_path = "/run/systemd/journal/socket"};
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

void journal_begin(struct buf *entry, int severity)
{
    buf_printf(entry, "PRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=tlsfront\n", severity,
               LOG_FAC(LOG_MAIL));
}

static void put_name(struct buf *entry, const char *key)
{
    buf_puts(entry, "TLSFRONT_");
    for (; *key != '\0'; key++) {
        const char c = isalnum((unsigned char)*key) ? (char)toupper((unsigned char)*key) : '_';
        buf_put(entry, &c, 1);
    }
}

/* A field ends with its line, so none is in it. */
void journal_field(struct buf *entry, const char *key, const char *value)
{
    put_name(entry, key);
    buf_puts(entry, "=");
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++)
        if (*c < ' ' || *c > '~' || *c == '\\')
            buf_printf(entry, "\\x%02x", *c);
        else
            buf_put(entry, c, 1);
    buf_puts(entry, "\n");
}

void journal_end(struct buf *entry, const struct buf *message)
{
    buf_puts(entry, "MESSAGE=");
    buf_put(entry, message->data, message->size);
    buf_puts(entry, "\n");
    entry->failed |= message->failed;
}
