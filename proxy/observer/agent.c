#include "proxy/observer/agent.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ASKER_MS = 3000 };

static void leave(struct agent_asker *k)
{
    close(k->fd);
    *k = (struct agent_asker){.fd = -1};
}

void agent_init(struct agent *a)
{
    for (unsigned i = 0; i < AGENT_ASKERS; i++)
        a->askers[i] = (struct agent_asker){.fd = -1};
}

/* A free place, or that of the oldest. */
static struct agent_asker *make_room(struct agent *a)
{
    struct agent_asker *oldest = &a->askers[0];
    for (unsigned i = 0; i < AGENT_ASKERS; i++) {
        struct agent_asker *k = &a->askers[i];
        if (k->fd < 0)
            return k;
        if (k->began < oldest->began)
            oldest = k;
    }
    leave(oldest);
    return oldest;
}

void agent_add(struct agent *a, int fd, uint64_t now)
{
    *make_room(a) = (struct agent_asker){.fd = fd, .began = now};
}

/* So few bytes fit into a new connection's queue; who is gone already misses nothing. */
void agent_tell(struct agent *a, const char *line)
{
    for (unsigned i = 0; i < AGENT_ASKERS; i++) {
        struct agent_asker *k = &a->askers[i];
        if (k->fd < 0 || k->told)
            continue;
        k->told = true;
        if (send(k->fd, line, strlen(line), MSG_NOSIGNAL) < 0 || shutdown(k->fd, SHUT_WR) != 0)
            leave(k);
    }
}

bool agent_busy(const struct agent *a)
{
    for (unsigned i = 0; i < AGENT_ASKERS; i++)
        if (a->askers[i].fd >= 0)
            return true;
    return false;
}

/* One that has closed its half before it was told still wants to know. */
void agent_watch(const struct agent *a, struct pollfd at[AGENT_ASKERS])
{
    for (unsigned i = 0; i < AGENT_ASKERS; i++) {
        const struct agent_asker *k = &a->askers[i];
        at[i] = (struct pollfd){.fd = k->told ? k->fd : -1, .events = POLLIN};
    }
}

/* What it says (`agent-send`) makes no difference. False: it has ended. */
static bool goes_on(const struct agent_asker *k)
{
    char dropped[512];
    const ssize_t n = recv(k->fd, dropped, sizeof dropped, 0);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

void agent_watched(struct agent *a, const struct pollfd at[AGENT_ASKERS], uint64_t now)
{
    for (unsigned i = 0; i < AGENT_ASKERS; i++) {
        struct agent_asker *k = &a->askers[i];
        const bool ended = k->fd >= 0 && k->fd == at[i].fd && at[i].revents != 0 && !goes_on(k);
        if (ended || (k->fd >= 0 && now - k->began >= ASKER_MS))
            leave(k);
    }
}
