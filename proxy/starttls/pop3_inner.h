/* pop3_inner.h - what the files of the POP3 module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_POP3_INNER_H
#define TLSFRONT_STARTTLS_POP3_INNER_H

#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/probe.h"
#include "proxy/starttls/step.h"

DIALOGUE_KEPT(pop3)

/* For a client with too many errors. */
#define POP3_GOODBYE "-ERR Too many errors, closing connection"

/* RFC 2449, 4 has 255 and 512 octets; RFC 5034, 4 lets the lines of an authentication exchange be
 * longer, and RFC 4954, 4 puts a number to that. */
enum { POP3_LINE_MAX = 12288 };

/* What the upstream was asked; its reply may change what we know. */
enum pop3_asked {
    POP3_ASKED_OTHER,
    POP3_ASKED_UNKNOWN, /* a command that we do not know */
    POP3_ASKED_CAPA,
    POP3_ASKED_LIST,  /* any other with a multi-line reply */
    POP3_ASKED_LOGIN, /* the client is in if the upstream agrees */
    POP3_ASKED_AUTH,
    POP3_ASKED_NTLM,  /* AUTH NTLM as Exchange has it: its first +OK asks for more */
    POP3_ASKED_EMPTY, /* on TLS: an empty line */
    POP3_ASKED_KINDS
};

/* ---- words of our own (pop3_own.c) ---- */

/* The capabilities of a server that has none but ours. */
void pop3_put_own_list(const struct dialogue *t, struct dialogue_out *out);

/* What the client reads first, and what it is told before TLS is demanded. */
void pop3_greet(struct dialogue *t, struct dialogue_out *out);
extern const struct verb pop3_own_verbs[];

/* Temporarily unavailable, as the row's `refuse`. */
void pop3_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client);

/* The upstream said `line`, which is not of POP3 or a refusal: tell the client, and end. */
enum step pop3_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out);

/* A refusal that counts. */
enum step pop3_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply);

/* In the tables of both: STLS, a login in clear, and what a tricked browser says. */
enum step pop3_stls(struct dialogue *t, const struct command *c, struct dialogue_out *out);
enum step pop3_refuse_login(struct dialogue *t, const struct command *c, struct dialogue_out *out);
enum step pop3_foreign(struct dialogue *t, const struct command *c, struct dialogue_out *out);

/* ---- the upstream's ---- */

/* How a line begins (RFC 1939, 3; RFC 5034, 4). */
enum pop3_status { POP3_NO_STATUS, POP3_OK, POP3_ERR, POP3_CONTINUE };

enum pop3_status pop3_status_of(struct slice line);

/* A greeting may announce that it takes XCLIENT. */
bool pop3_announces_xclient(struct slice greeting);

/* The greeting without that, and without what helps those who guess passwords. */
void pop3_put_greeting(const struct dialogue *t, struct slice line, struct dialogue_out *out);

/* One line of the upstream's: the greeting, and the replies in clear. */
enum step pop3_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* On TLS, behind the greeting; as the functions of struct starttls. */
enum dialogue_verdict pop3_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out);
enum dialogue_verdict pop3_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out);

/* ---- apart from dialogues (pop3_apart.c) ---- */

extern const struct probe_rules pop3_probe;

#endif
