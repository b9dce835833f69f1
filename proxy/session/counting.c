/* counting.c - what a session adds to its route's counters. */
#include "proxy/session/core.h"
#include "proxy/starttls/starttls.h"

#include <assert.h>
#include <string.h>

static_assert((int)REFUSAL_UPSTREAM == REFUSE_UPSTREAM_DOWN &&
                  (int)REFUSAL_LIMIT == REFUSE_TOO_MANY &&
                  (int)REFUSAL_DRAINING == REFUSE_DRAINING &&
                  (int)REFUSAL_TLS_LATE == REFUSE_TIMEOUT && (int)REFUSAL_DENIED == REFUSE_DENIED &&
                  (int)REFUSAL_RATE == REFUSE_TOO_FAST,
              "in the same order");

/* NULL: the client has asked for none, or not yet. */
static struct name_counters *name_counters_of(struct session *s)
{
    return s->name != NULL ? &s->all->counters->name[s->name->slot] : NULL;
}

static struct route_details *details(struct session *s)
{
    return &s->all->counters->details[s->route->slot];
}

/* A worker that died was cleared; what its sessions were in is not theirs to leave. */
static void move(struct session *s, enum session_state state, uint64_t by)
{
    if (state != SESSION_STAY)
        counter_add(&session_counters(s)->stage[s->machine->rows[state].stage], by);
}

void session_count_state(struct session *s, enum session_state next)
{
    move(s, s->state, (uint64_t)0 - 1);
    move(s, next, 1);
}

void session_count_handshake(struct session *s)
{
    struct route_counters *c = session_counters(s);
    struct route_details *d = details(s);
    const uint64_t took = session_now(s) - s->tls_began;
    struct tls_info tls;
    tls_conn_info(s->tls, &tls);
    const bool tls13 = tls.version != NULL && strcmp(tls.version, "TLSv1.3") == 0;
    s->handshaken = true;
    counter_sub(&c->handshaking, 1);
    counter_add(&c->handshakes, 1);
    counter_add(&c->resumed, tls.resumed);
    counter_add(tls13 ? &c->tls13 : &c->tls12, 1);
    counter_add(&d->tls[tls.cipher_number][tls.group_number][tls.resumed], 1);
    counter_add(&d->handshake_ms[handshake_bucket(took)], 1);
    counter_add(&d->handshake_ms_sum, took);
    if (s->upgraded)
        counter_add(&d->starttls[STARTTLS_DONE], 1);
}

static bool is_ours(enum handshake_fault why)
{
    return why == HANDSHAKE_SIGNER || why == HANDSHAKE_INTERNAL;
}

void session_count_handshake_fault(struct session *s, enum handshake_fault why)
{
    if (s->is_check && !is_ours(why)) /* it has seen what it came for */
        return;
    counter_add(&session_counters(s)->handshake_failures, 1);
    counter_add(&details(s)->handshake_faults[why], 1);
}

/* RFC 8446, 6: the numbers that either side may have sent. */
static enum handshake_fault fault_of_alert(int alert)
{
    switch (alert) {
    case 40:
        return HANDSHAKE_PARAMETERS;
    case 70:
    case 86: /* inappropriate fallback (RFC 7507) */
        return HANDSHAKE_VERSION;
    case 42: /* bad, unsupported, revoked, expired, unknown certificate */
    case 43:
    case 44:
    case 45:
    case 46:
    case 48:  /* unknown CA */
    case 49:  /* access denied */
    case 116: /* certificate required */
        return HANDSHAKE_CERTIFICATE;
    case 112:
        return HANDSHAKE_NAME;
    case 120:
        return HANDSHAKE_ALPN;
    default:
        return HANDSHAKE_PROTOCOL;
    }
}

static enum handshake_fault fault_of(const struct tls_failure *f)
{
    if (f->fault == TLS_FAULT_LOCAL) /* about its certificate: our client-crl judges nobody */
        return fault_of_alert(f->alert_sent) == HANDSHAKE_CERTIFICATE ? HANDSHAKE_CERTIFICATE
                                                                      : HANDSHAKE_INTERNAL;
    if (f->truncated)
        return HANDSHAKE_LEFT;
    if (f->alert_received >= 0)
        return fault_of_alert(f->alert_received) == HANDSHAKE_CERTIFICATE ? HANDSHAKE_REJECTED
                                                                          : HANDSHAKE_ALERT;
    return fault_of_alert(f->alert_sent);
}

void session_count_tls_failure(struct session *s, const struct tls_failure *f)
{
    session_count_handshake_fault(s, fault_of(f));
}

/* What we sent when its certificate would not do; or it does not take ours. */
enum upstream_fault session_upstream_tls_fault(const struct tls_failure *f)
{
    const int alert = f->alert_received >= 0 ? f->alert_received : f->alert_sent;
    return alert >= 0 && fault_of_alert(alert) == HANDSHAKE_CERTIFICATE ? UPSTREAM_CERTIFICATE
                                                                        : UPSTREAM_TLS;
}

void session_count_refusal(struct session *s, enum refusal why)
{
    struct name_counters *name = name_counters_of(s);
    if (name != NULL)
        counter_add(&name->refused, 1);
    counter_add(&session_counters(s)->refused, 1);
    counter_add(&details(s)->refused[why], 1);
}

static struct route_details *target_details(struct session *s)
{
    return &s->all->counters->details[s->target->slot];
}

void session_count_upstream(struct session *s, bool well, enum upstream_fault why)
{
    const char *text = s->target->upstreams.items[s->cursor.upstream].endpoint->text;
    struct upstream_counters *u = upstream_counters_of(target_details(s), upstream_key(text));
    struct name_counters *name = name_counters_of(s);
    counter_set(&u->when, session_now(s));
    counter_set(&u->up, well);
    if (well)
        return;
    counter_set(&u->why, why);
    counter_add(&u->failures[why], 1);
    counter_add(&session_counters(s)->upstream_failures, 1);
    if (name != NULL)
        counter_add(&name->upstream_failures, 1);
}

uint64_t session_take_turn(struct session *s)
{
    counter_add(&target_details(s)->turns, 1);
    return route_turns(s->all->parts, s->all->worker_count, s->target->slot);
}

void session_enter_place(struct session *s, uint64_t key)
{
    session_leave_place(s); /* one at which it only knocked */
    s->place_of = target_details(s);
    s->place = place_enter(s->place_of, key) ? key : 0;
}

void session_leave_place(struct session *s)
{
    if (s->place != 0)
        place_leave(s->place_of, s->place);
    s->place = 0;
}

/* Of a route with STARTTLS; what succeeded was counted when it did. */
static void count_starttls(struct session *s, enum end end)
{
    struct route_details *d = details(s);
    const enum tls_mode mode = s->route->config->tls;
    if ((mode != TLS_MODE_REQUIRED && mode != TLS_MODE_OPTIONAL) || s->handshaken || s->is_check)
        return;
    counter_add(&d->starttls[end == END_INJECTED ? STARTTLS_INJECTED
                             : s->upgraded       ? STARTTLS_FAILED
                                                 : STARTTLS_UNUSED],
                1);
}

void session_count_bytes_in(struct session *s, size_t size)
{
    struct name_counters *name = name_counters_of(s);
    s->bytes_in += size;
    counter_add(&session_counters(s)->bytes_in, size);
    if (name != NULL)
        counter_add(&name->bytes_in, size);
}

void session_count_bytes_out(struct session *s, size_t size)
{
    struct name_counters *name = name_counters_of(s);
    s->bytes_out += size;
    counter_add(&session_counters(s)->bytes_out, size);
    if (name != NULL)
        counter_add(&name->bytes_out, size);
}

void session_count_end(struct session *s, enum end end, enum fault fault)
{
    struct route_details *d = details(s);
    counter_add(&d->ends[s->machine->rows[s->stage].stage][fault], 1);
    counter_add(&d->plaintext, s->served && s->tls == NULL && !s->is_check);
    count_starttls(s, end);
}
