/* request.c - what is asked for in HTTP, and the answer: in clear a challenge's (RFC 8555 8.3),
 * inside TLS a policy of MTA-STS (RFC 8461 3.3). */
#include "proxy/session/challenge.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint32_t client_of(const struct session *s)
{
    if (s->from.sa.sa_family == AF_UNIX)
        return 0;
    return (uint32_t)client_hash(&s->from.sa, s->route->slot, s->all->seed);
}

enum session_state challenge_begin(struct session *s,
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

void session_challenge_free(struct session *s)
{
    if (s->challenge == NULL)
        return;
    buf_free(&s->challenge->head);
    free(s->challenge);
    s->challenge = NULL;
}

/* ---- requests ---- */

static enum http_site site_of(const struct session *s)
{
    return s->route->config->protocol == PROTOCOL_MTA_STS ? HTTP_POLICY : HTTP_CHALLENGES;
}

static enum session_state answer_with(struct session *s, enum http_status status, struct slice body,
                                      enum end end)
{
    struct buf text;
    buf_init(&text, HTTP_HEAD_MAX + body.size);
    http_answer(site_of(s), status, body, s->challenge->request.head, time(NULL), &text);
    s->bytes_out += text.size;
    counter_add(&session_counters(s)->bytes_out, text.size);
    enum session_state next = text.failed ? session_end(s, END_OUT_OF_MEMORY)
                                          : session_to_client(s, text.data, text.size);
    buf_free(&text);
    return next != SESSION_STAY ? next : session_end(s, end);
}

enum session_state request_answer(struct session *s, enum http_status status, enum end end)
{
    return answer_with(s, status, (struct slice){0}, end);
}

static enum session_state refuse_http(struct session *s, enum starttls_refusal why)
{
    session_count_refusal(s, (enum refusal)why);
    return request_answer(s, why == REFUSE_DENIED ? HTTP_FORBIDDEN : HTTP_UNAVAILABLE,
                          session_refusal_end(s, why));
}

static enum session_state judged(struct session *s, enum http_status status)
{
    struct session_challenge *c = s->challenge;
    const struct slice policy = {s->route->policy, s->route->policy_size};
    if (status == HTTP_NOT_FOUND)
        return request_answer(s, status, END_REQUEST_UNFIT);
    if (status != HTTP_OK)
        return request_answer(s, status, END_REQUEST_UNCLEAR);
    if (site_of(s) == HTTP_POLICY)
        return answer_with(s, HTTP_OK, policy, END_POLICY_SERVED);
    memcpy(c->query.name, c->request.token, sizeof c->request.token);
    return SESSION_QUERY;
}

/* Something was said; inside TLS, it is decrypted. */
static enum session_state hear(struct session *s, const uint8_t *data, size_t size)
{
    struct session_challenge *c = s->challenge;
    const size_t room = HTTP_HEAD_MAX - c->head.size;
    s->bytes_in += size;
    counter_add(&session_counters(s)->bytes_in, size);
    buf_put(&c->head, data, size < room ? size : room);
    if (c->head.failed)
        return session_end(s, END_OUT_OF_MEMORY);
    const enum http_status status = http_parse(site_of(s), c->head.data, c->head.size, &c->request);
    return status == HTTP_MORE ? SESSION_STAY : judged(s, status);
}

static enum session_state hear_again(struct session *s, uint8_t *data, size_t size)
{
    return hear(s, data, size);
}

/* What came before this state is decrypted already: behind a balancer's header, or with the end of
 * the handshake. */
enum session_state request_entered(struct session *s)
{
    s->stage = SESSION_REQUEST; /* also behind the handshake */
    enum session_state next = session_replay(s, hear_again);
    return next == SESSION_STAY && s->client_ended ? request_client_ended(s) : next;
}

static enum session_state decrypt(struct session *s, const uint8_t *data, size_t size)
{
    struct tls_io io = {0};
    const enum tls_status status = tls_conn_receive(s->tls, data, size, &io);
    if (status == TLS_FAILED)
        return session_tls_failed(s, &io);
    enum session_state next = session_send(s, &io, false);
    if (next == SESSION_STAY && io.plain.size > 0)
        next = hear(s, io.plain.data, io.plain.size);
    return next == SESSION_STAY && status == TLS_EOF ? request_client_ended(s) : next;
}

enum session_state request_client_data(struct session *s, uint8_t *data, size_t size)
{
    return s->tls != NULL ? decrypt(s, data, size) : hear(s, data, size);
}

enum session_state request_client_ended(struct session *s)
{
    return session_end(s, END_LEFT_IN_REQUEST);
}

enum session_state request_timed_out(struct session *s)
{
    return request_answer(s, HTTP_TIMEOUT, END_REQUEST_LATE);
}

/* ---- http-01 ---- */

enum session_state request_unanswered(struct session *s)
{
    session_count_refusal(s, REFUSAL_CHALLENGE);
    return request_answer(s, HTTP_UNAVAILABLE, END_CHALLENGE_LATE);
}

static void http_answered(struct query *q, enum challenge_outcome outcome,
                          const struct challenge *challenge)
{
    struct session *s = challenge_owner(q);
    session_log_challenge(s, "http-01", q->name, challenge_words(outcome));
    if (outcome == CHALLENGE_CROWDED) {
        session_step(s, request_unanswered(s));
        return;
    }
    if (outcome != CHALLENGE_FOUND) {
        const enum end end =
            challenge_is_ours(outcome) ? END_CHALLENGE_UNFIT : END_CHALLENGE_UNKNOWN;
        session_step(s, request_answer(s, HTTP_NOT_FOUND, end));
        return;
    }
    const struct slice file = {challenge->bytes, challenge->size[0]};
    session_step(s, answer_with(s, HTTP_OK, file, END_CHALLENGE_ANSWERED));
}

enum session_state session_request_begin(struct session *s)
{
    enum session_state next = challenge_begin(s, http_answered);
    if (next != SESSION_STAY)
        return next;
    if (!s->admission.admitted)
        return refuse_http(s, s->admission.refusal);
    return s->all->draining ? refuse_http(s, REFUSE_DRAINING) : SESSION_REQUEST;
}
