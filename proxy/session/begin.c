/* begin.c - before TLS and before an upstream: the balancer's header, and what is said in clear. */
#include "proxy/session/core.h"
#include "proxy/wire/proxy_header_parse.h"

#include <string.h>

enum session_state session_begin(struct session *s)
{
    const struct route_config *r = s->route->config;
    if (r->protocol == PROTOCOL_ACME)
        return session_challenge_begin(s);
    if (r->tls == TLS_MODE_IMPLICIT)
        return session_secure(s);
    if (!s->admission.admitted)
        return session_refuse(s, s->admission.refusal);
    return r->tls == TLS_MODE_OPTIONAL ? session_reach_upstream(s) : SESSION_PREAMBLE;
}

/* ---- PROXY_HEADER ---- */

/* It is a balancer's own. What is on its way out must not look well to it, whatever it looks at. */
static bool check_may_go_on(struct session *s)
{
    s->is_check = true;
    counter_add(&session_counters(s)->checks, 1);
    return s->admission.admitted || s->admission.refusal != REFUSE_DRAINING;
}

static bool is_named(const struct sockaddr_storage *in_header, const struct sockaddr *here)
{
    char named[ADDRESS_TEXT_MAX], text[ADDRESS_TEXT_MAX];
    address_text((const struct sockaddr *)in_header, named);
    address_text(here, text);
    return strcmp(named, text) == 0;
}

/* In version 1 haproxy does not say LOCAL: it names this very connection. One that comes from its
 * client's address and port (`usesrc client`) names that one's, which had another end. */
static bool is_own(struct session *s, const struct proxy_header_received *a)
{
    struct sockaddr_storage local = {.ss_family = AF_UNSPEC};
    if (a->own || !a->known || s->from.sa.sa_family == AF_UNIX)
        return a->own;
    address_local(&s->client.uv.handle, &local);
    return is_named(&a->client, &s->from.sa) && is_named(&a->local, (struct sockaddr *)&local);
}

/* So many others are being told already. */
static enum end untold(enum starttls_refusal why)
{
    if (why == REFUSE_DENIED)
        return END_DENIED_UNTOLD;
    return why == REFUSE_TOO_FAST ? END_TOO_FAST_UNTOLD : END_ONE_OF_MANY;
}

/* The header is complete: the session is that client's now, and what follows is held for the state
 * that comes next. */
static enum session_state take(struct session *s, const struct proxy_header_received *a)
{
    struct unread all = session_release(s);
    const bool own = is_own(s, a);
    if (a->known) {
        s->from = session_address(&a->client);
        s->local = session_address(&a->local);
    }
    s->spoke = all.size > a->size;
    if (own && !check_may_go_on(s)) {
        session_wipe(&all);
        return session_end(s, END_CHECK_DRAINING);
    }
    s->admission.balancer = own; /* which looks as often as it likes */
    admission_client(s->all, s->route, &s->from.sa, &s->admission);
    if (!admission_courtesy(s->all, s->route, &s->from.sa, &s->admission)) {
        session_wipe(&all);
        return session_end(s, untold(s->admission.refusal));
    }
    enum session_state next = session_hold(s, all.data + a->size, all.size - a->size);
    session_wipe(&all);
    return next != SESSION_STAY ? next : session_begin(s);
}

enum session_state proxy_header_client_data(struct session *s, uint8_t *data, size_t size)
{
    struct proxy_header_received a;
    enum session_state next = session_hold(s, data, size);
    if (next != SESSION_STAY)
        return next;
    switch (proxy_header_parse(s->unread.data, s->unread.size, &a)) {
    case PROXY_HEADER_MORE:
        return SESSION_STAY;
    case PROXY_HEADER_OK:
        return take(s, &a);
    case PROXY_HEADER_BAD:
        break;
    }
    return session_end(s, END_PROXY_HEADER_BAD);
}

enum session_state proxy_header_timed_out(struct session *s)
{
    return session_end(s, END_PROXY_HEADER_LATE);
}

/* ---- PREAMBLE ---- */

static enum session_state greet(struct session *s)
{
    struct buf text;
    struct dialogue_out out = {.to_client = &text};
    if (s->dialogue->module->greet == NULL)
        return SESSION_STAY;
    buf_init(&text, 4096);
    s->dialogue->module->greet(&s->dialogue->dialogue, &out);
    enum session_state next = session_to_client(s, text.data, text.size);
    buf_free(&text);
    return next;
}

enum session_state preamble_entered(struct session *s)
{
    enum session_state next = session_dialogue_begin(s, DIALOGUE_REQUIRED);
    if (next == SESSION_STAY)
        next = greet(s);
    if (next != SESSION_STAY)
        return next;
    return session_replay(s, preamble_client_data);
}

enum session_state preamble_client_data(struct session *s, uint8_t *data, size_t size)
{
    return session_dialogue_said(s, CLIENT, data, size);
}

enum session_state preamble_drained(struct session *s)
{
    return session_dialogue_resume(s);
}

enum session_state preamble_timed_out(struct session *s)
{
    return session_refuse(s, REFUSE_TIMEOUT);
}
