/* sieve_inner.h - what the files of the ManageSieve module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_SIEVE_INNER_H
#define TLSFRONT_STARTTLS_SIEVE_INNER_H

#include "proxy/starttls/boundary.h"
#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/probe.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/sieve_syntax.h"
#include "proxy/starttls/step.h"

DIALOGUE_KEPT(sieve)

/* For a client with too many errors. */
#define SIEVE_GOODBYE "BYE \"Too many errors, closing connection\""

/* What the upstream was asked; its reply may change what we know. */
enum sieve_asked {
    SIEVE_ASKED_OTHER,
    SIEVE_ASKED_UNKNOWN, /* a command that we do not know */
    SIEVE_ASKED_CAPABILITY,
    SIEVE_ASKED_AUTHENTICATE,
};

/* ---- words of our own (sieve_own.c) ---- */

/* What the client reads first, and what it is told before TLS is demanded. */
void sieve_greet(struct dialogue *t, struct dialogue_out *out);
extern const struct verb sieve_own_verbs[];

/* Temporarily unavailable, as the row's `refuse`. */
void sieve_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client);

/* A refusal that counts. */
enum step sieve_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply);

/* In the tables of both: STARTTLS, what has to wait for TLS, a login among it, and what a tricked
 * browser says. */
enum step sieve_starttls(struct dialogue *t, const struct command *c, struct dialogue_out *out);
enum step sieve_refuse_encryption(struct dialogue *t, const struct command *c,
                                  struct dialogue_out *out);
enum step sieve_refuse_login(struct dialogue *t, const struct command *c, struct dialogue_out *out);
enum step sieve_foreign(struct dialogue *t, const struct command *c, struct dialogue_out *out);

/* The upstream said `line`, which is not of ManageSieve or a refusal: tell the client, and end. */
enum step sieve_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                               struct dialogue_out *out);

/* ---- the upstream's ---- */

enum sieve_response {
    SIEVE_NO_RESPONSE,
    SIEVE_STRING,
    SIEVE_OK,
    SIEVE_NO,
    SIEVE_BYE,
};

/* By the first word. */
enum sieve_response sieve_response_of(const struct sieve_token *first);

/* One unit of the upstream's: the greeting, and the replies in clear. */
enum step sieve_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* On TLS, behind the greeting; as the functions of struct starttls. */
enum dialogue_verdict sieve_client_inside(struct dialogue *t, struct slice *in,
                                          struct dialogue_out *out);
enum dialogue_verdict sieve_upstream_inside(struct dialogue *t, struct slice *in,
                                            struct dialogue_out *out);

/* ---- apart from dialogues (sieve_apart.c) ---- */

extern const struct probe_rules sieve_probe;
extern const struct boundary_rules sieve_boundary;

#endif
