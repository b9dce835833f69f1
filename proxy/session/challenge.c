/* challenge.c - routes with protocol = acme: an authority asks, we answer and close.
 *
 *   tls = off        REQUEST -> QUERY -> LINGER                 http-01 (RFC 8555 8.3), in
 * request.c tls = implicit   HANDSHAKE -> QUERY -> HANDSHAKE -> LINGER  tls-alpn-01 (RFC 8737)
 *
 * What to answer with lies in a directory that only the supervisor sees; see query.h. */
#include "proxy/session/challenge.h"

#include <string.h>

/* ---- tls-alpn-01 ---- */

/* NULL: there is none, and the log knows why. */
static struct tls_identity *load(struct session *s, const char *name,
                                 enum challenge_outcome outcome, const struct challenge *c)
{
    struct tls_identity *id = NULL;
    struct err e = {.text = ""};
    if (outcome == CHALLENGE_FOUND)
        id = tls_identity_load_challenge(
            name, (struct tls_slice){c->bytes, c->size[0]}, "the certificate",
            (struct tls_slice){c->bytes + c->size[0], c->size[1]}, "the key", &e);
    session_log_challenge(s, "tls-alpn-01", name,
                          id != NULL || outcome != CHALLENGE_FOUND ? challenge_words(outcome)
                                                                   : e.text);
    return id;
}

static enum session_state show(struct session *s, enum challenge_outcome outcome,
                               const struct challenge *challenge)
{
    struct tls_identity *id = load(s, s->challenge->query.name, outcome, challenge);
    struct tls_io io = {0};
    if (id == NULL && challenge_is_ours(outcome))
        tls_conn_abort(s->tls, TLS_ABORT_CHALLENGE, &io);
    else
        tls_conn_answer(s->tls, id, &io);
    tls_identity_free(id);
    enum session_state next = session_handshake_step(s, tls_conn_status(s->tls), &io);
    return next != SESSION_STAY ? next : SESSION_HANDSHAKE;
}

static enum session_state unanswered(struct session *s)
{
    session_count_refusal(s, REFUSAL_CHALLENGE);
    return session_end(s, END_CHALLENGE_LATE_TLS);
}

static void tls_answered(struct query *q, enum challenge_outcome outcome,
                         const struct challenge *challenge)
{
    struct session *s = challenge_owner(q);
    if (outcome == CHALLENGE_CROWDED)
        session_log_challenge(s, "tls-alpn-01", q->name, challenge_words(outcome));
    session_step(s, outcome == CHALLENGE_CROWDED ? unanswered(s) : show(s, outcome, challenge));
}

/* The handshake waits for a certificate. */
static enum session_state wanted(struct session *s)
{
    if (!s->admission.admitted)
        return session_refuse_by_alert(s, s->admission.refusal);
    if (s->all->draining)
        return session_refuse_by_alert(s, REFUSE_DRAINING);
    enum session_state next = challenge_begin(s, tls_answered);
    if (next == SESSION_STAY &&
        !challenge_name(CHALLENGE_TLS, tls_conn_wanted(s->tls), s->challenge->query.name))
        next = show(s, CHALLENGE_BAD_NAME, NULL);
    return next;
}

/* ---- both ---- */

enum session_state session_challenge_begin(struct session *s)
{
    return s->route->config->tls == TLS_MODE_IMPLICIT ? session_secure(s)
                                                      : session_request_begin(s);
}

enum session_state query_entered(struct session *s)
{
    enum session_state next = s->tls != NULL ? wanted(s) : SESSION_STAY;
    if (next != SESSION_STAY)
        return next;
    query_send(&s->all->queries, &s->challenge->query);
    return SESSION_STAY;
}

void query_left(struct session *s)
{
    if (s->challenge != NULL)
        query_forget(&s->all->queries, &s->challenge->query);
}

enum session_state query_timed_out(struct session *s)
{
    return s->tls == NULL ? request_unanswered(s) : unanswered(s);
}
