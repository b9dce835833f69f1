/* dialogue.h - one session's dialogue, and what the modules of starttls.h share. It is in one of
 * three modes:
 *
 * - DIALOGUE_REQUIRED, before TLS: there is no upstream yet. The module speaks for tlsfront:
 *   greeting, capabilities with the upgrade, polite refusals of everything else.
 * - DIALOGUE_OPTIONAL, before TLS: the upstream is connected and everything passes through the
 *   module: the upgrade is added to the upstream's real capabilities, passwords are held back
 * unless the route allows them.
 * - DIALOGUE_INSIDE, on TLS (implicit, or after the upgrade): a filter, not a referee; see
 * filter.h. The upstream's own upgrade is taken out of its capabilities, and a client that asks for
 * it is told that it is on TLS already. After an upgrade the upstream is a fresh one, and its
 * greeting is swallowed where the protocol has none after the upgrade. All else passes as it came.
 */
#ifndef TLSFRONT_STARTTLS_DIALOGUE_H
#define TLSFRONT_STARTTLS_DIALOGUE_H

#include "proxy/base/buf.h"
#include "proxy/starttls/asked.h"
#include "proxy/starttls/expected.h"
#include "proxy/starttls/hidden.h"
#include "proxy/starttls/line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dialogue_mode { DIALOGUE_REQUIRED, DIALOGUE_OPTIONAL, DIALOGUE_INSIDE };

enum dialogue_verdict {
    DIALOGUE_MORE,    /* dealt with all that can be dealt with now */
    DIALOGUE_UPGRADE, /* TLS begins once `to_client` is sent; `in` stands right behind the command,
                       * and the caller ends the session if anything is left in it */
    DIALOGUE_RELAY,   /* nothing to watch any more: what is left in both directions, and all that
                       * follows, passes as it is */
    DIALOGUE_CLOSE,   /* the session ends once both outputs are sent */
};

/* Facts that hold for the whole dialogue. */
struct dialogue_facts {
    enum dialogue_mode mode;
    bool upgraded;        /* INSIDE: by STARTTLS, so swallow the greeting */
    bool plaintext_login; /* OPTIONAL: passwords may pass in clear */
    const char *hostname; /* in what we write ourselves */
    /* The client, for upstreams that take it (XCLIENT, ID); NULL: do not tell. */
    const char *client_address; /* numeric, no brackets */
    uint16_t client_port;
    const char *session_id;
};

/* Why a dialogue ends by DIALOGUE_CLOSE. */
enum dialogue_reason {
    DIALOGUE_OVER,           /* it was said goodbye */
    DIALOGUE_SENT_AWAY,      /* the upstream sends the client away, which has read its words */
    DIALOGUE_ERRORS,         /* too many commands that deserve none better; see dialogue_error() */
    DIALOGUE_TOO_LONG,       /* a line */
    DIALOGUE_TOO_LARGE,      /* a request that is no line */
    DIALOGUE_UNREADABLE,     /* nobody could tell where it ends */
    DIALOGUE_NOT_LDAP,       /* bytes that are no message */
    DIALOGUE_WEB,            /* a browser that was tricked into speaking here (ALPACA) */
    DIALOGUE_HIDDEN,         /* what is text to us is commands to the upstream */
    DIALOGUE_PROTOCOL_ERROR, /* what the upstream says is not of the protocol */
    DIALOGUE_REFUSED,        /* the upstream greets with a refusal where no greeting can be shown */
    DIALOGUE_REASONS
};

/* A login in clear that was refused: what it was tried with. Never who, nor what the secret is. */
struct dialogue_login {
    const char *command, *mechanism; /* the latter is NULL where there is none that is known */
};

/* Commands that were refused, unknown or malformed before a dialogue in clear ends (ALPACA,
 * CVE-2021-3618: a browser that is tricked into speaking here must not get far). */
enum { DIALOGUE_ERRORS_MAX = 10 };

/* How much of the upstream's last words is kept for the log. */
enum { DIALOGUE_WORDS_MAX = 160 };

/* How far a filter has come (filter.h): what the client's next bytes are. */
enum filter_state {
    FILTER_LINES,    /* lines that are commands */
    FILTER_REST,     /* the rest of a line that was too long to be read as a whole */
    FILTER_BYTES,    /* counted bytes */
    FILTER_TEXT,     /* text up to CRLF.CRLF */
    FILTER_EARLY,    /* text before it was asked for, unless the upstream refuses it; which may want
                      * to see it first */
    FILTER_WAIT,     /* the upstream's reply decides; they are handed on meanwhile */
    FILTER_RESPONSE, /* a line that the upstream asked for */
    FILTER_RAW,      /* whatever they are, they pass */
    FILTER_OVER,     /* not to be read: the session ends when our last word is due */
};

struct filter {
    enum filter_state state, behind; /* behind: FILTER_REST, _RESPONSE */
    bool unsure;                     /* which reply answers what: none ends the watch any more */
    bool goes_on;                    /* the next line is of the same command, behind a literal */
    bool dropped;                    /* what is left of the command goes nowhere */
    struct hidden_text text;
    struct hidden line;      /* of a literal, or behind one */
    uint64_t bytes;          /* how many are to come */
    uint64_t upstream_bytes; /* the same of the upstream's */
    bool upstream_dropped;   /* which are not for the client */
    bool upstream_rest;      /* the upstream is in a line too long to be read as a whole */
    bool upstream_inside;    /* and in a reply that is not over */
};

/* What a module keeps, zero at first, in so many bytes of the dialogue. */
enum { DIALOGUE_KEPT_MAX = 1024 };

struct dialogue {
    struct dialogue_facts facts;
    enum dialogue_reason reason;       /* of DIALOGUE_CLOSE */
    uint8_t words[DIALOGUE_WORDS_MAX]; /* the upstream's, behind DIALOGUE_PROTOCOL_ERROR and
                                          DIALOGUE_REFUSED */
    size_t words_size;
    unsigned errors;       /* see dialogue_error() */
    unsigned courtesies;   /* see dialogue_courtesy() */
    bool identity_refused; /* the upstream does not take who the client is: it sees our address */
    const char *awaited;   /* what the upstream has begun with, or was asked for by ourselves, and
                            * has to say before the client's first command is read; NULL: nothing */
    struct dialogue_login logins[DIALOGUE_ERRORS_MAX + 1]; /* each is an error, too */
    unsigned login_count;
    /* So many bytes at the front of what is left of each side were handed on already. */
    size_t client_ahead, upstream_ahead;
    bool turn;                /* the other side is to go on, though nothing was consumed */
    struct asked asked;       /* of the upstream, by the modules whose commands may be pipelined */
    struct expected expected; /* the same on TLS, with what we owe in between */
    struct filter filter;     /* on TLS */
    union {
        max_align_t aligned;
        uint8_t bytes[DIALOGUE_KEPT_MAX];
    } kept; /* the module's own: see DIALOGUE_KEPT() */
};

struct dialogue_out {
    struct buf *to_client, *to_upstream; /* to_upstream is unused in DIALOGUE_REQUIRED */
};

enum starttls_refusal {
    REFUSE_UPSTREAM_DOWN, /* nobody there, or nobody who speaks, or who greets with a refusal */
    REFUSE_TOO_MANY,      /* a connection limit */
    REFUSE_DRAINING,      /* we are about to go */
    REFUSE_TIMEOUT,       /* the client took too long before TLS */
    REFUSE_DENIED,        /* its address may not come in */
    REFUSE_TOO_FAST,      /* it comes too often */
};

/* What the module keeps, as its own struct: defines `struct NAME_dialogue *NAME_of(t)`. Constant
 * ones give it too, for those who only look. */
#define DIALOGUE_KEPT(name)                                                                        \
    _Static_assert(sizeof(struct name##_dialogue) <= DIALOGUE_KEPT_MAX, "what " #name " keeps");   \
    static inline struct name##_dialogue *name##_of(const struct dialogue *t)                      \
    {                                                                                              \
        return (struct name##_dialogue *)(void *)(uintptr_t)t->kept.bytes;                         \
    }

/* Is this a dialogue in clear whose passwords must wait for TLS? */
bool dialogue_withholds(const struct dialogue *t);

/* Is the upstream's greeting ours to read: to swallow it, or to say behind it who the client is? */
bool dialogue_reads_greeting(const struct dialogue *t);

/* Count one; true when it was one too many and the module has to say goodbye. */
bool dialogue_error(struct dialogue *t);

/* Count a command that we answer ourselves and that leads nowhere: NOOP, HELP, capabilities. Beyond
 * some tens each counts as an error: as dialogue_error(). */
bool dialogue_courtesy(struct dialogue *t);

/* Do so many replies of ours wait for a client that does not read that none may follow now? Its
 * next commands are left; the caller comes back when the replies are gone. */
bool dialogue_is_full(const struct dialogue_out *out);

/* May a security layer follow a login with this SASL mechanism? (RFC 4422, 3.7) */
bool sasl_may_wrap(struct slice mechanism);

/* A login was refused because it came in clear. `mechanism` is the client's; one that is not known
 * could be anything, a password too, and is not kept. */
void dialogue_login_refused(struct dialogue *t, const char *command, struct slice mechanism);

/* The dialogue is over because of `said` by the upstream. */
void dialogue_blame(struct dialogue *t, enum dialogue_reason why, struct slice said);

/* The words of a refusal, for the modules' own replies. */
const char *dialogue_refusal_words(enum starttls_refusal why);

#endif
