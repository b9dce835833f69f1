#include "proxy/base/socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void descriptor_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

void socket_send_at_once(int fd)
{
    static const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* Seconds, as the kernel takes them. */
static int probe_seconds(unsigned ms)
{
    enum { LONGEST = 32767 };
    const unsigned seconds = (ms + 999) / 1000;
    return seconds < LONGEST ? (int)seconds : LONGEST;
}

/* Two probes within the time, the first after half of it; how many is not asked of a connection
 * that has a user timeout. */
void socket_user_timeout(int fd, unsigned ms)
{
    const int probing = ms > 0, timeout = (int)ms;
    const int idle = probe_seconds(ms / 2), interval = probe_seconds(ms / 4);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &probing, sizeof probing);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
    if (!probing)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
}

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    strncpy(at.sun_path, path, sizeof at.sun_path - 1);
    return at;
}

int socket_reach_file(const char *path)
{
    const struct sockaddr_un at = address_of(path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Connecting to a file that is no socket is refused, too. */
static bool is_socket(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

static bool is_stale(const char *path)
{
    const int fd = socket_reach_file(path);
    if (fd >= 0)
        close(fd);
    return fd < 0 && errno == ECONNREFUSED;
}

static int bind_at(int fd, const char *path)
{
    const struct sockaddr_un at = address_of(path);
    if (bind(fd, (const struct sockaddr *)&at, sizeof at) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    if (!is_socket(path)) {
        errno = EEXIST;
        return -1;
    }
    if (is_stale(path) && unlink(path) == 0)
        return bind(fd, (const struct sockaddr *)&at, sizeof at);
    errno = EADDRINUSE;
    return -1;
}

int socket_bind_file(int fd, const char *path, struct socket_file *made)
{
    struct stat st;
    if (bind_at(fd, path) != 0 || lstat(path, &st) != 0)
        return -1;
    *made = (struct socket_file){st.st_dev, st.st_ino};
    return 0;
}

void socket_remove_file(const char *path, const struct socket_file *made)
{
    struct stat st;
    if (lstat(path, &st) == 0 && st.st_dev == made->device && st.st_ino == made->inode)
        unlink(path);
}

pid_t socket_listener(const char *path)
{
    struct ucred who = {0};
    socklen_t size = sizeof who;
    const int fd = socket_reach_file(path);
    if (fd < 0)
        return 0;
    const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0;
    close(fd);
    return known ? who.pid : 0;
}
