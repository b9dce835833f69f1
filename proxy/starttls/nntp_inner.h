/* nntp_inner.h - what the files of the NNTP module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_NNTP_INNER_H
#define TLSFRONT_STARTTLS_NNTP_INNER_H

#include "proxy/starttls/boundary.h"
#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/probe.h"
#include "proxy/starttls/step.h"

DIALOGUE_KEPT(nntp)

/* For a client with too many errors. */
#define NNTP_GOODBYE "400 Too many errors, closing connection"

/* RFC 3977, 3.1 has 512 octets with CRLF; RFC 4643, 2.4.2 more for authentication exchanges. */
enum { NNTP_COMMAND_MAX = 510, NNTP_LINE_MAX = 12288 };

/* What the upstream was asked; its reply may change what we know. */
enum nntp_asked {
    NNTP_ASKED_OTHER,
    NNTP_ASKED_UNKNOWN, /* a command that we do not know */
    NNTP_ASKED_CAPABILITIES,
    NNTP_ASKED_KEYWORD,   /* CAPABILITIES with an argument (RFC 3977, 5.2) */
    NNTP_ASKED_LISTGROUP, /* 211 is a list for it, and one line for GROUP (RFC 3977, 6.1.2) */
    NNTP_ASKED_MODE,      /* what the upstream is from then on, 203 or a reader's server */
    NNTP_ASKED_ARTICLE,   /* to take one: 335 or 340 asks for it */
    NNTP_ASKED_LOGIN,     /* AUTHINFO USER, PASS */
    NNTP_ASKED_EXCHANGE,  /* AUTHINFO SASL, SIMPLE */
    NNTP_ASKED_EMPTY,     /* on TLS: an empty line */
    NNTP_ASKED_KINDS
};

/* In clear: may TLS begin? Not behind a login (RFC 4642, 2.2). */
bool nntp_may_upgrade(const struct dialogue *t);

/* ---- words of our own (nntp_own.c); they wait until those before them have come ---- */

/* What the client reads first, and what it is told before TLS is demanded. */
void nntp_greet(struct dialogue *t, struct dialogue_out *out);
extern const struct verb nntp_own_verbs[];

/* Temporarily unavailable, as the row's `refuse`. */
void nntp_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client);

/* A refusal that counts, without CRLF. */
enum step nntp_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply);

/* In the tables of both: STARTTLS, a login in clear, and what a tricked browser says. */
enum step nntp_starttls(struct dialogue *t, const struct command *c, struct dialogue_out *out);
enum step nntp_refuse_login(struct dialogue *t, const struct command *c, struct dialogue_out *out);
enum step nntp_foreign(struct dialogue *t, const struct command *c, struct dialogue_out *out);

/* The upstream said `line`, which is not of NNTP or a refusal: tell the client, and end. */
enum step nntp_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out);

/* ---- towards an upstream ---- */

/* The verbs where an upstream hears them. */
extern const struct verb nntp_pass_verbs[];

enum step nntp_take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out);
enum step nntp_take_article(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* The client's next bytes are one. */
void nntp_begin_article(struct dialogue *t);

/* The next of the upstream's: the greeting, and in clear the others. */
enum step nntp_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* The code of a reply; 0: it is none. */
unsigned nntp_code_of(struct slice line);

/* Does a text follow? (RFC 3977, 3.2; but for 211) */
bool nntp_has_text(unsigned code);

/* On TLS, behind the greeting; as the functions of struct starttls. */
enum dialogue_verdict nntp_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out);
enum dialogue_verdict nntp_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out);

/* ---- apart from dialogues (nntp_apart.c) ---- */

extern const struct probe_rules nntp_probe;
extern const struct boundary_rules nntp_boundary;

#endif
