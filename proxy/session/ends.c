#include "proxy/session/ends.h"

const struct end_row session_ends[ENDS] = {
    [END_OUT_OF_MEMORY] = {FAULT_LOCAL, "out of memory", WORD_NONE, CLIENT_CLOSES, UPSTREAM_RESET,
                           false},
    [END_NO_SOCKET] = {FAULT_LOCAL, "the socket could not be watched", WORD_NONE, CLIENT_CLOSES,
                       UPSTREAM_RESET, false},
    [END_STOPPED] = {FAULT_LOCAL, "stopped", WORD_GOODBYE, CLIENT_CLOSES, UPSTREAM_FIN, true},
    [END_STOPPED_AMID] = {FAULT_LOCAL, "stopped", WORD_NONE, CLIENT_RESET, UPSTREAM_RESET, false},
    [END_PROXY_HEADER_BAD] = {FAULT_CLIENT, "no PROXY header from an address of accept-proxy-from",
                              WORD_NONE, CLIENT_CLOSES, UPSTREAM_RESET, false},
    [END_PROXY_HEADER_LATE] = {FAULT_CLIENT, "no PROXY header in time", WORD_NONE, CLIENT_CLOSES,
                               UPSTREAM_RESET, false},
    [END_LEFT_BEFORE_TLS] = {FAULT_NONE, "the client left before TLS", WORD_NONE, CLIENT_CLOSES,
                             UPSTREAM_RESET, true},
    [END_LEFT_IN_REQUEST] = {FAULT_CLIENT, "the client left in the middle of its request",
                             WORD_NONE, CLIENT_CLOSES, UPSTREAM_RESET, true},
    [END_CLIENT_BROKE] = {FAULT_CLIENT, "the client's connection broke", WORD_NONE, CLIENT_CLOSES,
                          UPSTREAM_RESET, true},
    [END_CLIENT_CLOSED] = {FAULT_NONE, "the client closed", WORD_NONE, CLIENT_CLOSES, UPSTREAM_FIN,
                           true},
    [END_CLIENT_CLOSED_IN_CLEAR] = {FAULT_NONE, "the client closed", WORD_NONE, CLIENT_LINGERS,
                                    UPSTREAM_FIN, true},
    [END_CLIENT_LEFT] = {FAULT_NONE, "the client closed", WORD_NONE, CLIENT_CLOSES, UPSTREAM_RESET,
                         true},
    [END_CLIENT_CHATTED] = {FAULT_CLIENT, "the client went on sending behind its close_notify",
                            WORD_NONE, CLIENT_CLOSES, UPSTREAM_RESET, false},
    [END_CLIENT_STAYED] = {FAULT_CLIENT, "the client did not close after the upstream had",
                           WORD_NONE, CLIENT_CLOSES, UPSTREAM_RESET, false},
    /* No close_notify: the client must be able to tell that this is not the end of the data. */
    [END_UPSTREAM_BROKE] = {FAULT_UPSTREAM, "the upstream's connection broke", WORD_NONE,
                            CLIENT_RESET, UPSTREAM_FIN, false},
    [END_UPSTREAM_BROKE_IN_CLEAR] = {FAULT_UPSTREAM, "the upstream's connection broke",
                                     WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_UPSTREAM_CLOSED] = {FAULT_NONE, "the upstream closed", WORD_NONE, CLIENT_CLOSES,
                             UPSTREAM_FIN, false},
    [END_UPSTREAM_CLOSED_IN_CLEAR] = {FAULT_NONE, "the upstream closed", WORD_GOODBYE,
                                      CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_UPSTREAM_LEFT] = {FAULT_NONE, "the upstream closed", WORD_NONE, CLIENT_LINGERS,
                           UPSTREAM_FIN, false},
    [END_UPSTREAM_STAYED] = {FAULT_UPSTREAM, "the upstream did not close after the client had",
                             WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_UPSTREAM_TLS] = {FAULT_UPSTREAM, "TLS to the upstream failed", WORD_NONE, CLIENT_RESET,
                          UPSTREAM_FIN, false},
    [END_IDLE] = {FAULT_NONE, "idle timeout", WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_IDLE_AMID] = {FAULT_NONE, "idle timeout", WORD_NONE, CLIENT_RESET, UPSTREAM_RESET, false},
    [END_DRAINED] = {FAULT_LOCAL, "drain timeout", WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN,
                     false},
    [END_DRAINED_AMID] = {FAULT_LOCAL, "drain timeout", WORD_NONE, CLIENT_RESET, UPSTREAM_RESET,
                          false},
    [END_TLS_FAILED] = {FAULT_CLIENT, "TLS failed", WORD_NONE, CLIENT_LINGERS, UPSTREAM_RESET,
                        true},
    [END_HANDSHAKE_LATE] = {FAULT_CLIENT, "the client did not finish the handshake in time",
                            WORD_LATE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_SIGNER_LATE] = {FAULT_LOCAL, "the signer did not sign in time", WORD_INTERNAL,
                         CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_INJECTED] = {FAULT_CLIENT, "the client sent data behind the upgrade command", WORD_NONE,
                      CLIENT_LINGERS, UPSTREAM_RESET, false},
    [END_DIALOGUE] = {FAULT_NONE, "the dialogue ended", WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN,
                      false},
    [END_DIALOGUE_SENT_AWAY] = {FAULT_NONE, "the upstream sent the client away", WORD_GOODBYE,
                                CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_ERRORS] = {FAULT_CLIENT, "the client sent too many bad commands", WORD_GOODBYE,
                             CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_TOO_LONG] = {FAULT_CLIENT, "the client sent a line that is too long",
                               WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_TOO_LARGE] = {FAULT_CLIENT, "the client sent a request that is too large",
                                WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_UNREADABLE] = {FAULT_CLIENT, "the client sent a command whose end cannot be told",
                                 WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_NOT_LDAP] = {FAULT_CLIENT, "the client sent what is no LDAP", WORD_GOODBYE,
                               CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_WEB] = {FAULT_CLIENT, "the client spoke HTTP, as a browser does that was tricked",
                          WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_HIDDEN] = {FAULT_CLIENT,
                             "the client sent as text what the upstream takes for commands",
                             WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_BROKEN] = {FAULT_UPSTREAM, "the upstream broke the protocol", WORD_GOODBYE,
                             CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DIALOGUE_REFUSED] = {FAULT_UPSTREAM, "the upstream refused its service", WORD_GOODBYE,
                              CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_SPOKE_TLS] = {FAULT_CLIENT, "the client spoke TLS on a STARTTLS port", WORD_NONE,
                       CLIENT_LINGERS, UPSTREAM_RESET, false},
    [END_NO_SOURCE] = {FAULT_LOCAL, "refused: no source to dial the upstream from", WORD_GOODBYE,
                       CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_NO_UPSTREAM] = {FAULT_UPSTREAM, "refused: no upstream available", WORD_GOODBYE,
                         CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_TOO_MANY] = {FAULT_LOCAL, "refused: too many connections", WORD_GOODBYE, CLIENT_LINGERS,
                      UPSTREAM_FIN, false},
    [END_DRAINING] = {FAULT_LOCAL, "refused: shutting down", WORD_GOODBYE, CLIENT_LINGERS,
                      UPSTREAM_FIN, false},
    [END_TLS_LATE] = {FAULT_CLIENT, "the client did not begin TLS in time", WORD_GOODBYE,
                      CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DENIED] = {FAULT_CLIENT, "refused: its address may not come in", WORD_GOODBYE,
                    CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_TOO_FAST] = {FAULT_CLIENT, "refused: it connects too often", WORD_GOODBYE, CLIENT_LINGERS,
                      UPSTREAM_FIN, false},
    [END_TOO_MANY_OF_ONE] = {FAULT_CLIENT, "refused: too many connections of its address",
                             WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_CHALLENGE_ANSWERED] = {FAULT_NONE, "the challenge was answered", WORD_GOODBYE,
                                CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_CHALLENGE_UNKNOWN] = {FAULT_CLIENT, "there is no such challenge", WORD_GOODBYE,
                               CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_CHALLENGE_UNFIT] = {FAULT_LOCAL, "the challenge cannot be answered", WORD_GOODBYE,
                             CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_CHALLENGE_LATE] = {FAULT_LOCAL, "the challenge was not answered in time", WORD_GOODBYE,
                            CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_CHALLENGE_LATE_TLS] = {FAULT_LOCAL, "the challenge was not answered in time",
                                WORD_INTERNAL, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_TOO_MANY_TLS] = {FAULT_LOCAL, "refused: too many connections", WORD_INTERNAL,
                          CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_DRAINING_TLS] = {FAULT_LOCAL, "refused: shutting down", WORD_INTERNAL, CLIENT_LINGERS,
                          UPSTREAM_FIN, false},
    [END_DENIED_TLS] = {FAULT_CLIENT, "refused: its address may not come in", WORD_DENIED,
                        CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_TOO_FAST_TLS] = {FAULT_CLIENT, "refused: it connects too often", WORD_INTERNAL,
                          CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_ONE_OF_MANY] = {FAULT_LOCAL, "refused: too many connections", WORD_NONE, CLIENT_RESET,
                         UPSTREAM_FIN, false},
    /* Not in words, which a check may take for service. */
    [END_CHECK_DRAINING] = {FAULT_LOCAL, "refused: shutting down", WORD_NONE, CLIENT_RESET,
                            UPSTREAM_FIN, false},
    [END_DENIED_UNTOLD] = {FAULT_CLIENT, "refused: its address may not come in", WORD_NONE,
                           CLIENT_RESET, UPSTREAM_FIN, false},
    [END_TOO_FAST_UNTOLD] = {FAULT_CLIENT, "refused: it connects too often", WORD_NONE,
                             CLIENT_RESET, UPSTREAM_FIN, false},
    [END_REQUEST_UNFIT] = {FAULT_CLIENT, "the client asked for something that is not here",
                           WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_REQUEST_UNCLEAR] = {FAULT_CLIENT, "the client sent a request that is not understood",
                             WORD_GOODBYE, CLIENT_LINGERS, UPSTREAM_FIN, false},
    [END_POLICY_SERVED] = {FAULT_NONE, "the policy was served", WORD_GOODBYE, CLIENT_LINGERS,
                           UPSTREAM_FIN, false},
    [END_REQUEST_LATE] = {FAULT_CLIENT, "the client's request did not come in time", WORD_GOODBYE,
                          CLIENT_LINGERS, UPSTREAM_FIN, false},
};

/* After one end the other words say why; what could not even be said changes how it is left. */
static void say_last_word(struct session *s, enum last_word word)
{
    static const enum tls_abort aborts[] = {[WORD_LATE] = TLS_ABORT_HANDSHAKE_TIMEOUT,
                                            [WORD_INTERNAL] = TLS_ABORT_INTERNAL,
                                            [WORD_DENIED] = TLS_ABORT_DENIED};
    struct tls_io io = {0};
    if (word == WORD_NONE)
        return;
    if (s->tls != NULL && word == WORD_GOODBYE)
        tls_conn_close(s->tls, &io);
    else if (s->tls != NULL)
        tls_conn_abort(s->tls, aborts[word], &io);
    if (!s->client.fin_wanted && peer_send(&s->client, io.wire.data, io.wire.size, true) != 0)
        s->end = &session_ends[END_CLIENT_BROKE];
}

/* A port probe, or a balancer's check. */
static bool is_probe(const struct session *s, const struct end_row *row)
{
    return s->is_check || (row->is_probe && !s->spoke);
}

/* A crowd that is refused by limits must not fill the log: beyond some lines in a second only those
 * who look for them see them. The counters count all. */
static bool is_worth_a_line(struct session *s)
{
    return s->admission.admitted || s->admission.refusal == REFUSE_DRAINING ||
           effort_spend(&s->all->lines, session_now(s), EFFORT_LINE);
}

/* The first end is the one that counts: a failure to deliver its words is no other. Who only looks
 * does nothing wrong. */
static enum session_state leave(struct session *s, enum end end, enum fault fault,
                                const char *words)
{
    if (s->end != NULL)
        return SESSION_LINGER;
    s->end = &session_ends[end];
    const bool probe = is_probe(s, s->end);
    if (probe && fault == FAULT_CLIENT)
        fault = FAULT_NONE;
    session_count_end(s, end, fault);
    session_log_end(s, !probe && is_worth_a_line(s) ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, fault,
                    words);
    say_last_word(s, s->end->word);
    return SESSION_LINGER;
}

enum session_state session_end(struct session *s, enum end end)
{
    return leave(s, end, session_ends[end].fault, session_ends[end].words);
}

enum end session_end_amid(const struct session *s, enum end end)
{
    return s->state == SESSION_RELAY && s->client.queued + s->upstream.queued > 0 ? end + 1 : end;
}

enum session_state session_tls_failed(struct session *s, const struct tls_io *io)
{
    const struct tls_failure *f = tls_conn_failure(s->tls);
    if (!s->handshaken && s->spoke)
        session_count_tls_failure(s, f);
    enum session_state next = leave(
        s, END_TLS_FAILED, f->fault == TLS_FAULT_CLIENT ? FAULT_CLIENT : FAULT_LOCAL, f->reason);
    if (!s->client.fin_wanted && peer_send(&s->client, io->wire.data, io->wire.size, true) != 0)
        s->end = &session_ends[END_CLIENT_BROKE];
    return next;
}

enum session_state session_upstream_tls_end(struct session *s)
{
    const struct tls_failure *f = tls_conn_failure(s->upstream_tls);
    return leave(s, END_UPSTREAM_TLS, f->fault == TLS_FAULT_CLIENT ? FAULT_UPSTREAM : FAULT_LOCAL,
                 f->reason);
}
