/* handshake.c - from the first byte of TLS to the moment when it stands. */
#include "proxy/session/core.h"

#include <stdlib.h>

/* ---- UPGRADE ---- */

enum session_state session_secure(struct session *s)
{
    s->tls = tls_conn_new(s->all->engine, s->route->tls);
    if (s->tls == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    s->tls_began = session_now(s);
    counter_add(&session_counters(s)->handshaking, 1);
    return SESSION_HANDSHAKE;
}

/* Once the reply is out; `drained` comes back here. Nothing said in clear outlives the upgrade (RFC
 * 3207, 4.2): another upstream connection. */
enum session_state upgrade_entered(struct session *s)
{
    if (s->client.queued > 0)
        return SESSION_STAY;
    session_upstream_goodbye(s);
    session_upstream_tls_free(s);
    peer_close(&s->upstream, false);
    s->upgraded = true;
    s->served = false;
    s->cursor = (struct upstream_cursor){0};
    s->stage = SESSION_HANDSHAKE;
    return session_secure(s);
}

/* ---- HANDSHAKE ---- */

/* Its client has named a server: from here on it is that one's, limits and upstreams included. */
static void settle_name(struct session *s)
{
    const size_t index = tls_conn_server_name(s->tls);
    if (index == TLS_NO_NAME)
        return;
    s->name = &s->route->names[index];
    if (s->target != s->name->target)
        s->turn = 0; /* there it is another one */
    s->target = s->name->target;
    if (s->admission.admitted)
        admission_name(s->all, s->route, s->name, &s->admission);
}

static enum session_state finished(struct session *s)
{
    if (s->route->config->protocol == PROTOCOL_ACME)
        return session_end(s, END_CHALLENGE_ANSWERED);
    if (s->route->config->protocol == PROTOCOL_MTA_STS)
        return session_request_begin(s);
    settle_name(s);
    if (!s->admission.admitted)
        return session_refuse(s, s->admission.refusal);
    if (s->all->draining)
        return session_refuse(s, REFUSE_DRAINING);
    return session_reach_upstream(s);
}

/* What does the handshake need that is not here: the certificate of a challenge, a signature? */
static enum session_state waits_for(const struct session *s)
{
    if (tls_conn_wanted(s->tls) != NULL)
        return SESSION_QUERY;
    return tls_conn_unsigned(s->tls) != NULL ? SESSION_SIGN : SESSION_STAY;
}

enum session_state session_handshake_step(struct session *s, enum tls_status status,
                                          const struct tls_io *io)
{
    if (status == TLS_FAILED)
        return session_tls_failed(s, io);
    enum session_state next = session_hold(s, io->plain.data, io->plain.size);
    if (next == SESSION_STAY)
        next = session_send(s, io, false);
    if (next != SESSION_STAY)
        return next;
    if (status == TLS_HANDSHAKE)
        return waits_for(s);
    session_count_handshake(s);
    if (io->wire.size == 0 && !protocol_facts(s->route->config->protocol)->server_speaks_first)
        peer_acknowledge(&s->client);
    s->client_ended = status == TLS_EOF;
    s->first_end = s->client_ended ? CLIENT : UPSTREAM;
    return finished(s);
}

static enum session_state feed(struct session *s, const uint8_t *data, size_t size)
{
    struct tls_io io = {0};
    enum tls_status status = tls_conn_receive(s->tls, data, size, &io);
    return session_handshake_step(s, status, &io);
}

/* What came before its turn waits for it. */
enum session_state handshake_entered(struct session *s)
{
    if (s->unread.size > 0)
        turns_wait(&s->all->turns, &s->waiting);
    return SESSION_STAY;
}

void handshake_left(struct session *s)
{
    link_remove(&s->waiting);
}

enum session_state handshake_client_data(struct session *s, uint8_t *data, size_t size)
{
    if (turns_take(&s->all->turns))
        return feed(s, data, size);
    enum session_state next = session_hold(s, data, size);
    if (next == SESSION_STAY)
        turns_wait(&s->all->turns, &s->waiting);
    return next;
}

enum session_state handshake_turn(struct session *s)
{
    link_remove(&s->waiting);
    struct unread unread = session_release(s);
    enum session_state next = feed(s, unread.data, unread.size);
    session_wipe(&unread);
    return next;
}

enum session_state handshake_client_ended(struct session *s)
{
    const struct tls_io nothing = {0};
    tls_conn_transport_eof(s->tls);
    return session_tls_failed(s, &nothing);
}

enum session_state handshake_timed_out(struct session *s)
{
    if (!s->admission.admitted)
        return session_refuse_by_alert(s, s->admission.refusal);
    if (s->spoke)
        session_count_handshake_fault(s, HANDSHAKE_LATE);
    return session_end(s, END_HANDSHAKE_LATE);
}

/* ---- SIGN ---- */

struct session_signing {
    struct session *session;
    struct signing signing;
    enum session_state (*go_on)(struct session *s, const struct tls_signature *signature);
};

static void answered(struct signing *signing, const struct tls_signature *signature)
{
    const struct session_signing *mine = container_of(signing, struct session_signing, signing);
    struct session *s = mine->session;
    session_step(s, mine->go_on(s, signature));
}

enum session_state session_sign(struct session *s, const struct tls_sign_request *request,
                                enum session_state (*go_on)(struct session *s,
                                                            const struct tls_signature *signature))
{
    s->signing = calloc(1, sizeof *s->signing);
    if (s->signing == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    s->signing->session = s;
    s->signing->go_on = go_on;
    s->signing->signing.request = request;
    s->signing->signing.answered = answered;
    signing_begin(&s->all->signings, &s->signing->signing);
    return SESSION_STAY;
}

static enum session_state signed_for_client(struct session *s,
                                            const struct tls_signature *signature)
{
    struct tls_io io = {0};
    const enum tls_status status = tls_conn_sign(s->tls, signature, &io);
    const enum session_state next = session_handshake_step(s, status, &io);
    return next != SESSION_STAY ? next : SESSION_HANDSHAKE;
}

enum session_state sign_entered(struct session *s)
{
    return session_sign(s, tls_conn_unsigned(s->tls), signed_for_client);
}

void sign_left(struct session *s)
{
    if (s->signing != NULL)
        signing_forget(&s->signing->signing);
    free(s->signing);
    s->signing = NULL;
}

enum session_state sign_timed_out(struct session *s)
{
    if (!s->admission.admitted)
        return session_refuse_by_alert(s, s->admission.refusal);
    session_count_handshake_fault(s, HANDSHAKE_SIGNER);
    return session_end(s, END_SIGNER_LATE);
}
