/* sieve.h - ManageSieve: STARTTLS by RFC 5804.
 *
 * sieve.c         the row, and the client's commands
 * sieve_own.c     what we say ourselves
 * sieve_reply.c   the upstream's greeting, XCLIENT behind it, and the replies
 * sieve_inside.c  all that on TLS, behind the greeting
 * sieve_syntax.c  words, strings and literals
 *
 * Only what comes before a login is watched: TLS is not started behind it, and a SASL layer may
 * begin there. */
#ifndef TLSFRONT_STARTTLS_SIEVE_H
#define TLSFRONT_STARTTLS_SIEVE_H

#include <stdbool.h>

/* What the client's next bytes are. */
enum sieve_state {
    SIEVE_OPENING,     /* not to be read yet: the upstream has not greeted */
    SIEVE_IDENTIFYING, /* nor yet: the upstream is being told who the client is */
    SIEVE_COMMANDS,    /* commands */
    SIEVE_WAITING,     /* not to be read yet: the reply to AUTHENTICATE decides what they are */
    SIEVE_RESPONSE,    /* a string of an authentication exchange (RFC 5804, 2.1) */
};

struct sieve_dialogue {
    enum sieve_state state;
    bool takes_xclient;    /* the upstream would be told who the client is */
    bool login_refused;    /* what is not a command could be a password */
    bool in_upstream_unit; /* on TLS: the upstream's line goes on behind a literal */
    bool greeted;          /* on TLS: the greeting's list is expected, or has come */
};
extern const struct starttls starttls_sieve;

#endif
