#include "proxy/supervisor/notify.h"
#include "proxy/base/clock.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void notify(const char *text)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (path == NULL || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path)
        return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@') /* the abstract name space */
        to.sun_path[0] = '\0';
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&to, size);
    close(fd);
}

static void notify_with(const char *what, const char *status)
{
    char text[512];
    snprintf(text, sizeof text, "%s%s", what, status);
    notify(text);
}

void notify_ready(const char *status)
{
    notify_with("READY=1\nSTATUS=", status);
}

void notify_reloading(void)
{
    char text[80];
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_us());
    notify(text);
}

void notify_stopping(void)
{
    notify("STOPPING=1\nSTATUS=draining");
}

void notify_status(const char *status)
{
    notify_with("STATUS=", status);
}

uint64_t notify_watchdog(void)
{
    const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
    if (usec == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
        return 0;
    const uint64_t half = strtoull(usec, NULL, 10) / 2000;
    return half > 0 || *usec == '0' ? half : 1;
}

void notify_alive(void)
{
    notify("WATCHDOG=1");
}
