/* agent.h - haproxy's agent-check: who connects gets one line, and need not ask for it.
 *
 * haproxy's configuration manual, "agent-check": ASCII up to a line's end, words that say how the
 * server is (up, down) and whether it is to get newcomers (ready, drain). There are 16 who ask at a
 * time, three seconds for each, and when there are more the oldest goes. */
#ifndef TLSFRONT_OBSERVER_AGENT_H
#define TLSFRONT_OBSERVER_AGENT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum { AGENT_ASKERS = 16 };

struct agent_asker {
    int fd; /* -1: free */
    uint64_t began;
    bool told; /* it has its line, and its end is waited for, so that no reset eats the line */
};

struct agent {
    struct agent_asker askers[AGENT_ASKERS];
};

void agent_init(struct agent *a);

/* Take over somebody who asks, a socket that does not block. `now`: milliseconds. */
void agent_add(struct agent *a, int fd, uint64_t now);

/* Tell those who wait this line, which has its end. */
void agent_tell(struct agent *a, const char *line);

bool agent_busy(const struct agent *a);

/* What to wait for, one place for each asker; then what has come of it. */
void agent_watch(const struct agent *a, struct pollfd at[AGENT_ASKERS]);
void agent_watched(struct agent *a, const struct pollfd at[AGENT_ASKERS], uint64_t now);

#endif
