/* challenge.c - routes with protocol = acme: an authority asks, we answer and close.
 *
 *   tls = off        REQUEST -> QUERY -> LINGER                 http-01 (RFC 8555 8.3)
 *   tls = implicit   HANDSHAKE -> QUERY -> HANDSHAKE -> LINGER  tls-alpn-01 (RFC 8737)
 *
 * What to answer with lies in a directory that only the supervisor sees; see query.h. */
#include "proxy/session/core.h"
#include "proxy/wire/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session_challenge {
    struct session *session;
    struct query query;
    struct buf head; /* the request so far */
    struct http_request request;
};

static uint32_t client_of(const struct session *s)
{
    if (s->from.sa.sa_family == AF_UNIX)
        return 0;
    const struct client_slot at = client_slot_of(&s->from.sa, s->route->slot, s->all->seed);
    return (uint32_t)at.at[0] << 16 | at.at[1];
}

static enum session_state begin(struct session *s,
                                void (*answered)(struct query *q, enum challenge_outcome,
                                                 const struct challenge *))
{
    s->challenge = calloc(1, sizeof *s->challenge);
    if (s->challenge == NULL)
        return session_end(s, END_OUT_OF_MEMORY);
    s->challenge->session = s;
    s->challenge->query.slot = s->route->slot;
    s->challenge->query.client = client_of(s);
    s->challenge->query.answered = answered;
    buf_init(&s->challenge->head, HTTP_HEAD_MAX);
    return SESSION_STAY;
}

static struct session *owner(struct query *q)
{
    return container_of(q, struct session_challenge, query)->session;
}

void session_challenge_free(struct session *s)
{
    if (s->challenge == NULL)
        return;
    buf_free(&s->challenge->head);
    free(s->challenge);
    s->challenge = NULL;
}

/* ---- http-01 ---- */

static enum session_state answer_http(struct session *s, enum http_status status,
                                      const struct challenge *c, enum end end)
{
    struct buf text;
    buf_init(&text, HTTP_HEAD_MAX + CHALLENGE_FILE_MAX);
    http_answer(status, c != NULL ? c->bytes : NULL, c != NULL ? c->size[0] : 0,
                s->challenge->request.head, time(NULL), &text);
    s->bytes_out += text.size;
    counter_add(&session_counters(s)->bytes_out, text.size);
    enum session_state next = text.failed ? session_end(s, END_OUT_OF_MEMORY)
                                          : session_to_client(s, text.data, text.size);
    buf_free(&text);
    return next != SESSION_STAY ? next : session_end(s, end);
}

static enum session_state refuse_http(struct session *s, enum starttls_refusal why)
{
    session_count_refusal(s, (enum refusal)why);
    return answer_http(s, why == REFUSE_DENIED ? HTTP_FORBIDDEN : HTTP_UNAVAILABLE, NULL,
                       session_refusal_end(s, why));
}

static void http_answered(struct query *q, enum challenge_outcome outcome,
                          const struct challenge *challenge)
{
    struct session *s = owner(q);
    session_log_challenge(s, "http-01", q->name, challenge_words(outcome));
    session_step(s, outcome == CHALLENGE_FOUND
                        ? answer_http(s, HTTP_OK, challenge, END_CHALLENGE_ANSWERED)
                        : answer_http(s, HTTP_NOT_FOUND, NULL, END_CHALLENGE_UNKNOWN));
}

/* Behind a balancer's header a request may have come already. */
enum session_state request_entered(struct session *s)
{
    return session_replay(s, request_client_data);
}

enum session_state request_client_data(struct session *s, uint8_t *data, size_t size)
{
    struct session_challenge *c = s->challenge;
    const size_t room = HTTP_HEAD_MAX - c->head.size;
    s->bytes_in += size;
    counter_add(&session_counters(s)->bytes_in, size);
    buf_put(&c->head, data, size < room ? size : room);
    if (c->head.failed)
        return session_end(s, END_OUT_OF_MEMORY);
    const enum http_status status = http_parse(c->head.data, c->head.size, &c->request);
    if (status == HTTP_MORE)
        return SESSION_STAY;
    if (status != HTTP_OK)
        return answer_http(s, status, NULL,
                           status == HTTP_NOT_FOUND ? END_REQUEST_UNFIT : END_REQUEST_UNCLEAR);
    memcpy(c->query.name, c->request.token, sizeof c->request.token);
    return SESSION_QUERY;
}

enum session_state request_client_ended(struct session *s)
{
    return session_end(s, END_LEFT_IN_REQUEST);
}

enum session_state request_timed_out(struct session *s)
{
    return answer_http(s, HTTP_TIMEOUT, NULL, END_REQUEST_LATE);
}

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
    const enum tls_status status = tls_conn_answer(s->tls, id, &io);
    tls_identity_free(id);
    enum session_state next = session_handshake_step(s, status, &io);
    return next != SESSION_STAY ? next : SESSION_HANDSHAKE;
}

static void tls_answered(struct query *q, enum challenge_outcome outcome,
                         const struct challenge *challenge)
{
    struct session *s = owner(q);
    session_step(s, show(s, outcome, challenge));
}

/* The handshake waits for a certificate. */
static enum session_state wanted(struct session *s)
{
    if (!s->admission.admitted)
        return session_refuse_by_alert(s, s->admission.refusal);
    if (s->all->draining)
        return session_refuse_by_alert(s, REFUSE_DRAINING);
    enum session_state next = begin(s, tls_answered);
    if (next == SESSION_STAY &&
        !challenge_name(CHALLENGE_TLS, tls_conn_wanted(s->tls), s->challenge->query.name))
        next = show(s, CHALLENGE_BAD_NAME, NULL);
    return next;
}

/* ---- both ---- */

enum session_state session_challenge_begin(struct session *s)
{
    if (s->route->config->tls == TLS_MODE_IMPLICIT)
        return session_secure(s);
    enum session_state next = begin(s, http_answered);
    if (next != SESSION_STAY)
        return next;
    if (!s->admission.admitted)
        return refuse_http(s, s->admission.refusal);
    return s->all->draining ? refuse_http(s, REFUSE_DRAINING) : SESSION_REQUEST;
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
    session_count_refusal(s, REFUSAL_CHALLENGE);
    return s->tls == NULL ? answer_http(s, HTTP_UNAVAILABLE, NULL, END_CHALLENGE_LATE)
                          : session_end(s, END_CHALLENGE_LATE_TLS);
}
