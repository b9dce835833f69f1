/* nntp_inner.h - what the files of the NNTP module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_NNTP_INNER_H
#define TLSFRONT_STARTTLS_NNTP_INNER_H

#include "proxy/starttls/starttls.h"
#include "proxy/starttls/step.h"

/* For a client with too many errors. */
#define NNTP_GOODBYE "400 Too many errors, closing connection"

/* RFC 3977, 3.1 has 512 octets; RFC 4643, 2.4.2 has this for authentication exchanges. */
enum { NNTP_LINE_MAX = 12288 };

/* What the upstream was asked; its reply may change what we know. */
enum nntp_asked {
    NNTP_ASKED_OTHER,
    NNTP_ASKED_UNKNOWN, /* a command that we do not know */
    NNTP_ASKED_CAPABILITIES,
    NNTP_ASKED_LISTGROUP, /* 211 is a list for it, and one line for GROUP (RFC 3977, 6.1.2) */
    NNTP_ASKED_ARTICLE,   /* to take one: 335 or 340 asks for it */
    NNTP_ASKED_LOGIN,     /* AUTHINFO USER, PASS */
    NNTP_ASKED_EXCHANGE,  /* AUTHINFO SASL, SIMPLE */
    NNTP_ASKED_KINDS
};

/* TLS may begin: it has not, and the client has not logged in (RFC 4642, 2.2). */
bool nntp_may_upgrade(const struct talk *t);

/* The replies of our own wait until those before them have come from the upstream. */

/* A refusal that counts, without CRLF. */
enum step nntp_refuse(struct talk *t, struct talk_out *out, const char *reply);

/* In the tables of both: STARTTLS, and what a tricked browser says. */
enum step nntp_starttls(struct talk *t, const struct command *c, struct talk_out *out);
enum step nntp_foreign(struct talk *t, const struct command *c, struct talk_out *out);

/* The upstream does not speak NNTP: tell the client, and end. */
enum step nntp_broken(struct talk *t, struct talk_out *out);

/* The verbs where an upstream hears them. */
extern const struct verb nntp_pass_verbs[];

enum step nntp_take_response(struct talk *t, struct slice *in, struct talk_out *out);
enum step nntp_take_article(struct talk *t, struct slice *in, struct talk_out *out);

/* The next of the upstream's. */
enum step nntp_take_reply(struct talk *t, struct slice *in, struct talk_out *out);

#endif
