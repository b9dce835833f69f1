/* conn_fail.c - how a connection comes to a bad end: one alert, one reason, for good */
#include "tls/conn.h"

#include "tls/memory.h"

#include <stdio.h>
#include <string.h>

const struct alert_cause conn_out_of_memory = {ALERT_INTERNAL_ERROR, TLS_FAULT_LOCAL,
                                               "out of memory"};

/* The sentences are about clients; said of a server they are true as well. */
static const char *words_for(struct tls_conn *c, const char *words)
{
    static const struct {
        const char *ours, *theirs;
    } nouns[] = {{"clients", "servers"}, {"client", "upstream"}};
    struct conn_upstream *u = c->upstream;
    size_t used = 0;
    if (u == NULL)
        return words;
    const bool misnamed = strcmp(words, VERDICT_OTHER_NAME) == 0;
    while (*words != '\0' && used < sizeof u->words - 1) {
        size_t n = 0;
        while (n < 2 && strncmp(words, nouns[n].ours, strlen(nouns[n].ours)) != 0)
            n++;
        if (n == 2) {
            u->words[used++] = *words++;
            continue;
        }
        used += (size_t)snprintf(u->words + used, sizeof u->words - used, "%s", nouns[n].theirs);
        words += strlen(nouns[n].ours);
    }
    used = used < sizeof u->words ? used : sizeof u->words - 1;
    u->words[used] = '\0';
    if (misnamed)
        snprintf(u->words + used, sizeof u->words - used, " than %s",
                 u->name != NULL ? u->name : "none");
    return u->words;
}

/* A session that its server does not take as it should is not offered again. */
static void forget_sessions(struct tls_conn *c)
{
    if (c->upstream != NULL && c->upstream->offered && c->status == TLS_HANDSHAKE)
        resumption_forget(c->engine->resumption, c->upstream->place);
}

static void set_failed(struct tls_conn *c, enum tls_fault fault, const char *reason)
{
    forget_sessions(c);
    c->status = TLS_FAILED;
    c->failure.fault = fault;
    c->failure.reason = words_for(c, reason);
    c->failure.alert_sent = CONN_ALERT_NONE;
    c->failure.alert_received = CONN_ALERT_NONE;
}

static int sent_by_mbedtls(const struct tls_conn *c)
{
    return c->hs == NULL ? CONN_ALERT_NONE : c->hs->alert_put;
}

/* In the clear, without mbedTLS. */
static int send_first_alert(struct tls_conn *c, int alert)
{
    const uint8_t record[] = {RECORD_ALERT, 3, 3, 0, 2, 2, (uint8_t)alert};
    return conn_put_wire(c, record, sizeof record) ? alert : CONN_ALERT_NONE;
}

static int send_alert(struct tls_conn *c, int alert)
{
    if (c->hs != NULL && c->hs->ssl == NULL)
        return send_first_alert(c, alert);
    if (c->hs == NULL)
        return !c->close_sent && conn_seal_alert(c, true, (uint8_t)alert) ? alert : CONN_ALERT_NONE;
    c->hs->alert_put = CONN_ALERT_NONE;
    if (!conn_wake(c))
        return CONN_ALERT_NONE;
    int r =
        mbedtls_ssl_send_alert_message(c->hs->ssl, MBEDTLS_SSL_ALERT_LEVEL_FATAL, (uint8_t)alert);
    return r == 0 && c->hs->alert_put != CONN_ALERT_NONE ? alert : CONN_ALERT_NONE;
}

void conn_fail(struct tls_conn *c, struct alert_cause cause)
{
    if (c->status == TLS_FAILED)
        return;
    int by_mbedtls = sent_by_mbedtls(c);
    if (memory_failed()) /* whatever it looked like to mbedTLS */
        cause = conn_out_of_memory;
    set_failed(c, cause.fault, cause.words);
    if (by_mbedtls != CONN_ALERT_NONE)
        c->failure.alert_sent = by_mbedtls;
    else if (cause.alert >= 0)
        c->failure.alert_sent = send_alert(c, cause.alert);
}

void conn_fail_client(struct tls_conn *c, int alert, const char *words)
{
    conn_fail(c, (struct alert_cause){alert, TLS_FAULT_CLIENT, words});
}

static unsigned certificate_flags(const struct tls_conn *c)
{
    enum { NOT_JUDGED = -1 };
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    const mbedtls_ssl_session *s = ssl != NULL ? ssl->session_negotiate : NULL;
    return s == NULL || s->verify_result == (uint32_t)NOT_JUDGED ? 0 : s->verify_result;
}

/* Of those under the keys of the handshake mbedTLS alone sees the size. What does not fit its
 * buffer ends in errors of all kinds. */
static bool is_message_too_long(const struct tls_conn *c)
{
    const mbedtls_ssl_context *ssl = c->hs->ssl;
    return ssl != NULL && ssl->in_hslen > RECORD_PLAIN_MAX;
}

/* mbedTLS has one error for all three. */
static struct alert_cause unverified(const mbedtls_ssl_context *ssl)
{
    switch (ssl->state) {
    case MBEDTLS_SSL_CLIENT_HELLO:
    case MBEDTLS_SSL_HELLO_RETRY_REQUEST: /* where a wrong binder leaves it */
        return (struct alert_cause){ALERT_DECRYPT_ERROR, TLS_FAULT_CLIENT,
                                    "client does not have the key of the ticket that it sent"};
    case MBEDTLS_SSL_CERTIFICATE_VERIFY:
    case MBEDTLS_SSL_CLIENT_CERTIFICATE_VERIFY:
        return alert_for_error(MBEDTLS_ERR_ECP_VERIFY_FAILED, true);
    default:
        return (struct alert_cause){ALERT_DECRYPT_ERROR, TLS_FAULT_CLIENT,
                                    "client's Finished does not match the handshake"};
    }
}

static struct alert_cause cause_of(const struct tls_conn *c, int error)
{
    struct alert_cause cause = alert_for_error(error, c->tls13);
    if (c->upstream != NULL && c->upstream->unpinned)
        return (struct alert_cause){ALERT_ACCESS_DENIED, TLS_FAULT_CLIENT,
                                    "client certificate's key is none of the client-pins"};
    bool judged =
        error == MBEDTLS_ERR_X509_CERT_VERIFY_FAILED || error == MBEDTLS_ERR_SSL_BAD_CERTIFICATE;
    if (judged && certificate_flags(c) != 0)
        return verdict_cause(&c->hs->verdict, certificate_flags(c));
    if (error == MBEDTLS_ERR_SSL_HANDSHAKE_FAILURE && c->hs->alert_put == ALERT_DECRYPT_ERROR)
        return unverified(c->hs->ssl);
    if (cause.fault == TLS_FAULT_LOCAL && is_message_too_long(c)) {
        cause.alert = ALERT_ILLEGAL_PARAMETER;
        cause.fault = TLS_FAULT_CLIENT;
        cause.words = CONN_MESSAGE_TOO_LONG;
    }
    if (error == MBEDTLS_ERR_SSL_INVALID_RECORD && c->hs->record_size > RECORD_PLAIN_MAX) {
        cause.alert = ALERT_RECORD_OVERFLOW;
        cause.words = "client sent a record that is too long";
    }
    return cause;
}

void conn_fail_error(struct tls_conn *c, int error)
{
    conn_fail(c, cause_of(c, error));
}

void conn_fail_received(struct tls_conn *c, int alert)
{
    set_failed(c, TLS_FAULT_CLIENT, alert_received_words(alert));
    c->failure.alert_received = alert;
}

void conn_fail_truncated(struct tls_conn *c)
{
    const char *reason = "client closed the connection without close_notify";
    if (c->status == TLS_HANDSHAKE)
        reason = c->any_bytes ? "client closed the connection during the handshake"
                              : "client closed the connection without sending a byte";
    set_failed(c, TLS_FAULT_CLIENT, reason);
    c->failure.truncated = true;
}

/* ---- patience ---- */

/* Warnings, empty records and the like are legal, but nobody needs so many in a row. */
enum { IDLE_RECORDS_MAX = 32 };

bool conn_idle_record(struct tls_conn *c)
{
    if (++c->idle_records <= IDLE_RECORDS_MAX)
        return true;
    conn_fail_client(c, ALERT_UNEXPECTED_MESSAGE, "client sent too many records without content");
    return false;
}
