/* challenge.c - routes with protocol = acme: an authority asks, we answer and close.
 *
 *   tls = off        REQUEST -> ASK -> LINGER               http-01 (RFC 8555 8.3)
 *   tls = implicit   HANDSHAKE -> ASK -> HANDSHAKE -> LINGER  tls-alpn-01 (RFC 8737)
 *
 * What to answer with lies in a folder that only the supervisor sees; see ask.h. */
#include "proxy/session/core.h"
#include "proxy/session/query.h"
#include "proxy/wire/http.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

struct session_acme {
    struct session *session;
    struct query query;
    struct buf head; /* the request so far */
    struct http_request request;
};

static bool acme_new(struct session *s, void (*answered)(struct query *q, enum challenge_outcome,
                                                         const struct challenge *))
{
    s->acme = calloc(1, sizeof *s->acme);
    if (s->acme == NULL) {
        session_out_of_memory(s);
        return false;
    }
    s->acme->session = s;
    s->acme->query.slot = s->route->slot;
    s->acme->query.answered = answered;
    buf_init(&s->acme->head, HTTP_HEAD_MAX);
    return true;
}

static struct session *owner(struct query *q)
{
    return container_of(q, struct session_acme, query)->session;
}

void session_acme_forget(struct session *s)
{
    if (s->acme != NULL)
        query_forget(&s->all->queries, &s->acme->query);
}

void session_acme_free(struct session *s)
{
    if (s->acme == NULL)
        return;
    buf_free(&s->acme->head);
    free(s->acme);
    s->acme = NULL;
}

static void ask(struct session *s)
{
    session_enter(s, SESSION_ASK);
    query_send(&s->all->queries, &s->acme->query);
}

/* ---- http-01 ---- */

static void answer_http(struct session *s, enum http_status status, const struct challenge *c,
                        enum fault fault, const char *how)
{
    struct buf text;
    buf_init(&text, HTTP_HEAD_MAX + CHALLENGE_FILE_MAX);
    http_answer(status, c != NULL ? c->bytes : NULL, c != NULL ? c->size[0] : 0,
                s->acme->request.head, time(NULL), &text);
    s->bytes_out += text.size;
    counter_add(&session_counters(s)->bytes_out, text.size);
    if (text.failed)
        session_out_of_memory(s);
    else if (session_to_client(s, text.data, text.size))
        session_end(s, fault, how);
    buf_free(&text);
}

static void http_answered(struct query *q, enum challenge_outcome outcome,
                          const struct challenge *challenge)
{
    struct session *s = owner(q);
    session_log_challenge(s, "http-01", q->name, challenge_words(outcome));
    if (outcome == CHALLENGE_FOUND)
        answer_http(s, HTTP_OK, challenge, FAULT_NONE, "the challenge was answered");
    else
        answer_http(s, HTTP_NOT_FOUND, NULL, FAULT_CLIENT, "there is no such challenge");
}

static const char *words_of(enum http_status status)
{
    return status == HTTP_NOT_FOUND ? "the client asked for something that is no challenge"
                                    : "the client sent a request that is not understood";
}

void session_acme_request(struct session *s, const uint8_t *data, size_t size)
{
    struct session_acme *acme = s->acme;
    const size_t room = HTTP_HEAD_MAX - acme->head.size;
    s->bytes_in += size;
    counter_add(&session_counters(s)->bytes_in, size);
    buf_put(&acme->head, data, size < room ? size : room);
    if (acme->head.failed) {
        session_out_of_memory(s);
        return;
    }
    const enum http_status status = http_parse(acme->head.data, acme->head.size, &acme->request);
    if (status == HTTP_OK) {
        memcpy(acme->query.name, acme->request.token, sizeof acme->request.token);
        ask(s);
    } else if (status != HTTP_MORE) {
        answer_http(s, status, NULL, FAULT_CLIENT, words_of(status));
    }
}

static void refuse_http(struct session *s, enum fault fault, const char *how)
{
    counter_add(&session_counters(s)->refused, 1);
    answer_http(s, HTTP_UNAVAILABLE, NULL, fault, how);
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

static void tls_answered(struct query *q, enum challenge_outcome outcome,
                         const struct challenge *challenge)
{
    struct session *s = owner(q);
    struct tls_identity *id = load(s, q->name, outcome, challenge);
    struct tls_io io = {0};
    session_enter(s, SESSION_HANDSHAKE);
    const enum tls_status status = tls_conn_answer(s->tls, id, &io);
    tls_identity_free(id);
    session_handshake_step(s, status, &io);
}

static void refuse_tls(struct session *s, enum fault fault, const char *how)
{
    struct tls_io io = {0};
    counter_add(&session_counters(s)->refused, 1);
    session_log_end(s, fault, how);
    tls_conn_abort(s->tls, TLS_ABORT_INTERNAL, &io);
    if (session_send(s, &io, true))
        session_linger(s, false);
}

bool session_acme_wanted(struct session *s)
{
    const char *name = s->tls != NULL ? tls_conn_wanted(s->tls) : NULL;
    if (name == NULL)
        return false;
    if (!s->admission.admitted) {
        refuse_tls(s, FAULT_LOCAL, "refused: too many connections");
    } else if (s->all->draining) {
        refuse_tls(s, FAULT_LOCAL, "refused: shutting down");
    } else if (acme_new(s, tls_answered)) {
        if (!challenge_name(CHALLENGE_TLS, name, s->acme->query.name))
            tls_answered(&s->acme->query, CHALLENGE_BAD_NAME, NULL);
        else
            ask(s);
    }
    return true;
}

/* ---- both ---- */

void session_acme_begin(struct session *s)
{
    if (s->route->config->tls == TLS_MODE_IMPLICIT) {
        session_secure(s);
    } else if (acme_new(s, http_answered)) {
        if (!s->admission.admitted)
            refuse_http(s, FAULT_LOCAL, "refused: too many connections");
        else if (s->all->draining)
            refuse_http(s, FAULT_LOCAL, "refused: shutting down");
        else
            session_enter(s, SESSION_REQUEST);
    }
}

void session_acme_timeout(struct session *s)
{
    if (s->state == SESSION_REQUEST)
        answer_http(s, HTTP_TIMEOUT, NULL, FAULT_CLIENT,
                    "the client's request did not come in time");
    else if (s->tls != NULL)
        refuse_tls(s, FAULT_LOCAL, "the challenge was not answered in time");
    else
        refuse_http(s, FAULT_LOCAL, "the challenge was not answered in time");
}
