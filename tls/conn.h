/* conn.h - the inside of a tls_conn, for the other files of tls/. */
#ifndef TLSFRONT_TLS_CONN_H
#define TLSFRONT_TLS_CONN_H

#include "tls/alert.h"
#include "tls/dialer.h"
#include "tls/engine.h"
#include "tls/hello.h"
#include "tls/mbed.h"
#include "tls/protection.h"
#include "tls/record.h"
#include "tls/server.h"
#include "tls/verdict.h"

#include <ssl_misc.h> /* of mbedTLS's library/: the state of a handshake, sizes of buffers */

/* The longest message that a client may send behind its handshake: KeyUpdate (RFC 8446 4.6.3). */
enum { POST_MESSAGE_MAX = 5 };

/* Where the other end is the server: what it takes to be its client. "The client" of all names and
 * words in these files is the other end, whichever it is; see words_for() in conn_fail.c. */
struct conn_upstream {
    struct tls_dialer *policy;
    char *name; /* as its certificate has to call it; NULL: it is known by its pins */
    uint8_t place[RESUMPTION_KEY_SIZE];
    bool offered;             /* a session to resume */
    bool known;               /* it has shown a certificate that will do */
    bool unpinned;            /* ... one with another key */
    mbedtls_ms_time_t proven; /* when it did that, also where this session only resumes one */
    uint8_t secret_size;
    uint8_t secret[PROTECTION_SECRET_MAX]; /* TLS 1.3: sessions to come are derived from it */
    struct hello_stream messages;          /* behind the handshake: the one that is not complete */
    char words[288];                       /* failure.reason */
};

/* A signature that somebody else makes. */
struct conn_signing {
    struct tls_sign_request request;
    bool answered;
    const struct tls_signature *signature; /* lent while it is written */
    struct tls_slice wire;                 /* owned: what goes out with it */
    struct tls_slice unread;               /* owned: what the client said meanwhile */
};

/* What mbedTLS needs to get through the handshake, gone when it is over. */
struct conn_handshake {
    mbedtls_ssl_context *ssl; /* NULL until a whole ClientHello is there; see conn_wake() */
    uint8_t in_counter[MBEDTLS_SSL_SEQUENCE_NUMBER_LEN]; /* while it has no buffers */
    struct hello_stream hello; /* the plaintext handshake message that is not yet complete */
    struct record feed;        /* what mbedTLS has not yet fetched of the current record */
    size_t feed_header_left, record_size;
    uint8_t hellos;   /* ClientHellos seen, or ServerHellos */
    uint32_t offered; /* by the first: a bit for each of our suites, by its number */
    bool early_data;
    bool name_known;       /* the client asked for a name that one of our certificates covers */
    struct tls_slice held; /* a ClientHello that waits for an answer, owned; data NULL: none */
    struct conn_signing *signing; /* NULL: there is none */
    struct verdict verdict;       /* on the client's certificates */
    int alert_put; /* what mbedTLS sent while it worked on the current record; see conn_drive.c */
};

struct tls_conn {
    struct tls_engine *engine;
    struct tls_server *server;      /* NULL: the other end is the server */
    struct conn_upstream *upstream; /* NULL: we are */
    enum tls_status status;

    struct record_reader reader; /* the record that is not yet complete */
    struct conn_handshake *hs;   /* NULL: over, and the keys are in `in` and `out` */
    struct protection in, out;   /* all zero before */
    uint8_t post_size;           /* what has come of a KeyUpdate, all of it as it has to be */

    char *name; /* as the first ClientHello asked for it; NULL: it did not */
    size_t name_size;
    const char *sni;    /* `name` where it is one that can be shown and compared, else NULL */
    size_t server_name; /* of the server's table; TLS_NO_NAME */
    const char *alpn;   /* the server's own text */
    char *client_subject, *client_cn;
    struct tls_identity *challenge; /* to show; NULL: one of the server's */

    int cipher_suite; /* 0: not known yet */
    uint16_t group, fragment_max;
    uint8_t idle_records; /* in a row, that brought neither data nor the handshake forward */
    uint8_t renegotiations;
    bool tls13, any_bytes, resumed, close_sent;
    bool update_owed;  /* the client asked for new keys: before the next data */
    bool update_asked; /* we did, and it has not answered yet */

    uint8_t *ticket; /* TLS 1.3: sealed, for the first record; NULL: none, or sent */
    size_t ticket_size;

    struct tls_failure failure;
};

/* Does the handshake wait for a signature? */
static inline bool conn_is_signing(const struct tls_conn *c)
{
    return c->hs != NULL && c->hs->signing != NULL && !c->hs->signing->answered;
}

/* Are the client's records protected already? */
static inline bool conn_is_protected(const struct conn_handshake *hs)
{
    return hs->ssl != NULL && hs->ssl->transform_in != NULL;
}

static inline bool conn_is_tls13(const mbedtls_ssl_context *ssl)
{
    return ssl->tls_version == MBEDTLS_SSL_VERSION_TLS1_3;
}

/* The group of the key exchange; 0: there was none, or not yet. */
static inline uint16_t conn_group(const mbedtls_ssl_context *ssl)
{
    const mbedtls_ssl_handshake_params *hs = ssl->handshake;
    return conn_is_tls13(ssl) ? hs->offered_group_id
                              : mbedtls_ssl_get_tls_id_from_ecp_group_id(hs->ecdh_ctx.grp_id);
}

/* conn_fail.c: end the connection, sending the alert unless it is negative or one is out. Only the
 * first failure counts. */
void conn_fail(struct tls_conn *c, struct alert_cause cause);
void conn_fail_client(struct tls_conn *c, int alert, const char *words); /* its fault */
void conn_fail_error(struct tls_conn *c, int error);    /* one that mbedTLS returned */
void conn_fail_received(struct tls_conn *c, int alert); /* the client ended it with that */
void conn_fail_truncated(struct tls_conn *c);           /* the transport ended too early */

extern const struct alert_cause conn_out_of_memory;

#define CONN_MESSAGE_TOO_LONG "client sent a handshake message of more than 16 KiB"
#define CONN_NO_SERVER_HELLO  "client did not begin with a ServerHello"
#define CONN_RENEGOTIATES     "client takes its first handshake for a renegotiation"

/* What alert_put may hold besides the number of an alert. */
enum { CONN_ALERT_NONE = -1 };

/* conn_record.c: deal with the next record, or with what comes in place of one; `first`: all that
 * the client has said so far, if it lies before us. */
void conn_record(struct tls_conn *c, struct record *r);
void conn_no_record(struct tls_conn *c, enum record_result result, struct tls_slice first);

/* conn_record.c: the ClientHello that was held back. */
void conn_release_hello(struct tls_conn *c);

/* conn_upstream.c: what makes a connection one to a server. NULL: out of memory. */
struct conn_upstream *conn_upstream_new(struct tls_dialer *policy, const char *name,
                                        const char *place);
void conn_upstream_free(struct conn_upstream *u); /* wipes; NULL is fine */

/* conn_upstream.c: what mbedTLS's new context has to know of the server. False: out of memory. */
bool conn_upstream_prepare(struct tls_conn *c, mbedtls_ssl_context *ssl);

/* conn_upstream.c: what it is told that it is called; NULL: nothing, for addresses are not told
 * (RFC 6066 3). */
const char *conn_told_name(const struct conn_upstream *u);

/* conn_server.c: look at a handshake message of the server before mbedTLS does. */
void conn_server_message(struct tls_conn *c, struct tls_slice message);

/* conn_server.c: the handshake is over; is it who it has to be? Keep what it may be resumed by. */
bool conn_server_is_known(const struct tls_conn *c);
void conn_server_keep(struct tls_conn *c, mbedtls_ssl_context *ssl);

/* conn_server.c: a part of the server's messages behind the handshake, in TLS 1.3. What a KeyUpdate
 * at its end asks for (RFC 8446 4.6.3), or CONN_NO_UPDATE. */
enum { CONN_NO_UPDATE = -1 };
int conn_server_said(struct tls_conn *c, struct tls_slice part);

/* conn_drive.c: have mbedTLS say the first word. */
void conn_begin(struct tls_conn *c);

/* conn_drive.c: let mbedTLS work on a record until it is used up. */
void conn_feed(struct tls_conn *c, const uint8_t *header, struct tls_slice body);

/* conn_context.c: have mbedTLS's context, with record buffers, until conn_return_buffers() at the
 * end of the call. False: out of memory. */
bool conn_wake(struct tls_conn *c);
void conn_return_buffers(struct tls_conn *c);

/* conn_context.c: wipes and frees c->hs, which becomes NULL; without one there is nothing to do. */
void conn_handshake_free(struct tls_conn *c);

/* conn_drive.c, while a signature is waited for: put what is to go out with it into the engine's
 * buffer; go on with the signature. */
void conn_put_held(struct tls_conn *c);
void conn_signed(struct tls_conn *c, const struct tls_signature *signature);

/* conn_wire.c: put bytes into the engine's buffer as they are. False: out of memory. */
bool conn_put_wire(struct tls_conn *c, const uint8_t *data, size_t size);

/* conn_wire.c: what mbedTLS calls to write a record, and to read the one it was given; `arg` is the
 * connection. The size, or an error of mbedTLS. */
int conn_put_record(void *arg, const unsigned char *data, size_t size);
int conn_get_feed(void *arg, unsigned char *to, size_t size);

/* conn_open.c, behind the handshake: deal with a record; seal data[size], which is as in
 * tls_conn_send(). Either may fail the connection. */
void conn_open_record(struct tls_conn *c, const struct record *r);
void conn_open_send(struct tls_conn *c, uint8_t *data, size_t size);

/* conn_seal.c: seal a record, or an alert, behind the ticket that waits. data[size] as in
 * protection_seal(). False: out of memory. */
bool conn_seal(struct tls_conn *c, enum record_type type, uint8_t *data, size_t size);
bool conn_seal_alert(struct tls_conn *c, bool fatal, uint8_t alert);

/* conn_fail.c: one more record that brought nothing. False: one too many, and the connection has
 * failed. */
bool conn_idle_record(struct tls_conn *c);

#endif
