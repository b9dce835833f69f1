#include "proxy/session/core.h"

#include <stdlib.h>
#include <string.h>

union session_address session_address(const struct sockaddr_storage *from)
{
    union session_address address = {.sa = {.sa_family = from->ss_family}};
    if (from->ss_family == AF_INET)
        memcpy(&address.in, from, sizeof address.in);
    else if (from->ss_family == AF_INET6)
        memcpy(&address.in6, from, sizeof address.in6);
    if (from->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&address.in6.sin6_addr))
        return address;
    union session_address inet = {.in = {.sin_family = AF_INET, .sin_port = address.in6.sin6_port}};
    memcpy(&inet.in.sin_addr, &address.in6.sin6_addr.s6_addr[12], sizeof inet.in.sin_addr);
    return inet;
}

/* ---- unread ---- */

enum session_state session_hold(struct session *s, const uint8_t *data, size_t size)
{
    if (size == 0)
        return SESSION_STAY;
    /* Not realloc(): the old ones are wiped. And the byte behind, for who seals it. */
    uint8_t *grown = malloc(s->unread.size + size + 1);
    if (grown == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    if (s->unread.size > 0)
        memcpy(grown, s->unread.data, s->unread.size);
    memcpy(grown + s->unread.size, data, size);
    const size_t total = s->unread.size + size;
    session_wipe(&s->unread);
    s->unread = (struct unread){grown, total};
    return SESSION_STAY;
}

struct unread session_release(struct session *s)
{
    struct unread unread = s->unread;
    s->unread = (struct unread){0};
    return unread;
}

void session_wipe(struct unread *unread)
{
    if (unread->data != NULL)
        explicit_bzero(unread->data, unread->size);
    free(unread->data);
    *unread = (struct unread){0};
}

enum session_state session_replay(struct session *s,
                                  enum session_state (*client_data)(struct session *s,
                                                                    uint8_t *data, size_t size))
{
    enum session_state next = SESSION_STAY;
    struct unread rest = session_release(s);
    if (rest.size > 0)
        next = client_data(s, rest.data, rest.size);
    session_wipe(&rest);
    return next;
}

/* ---- sending ---- */

enum session_state session_send(struct session *s, const struct tls_io *io, bool last)
{
    /* After close_notify and FIN an alert has nowhere to go. */
    int rc = s->client.fin_wanted ? 0 : peer_send(&s->client, io->wire.data, io->wire.size, last);
    if (rc == 0)
        return SESSION_STAY;
    if (rc == UV_ENOMEM)
        return session_end(s, END_OUT_OF_MEMORY);
    return session_end(s,
                       s->client_ended && s->upstream_ended ? END_CLIENT_LEFT : END_CLIENT_BROKE);
}

enum session_state session_to_client(struct session *s, uint8_t *data, size_t size)
{
    enum session_state next = SESSION_STAY;
    if (s->cut != END_NONE)
        return SESSION_STAY; /* nobody is there; but what it said is still to be handed on */
    boundary_read(&s->boundary, starttls_boundary(s->route->config->protocol),
                  (struct slice){data, size});
    while (size > 0 && next == SESSION_STAY) {
        size_t n = size < TLS_CHUNK_MAX ? size : TLS_CHUNK_MAX;
        struct tls_io io = {.wire = {data, n}};
        if (s->tls != NULL && tls_conn_send(s->tls, data, n, &io) == TLS_FAILED)
            return session_tls_failed(s, &io);
        next = session_send(s, &io, false);
        data += n;
        size -= n;
    }
    return next;
}

enum session_state session_close_notify(struct session *s)
{
    struct tls_io io = {0};
    if (s->tls != NULL)
        tls_conn_close(s->tls, &io);
    return session_send(s, &io, true);
}

int session_upstream_wire(struct session *s, const struct tls_io *io, bool more)
{
    if (s->upstream.fin_wanted)
        return 0;
    return peer_send(&s->upstream, io->wire.data, io->wire.size, more);
}

/* Through TLS where there is TLS. 0, or a negative uv error. */
static int send_upstream(struct session *s, uint8_t *data, size_t size)
{
    int rc = 0;
    if (s->upstream_tls == NULL)
        return peer_send(&s->upstream, data, size, false);
    while (size > 0 && rc == 0) {
        const size_t n = size < TLS_CHUNK_MAX ? size : TLS_CHUNK_MAX;
        struct tls_io io = {0};
        if (tls_conn_send(s->upstream_tls, data, n, &io) == TLS_FAILED)
            return UV_ENOMEM; /* nothing else can go wrong there */
        rc = session_upstream_wire(s, &io, false);
        data += n;
        size -= n;
    }
    return rc;
}

enum session_state session_to_upstream(struct session *s, uint8_t *data, size_t size)
{
    if (size == 0 || s->upstream.fin_wanted)
        return SESSION_STAY;
    session_count_bytes_in(s, size);
    int rc = send_upstream(s, data, size);
    if (rc == 0)
        return SESSION_STAY;
    if (rc == UV_ENOMEM)
        return session_end(s, END_OUT_OF_MEMORY);
    return session_end(s, s->upstream_ended ? END_UPSTREAM_LEFT : END_UPSTREAM_BROKE);
}

void session_upstream_goodbye(struct session *s)
{
    struct tls_io io = {0};
    if (s->upstream_tls == NULL || s->upstream.life != PEER_OPEN)
        return;
    tls_conn_close(s->upstream_tls, &io);
    session_upstream_wire(s, &io, true);
}

void session_finish_upstream(struct session *s)
{
    session_upstream_goodbye(s);
    peer_shutdown(&s->upstream);
}

/* ---- why not ---- */

enum end session_refusal_end(const struct session *s, enum starttls_refusal why)
{
    if (why == REFUSE_UPSTREAM_DOWN && s->sourceless)
        return END_NO_SOURCE;
    return why == REFUSE_TOO_MANY && s->admission.own_limit ? END_TOO_MANY_OF_ONE
                                                            : END_NO_UPSTREAM + why;
}

/* Who is as quiet as that behind a reply is not in the middle of a text. */
enum { TEXT_COMES_MS = 1000 };

bool session_takes_goodbye(const struct session *s)
{
    if (boundary_doubtful(&s->boundary))
        return session_now(s) - s->last_active >= TEXT_COMES_MS;
    return boundary_reached(&s->boundary, starttls_boundary(s->route->config->protocol));
}

static enum session_state say_goodbye(struct session *s)
{
    const struct route_config *r = s->route->config;
    struct buf text;
    buf_init(&text, 1024);
    starttls_refuse(r->protocol, REFUSE_DRAINING, r->hostname, &text);
    const enum session_state next = session_to_client(s, text.data, text.size);
    buf_free(&text);
    return next;
}

/* In words, if they can stand there; behind the server's end the client has read its last. */
enum session_state session_leave(struct session *s, enum end end)
{
    if (!session_takes_part(s) || s->upstream_ended || !session_takes_goodbye(s))
        return session_end(s, session_end_amid(s, end));
    const enum session_state next = say_goodbye(s);
    return next != SESSION_STAY ? next : session_end(s, end);
}

enum session_state session_refuse(struct session *s, enum starttls_refusal why)
{
    struct buf text;
    if (s->is_check && why == REFUSE_DRAINING)
        return session_end(s, END_CHECK_DRAINING);
    buf_init(&text, 1024);
    starttls_refuse(s->route->config->protocol, why, s->route->config->hostname, &text);
    session_count_refusal(s, (enum refusal)why);
    enum session_state next = session_to_client(s, text.data, text.size);
    buf_free(&text);
    return next != SESSION_STAY ? next : session_end(s, session_refusal_end(s, why));
}

enum session_state session_refuse_by_alert(struct session *s, enum starttls_refusal why)
{
    session_count_refusal(s, (enum refusal)why);
    static const enum end ends[] = {
        [REFUSE_UPSTREAM_DOWN] = END_TOO_MANY_TLS, [REFUSE_TOO_MANY] = END_TOO_MANY_TLS,
        [REFUSE_DRAINING] = END_DRAINING_TLS,      [REFUSE_TIMEOUT] = END_TOO_MANY_TLS,
        [REFUSE_DENIED] = END_DENIED_TLS,          [REFUSE_TOO_FAST] = END_TOO_FAST_TLS};
    return session_end(s, ends[why]);
}

/* ---- the upstream ---- */

void session_served(struct session *s)
{
    if (s->served)
        return;
    s->served = true;
    s->last_active = session_now(s);
    upstream_report(&s->target->upstreams, &s->cursor, true, session_now(s));
    session_count_upstream(s, true, UPSTREAM_OTHER);
    session_log_open(s);
}

/* ---- its TLS ---- */

enum tls_status session_upstream_open(struct session *s, const uint8_t *data, size_t size,
                                      struct tls_slice *plain)
{
    struct tls_io io = {0};
    const enum tls_status status = tls_conn_receive(s->upstream_tls, data, size, &io);
    session_upstream_wire(s, &io, false); /* one that takes no more is still read to its end */
    *plain = io.plain;
    return status;
}

const char *session_upstream_tls_why(const struct session *s)
{
    const struct tls_failure *f =
        s->upstream_tls != NULL ? tls_conn_failure(s->upstream_tls) : NULL;
    return f != NULL ? f->reason : NULL;
}

enum session_state session_take_early(struct session *s,
                                      enum session_state (*upstream_data)(struct session *s,
                                                                          uint8_t *data,
                                                                          size_t size))
{
    enum session_state next = SESSION_STAY;
    struct unread early = s->early;
    s->early = (struct unread){0};
    if (early.size > 0)
        next = upstream_data(s, early.data, early.size);
    session_wipe(&early);
    return next;
}

void session_upstream_tls_free(struct session *s)
{
    tls_conn_free(s->upstream_tls);
    s->upstream_tls = NULL;
    session_wipe(&s->early);
}
