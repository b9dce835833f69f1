/* sieve_inner.h - what the files of the ManageSieve module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_SIEVE_INNER_H
#define TLSFRONT_STARTTLS_SIEVE_INNER_H

#include "proxy/starttls/sieve_syntax.h"
#include "proxy/starttls/starttls.h"
#include "proxy/starttls/step.h"

/* For a client with too many errors. */
#define SIEVE_GOODBYE "BYE \"Too many errors, closing connection\""

/* What the upstream was asked; its reply may change what we know. */
enum sieve_asked {
    SIEVE_ASKED_OTHER,
    SIEVE_ASKED_UNKNOWN, /* a command that we do not know */
    SIEVE_ASKED_CAPABILITY,
    SIEVE_ASKED_AUTHENTICATE,
};

/* The upstream does not speak ManageSieve: tell the client, and end. */
enum step sieve_broken(struct talk *t, struct talk_out *out);

/* One unit of the upstream's. */
enum step sieve_take_reply(struct talk *t, struct slice *in, struct talk_out *out);

#endif
