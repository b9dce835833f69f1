/* nntp.h - NNTP: STARTTLS by RFC 4642.
 *
 * nntp.c         the row, and the client's lines
 * nntp_own.c     what we say ourselves
 * nntp_pass.c    the client's commands and articles on their way to an upstream
 * nntp_reply.c   the upstream's greeting, replies and texts on their way back
 * nntp_inside.c  all that on TLS, behind the greeting
 *
 * STARTTLS and AUTHINFO may come at any time in clear, also behind articles, so all is watched
 * until the client has logged in. On TLS and behind a login only the set-up is: the first command
 * that is real work ends the watch. */
#ifndef TLSFRONT_STARTTLS_NNTP_H
#define TLSFRONT_STARTTLS_NNTP_H

#include "proxy/starttls/hidden.h"

#include <stdbool.h>

/* What the client's next bytes are. */
enum nntp_state {
    NNTP_OPENING,  /* not to be read yet: the upstream has not greeted */
    NNTP_COMMANDS, /* lines that are commands */
    NNTP_WAITING,  /* not to be read yet: the reply to the last command decides what they are */
    NNTP_RESPONSE, /* a line of an authentication exchange (RFC 4643, 2.4) */
    NNTP_TEXT,     /* an article up to CRLF.CRLF */
};

/* What the upstream's next bytes are. */
enum nntp_coming {
    NNTP_REPLY,        /* the first line of a reply */
    NNTP_CAPABILITIES, /* lines up to a dot */
    NNTP_BLOCK,        /* text up to a dot */
};

struct nntp_dialogue {
    enum nntp_state state;
    enum nntp_coming coming;
    struct hidden_text text; /* NNTP_TEXT */
    bool block_begun;        /* NNTP_BLOCK: within a line */
    bool block_crlf;         /* the line before ended with CRLF */
    bool block_lf_only;      /* no line of it did */
    bool may_be_text;        /* what comes behind the reply to a command that we do not know */
    bool streaming;          /* the upstream takes articles that come unasked (RFC 4644) */
    bool logged_in;          /* so TLS may not begin any more (RFC 4642, 2.2) */
    bool login_refused;      /* what is not a command could be a password */
    bool user_refused;       /* the last that was refused was USER */
    bool greeted;            /* on TLS: the first line of the upstream's is through */
};
extern const struct starttls starttls_nntp;

#endif
