/* pop3_inner.h - what the files of the POP3 module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_POP3_INNER_H
#define TLSFRONT_STARTTLS_POP3_INNER_H

#include "proxy/starttls/pop3.h"
#include "proxy/starttls/step.h"
#include "proxy/starttls/talk.h"

TALK_KEPT(pop3)

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
    POP3_ASKED_NTLM, /* AUTH NTLM as Exchange has it: its first +OK asks for more */
    POP3_ASKED_KINDS
};

/* ---- words of our own (pop3_own.c) ---- */

/* The capabilities of a server that has none but ours. */
void pop3_put_own_list(const struct talk *t, struct talk_out *out);

/* What the client reads first, and what it is told before TLS is demanded. */
void pop3_greet(struct talk *t, struct talk_out *out);
extern const struct verb pop3_own_verbs[];

/* Temporarily unavailable, as the row's `refuse`. */
void pop3_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client);

/* The upstream said `line`, which is not of POP3 or a refusal: tell the client, and end. */
enum step pop3_broken(struct talk *t, enum talk_reason why, struct slice line,
                      struct talk_out *out);

/* A refusal that counts. */
enum step pop3_refuse(struct talk *t, struct talk_out *out, const char *reply);

/* In the tables of both: STLS, a login in clear, and what a tricked browser says. */
enum step pop3_stls(struct talk *t, const struct command *c, struct talk_out *out);
enum step pop3_refuse_login(struct talk *t, const struct command *c, struct talk_out *out);
enum step pop3_foreign(struct talk *t, const struct command *c, struct talk_out *out);

/* ---- the upstream's ---- */

/* How a line begins (RFC 1939, 3; RFC 5034, 4). */
enum pop3_status { POP3_NO_STATUS, POP3_OK, POP3_ERR, POP3_CONTINUE };

enum pop3_status pop3_status_of(struct slice line);

/* A greeting may announce that it takes XCLIENT. */
bool pop3_announces_xclient(struct slice greeting);

/* The greeting without that, and without what helps those who guess passwords. */
void pop3_put_greeting(const struct talk *t, struct slice line, struct talk_out *out);

/* One line of the upstream's: the greeting, and the replies in clear. */
enum step pop3_take_reply(struct talk *t, struct slice *in, struct talk_out *out);

/* On TLS, behind the greeting; as the functions of struct starttls. */
enum talk_verdict pop3_client_inside(struct talk *t, struct slice *in, struct talk_out *out);
enum talk_verdict pop3_upstream_inside(struct talk *t, struct slice *in, struct talk_out *out);

#endif
