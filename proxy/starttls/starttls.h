/* starttls.h - the dialogues of six line (and one BER) protocols around the moment TLS begins.
 * Pure: bytes in, verdict and bytes out. No sockets, no TLS, no configuration, no memory of its
 * own.
 *
 * One const row per protocol, one file per row. A *talk* is one session's dialogue. It runs in one
 * of three modes:
 *
 *   TALK_REQUIRED  before TLS; there is no upstream yet. The module speaks for tlsfront: greeting,
 *                  capabilities with the upgrade, polite refusals of everything else.
 *   TALK_OPTIONAL  before TLS; the upstream is connected and everything passes through the module:
 *                  the upgrade is added to the upstream's real capabilities, passwords are held
 *                  back unless the route allows them.
 *   TALK_INSIDE    on TLS (implicit, or after the upgrade): the upstream's own upgrade is taken out
 *                  of its capabilities, and a client that asks for it is told that it is on TLS
 *                  already. After an upgrade the upstream is a fresh one, and its greeting is
 *                  swallowed where the protocol has none after the upgrade.
 *
 * The caller keeps what a module leaves in a slice (up to 64 KiB of each side) and gives it again,
 * with more behind it, until neither side moves any more; so a module may leave complete units too,
 * to wait for the other side. What it decides never depends on how the bytes were cut. */
#ifndef TLSFRONT_STARTTLS_H
#define TLSFRONT_STARTTLS_H

#include "config/protocol.h"
#include "proxy/base/buf.h"
#include "proxy/starttls/asked.h"
#include "proxy/starttls/imap.h"
#include "proxy/starttls/ldap.h"
#include "proxy/starttls/line.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/smtp.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum talk_mode { TALK_REQUIRED, TALK_OPTIONAL, TALK_INSIDE };

enum talk_verdict {
    TALK_MORE,    /* dealt with all that can be dealt with now */
    TALK_UPGRADE, /* TLS begins once `to_client` is sent; `in` stands right behind the command, and
                   * the caller ends the session if anything is left in it */
    TALK_RELAY,   /* nothing to watch any more: what is left in both directions, and all that
                   * follows, passes as it is */
    TALK_CLOSE,   /* the session ends once both outputs are sent */
};

/* Facts that hold for the whole talk. */
struct talk_facts {
    enum talk_mode mode;
    bool upgraded;        /* INSIDE: by STARTTLS, so swallow the greeting */
    bool plaintext_login; /* OPTIONAL: passwords may pass in clear */
    const char *hostname; /* in what we write ourselves */
    /* The client, for upstreams that take it (XCLIENT, ID); NULL: do not tell. */
    const char *client_address; /* numeric, no brackets */
    uint16_t client_port;
    const char *session_id;
};

struct talk {
    struct talk_facts facts;
    unsigned errors;       /* commands that deserved none better; see talk_error() */
    bool upstream_broke;   /* TALK_CLOSE because of what the upstream said */
    bool identity_refused; /* the upstream does not take who the client is: it sees our address */
    struct asked asked;    /* of the upstream, by the modules whose commands may be pipelined */
    union {                /* zero-initialised; each module's header says what it keeps */
        struct smtp_talk smtp;
        struct pop3_talk pop3;
        struct imap_talk imap;
        struct nntp_talk nntp;
        struct ldap_talk ldap;
        struct sieve_talk sieve;
    } as;
};

struct talk_out {
    struct buf *to_client, *to_upstream; /* to_upstream is unused in TALK_REQUIRED */
};

enum starttls_refusal {
    REFUSE_UPSTREAM_DOWN, /* nobody there, or nobody who speaks, or who greets with a refusal */
    REFUSE_TOO_MANY,      /* a connection limit */
    REFUSE_DRAINING,      /* we are about to go */
    REFUSE_TIMEOUT,       /* the client took too long before TLS */
};

struct starttls {
    /* TALK_REQUIRED: what the client reads first. NULL: the client speaks first. */
    void (*greet)(struct talk *t, struct talk_out *out);

    /* Deal with the client's units at the front of *in and move it behind them. */
    enum talk_verdict (*client)(struct talk *t, struct slice *in, struct talk_out *out);

    /* The same for the upstream's; never called in TALK_REQUIRED. */
    enum talk_verdict (*upstream)(struct talk *t, struct slice *in, struct talk_out *out);

    /* Of what `client` left: is its first unit without an end? That of a client which has said its
     * last is waited for in vain. */
    bool (*cut_short)(struct slice left);

    /* The protocol's own temporary refusal, before the end of the connection. */
    void (*refuse)(enum starttls_refusal why, const char *hostname, struct buf *to_client);
};

/* NULL for protocols without words: tcp, and acme, whose words are not of this kind. */
const struct starttls *starttls_of(enum protocol p);

/* As the row's `refuse`; nothing for a protocol without words. */
void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *to_client);

/* ---- for the modules ---- */

/* Commands that were refused, unknown or malformed before this talk ends (ALPACA, CVE-2021-3618: a
 * browser that is tricked into speaking here must not get far). */
enum { TALK_ERRORS_MAX = 10 };

/* Is this a talk in clear whose passwords must wait for TLS? */
bool talk_holds_back(const struct talk *t);

/* Count one; true when it was one too many and the module has to say goodbye. */
bool talk_error(struct talk *t);

/* The words of a refusal, for the modules' own replies. */
const char *talk_refusal_words(enum starttls_refusal why);

#endif
