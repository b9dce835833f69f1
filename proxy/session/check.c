/* check.c - a balancer's own connection, by its PROXY header: it looks whether we are there.
 *
 * Most look at TCP or TLS and leave again, every other second, and no upstream has to hear of it.
 * One that speaks, or goes on waiting where the server may have to speak first, gets an upstream
 * as everybody does. */
#include "proxy/session/core.h"

/* How long one is taken for one that leaves: long enough for its machine, and short beside the
 * second or two that balancers give a server to greet. */
#define CHECK_MS 500

enum session_state session_reach_upstream(struct session *s)
{
    return s->is_check ? SESSION_CHECK : SESSION_DIAL;
}

/* May what it waits for be the upstream's greeting? Of tcp nobody knows. */
static bool may_await_greeting(const struct session *s)
{
    const enum protocol protocol = s->route->config->protocol;
    return protocol == PROTOCOL_TCP || protocol_facts(protocol)->server_speaks_first;
}

uint64_t check_remains(const struct session *s)
{
    const uint64_t wait = may_await_greeting(s) ? CHECK_MS : s->route->config->idle_timeout;
    return session_remains(wait, s->last_active, session_now(s));
}

/* What is known of it by now. */
static enum session_state judge(struct session *s)
{
    if (s->unread.size > 0)
        return SESSION_DIAL;
    return s->client_ended ? session_end(s, END_CLIENT_CLOSED) : SESSION_STAY;
}

enum session_state check_entered(struct session *s)
{
    s->last_active = session_now(s);
    session_arm(s);
    return judge(s);
}

enum session_state check_client_data(struct session *s, uint8_t *data, size_t size)
{
    const enum session_state next = dial_client_data(s, data, size);
    return next != SESSION_STAY ? next : judge(s);
}

enum session_state check_client_ended(struct session *s)
{
    const enum session_state next = dial_client_ended(s);
    return next != SESSION_STAY ? next : judge(s);
}

enum session_state check_timed_out(struct session *s)
{
    return may_await_greeting(s) ? SESSION_DIAL : session_end(s, END_IDLE);
}
