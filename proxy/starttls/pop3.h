/* pop3.h - POP3: STLS by RFC 2595.
 *
 * pop3.c         the row, and the client's commands
 * pop3_own.c     what we say ourselves
 * pop3_reply.c   the upstream's greeting, XCLIENT behind it, and the replies
 * pop3_inside.c  all that on TLS, behind the greeting
 *
 * Only the AUTHORIZATION state (RFC 1939, 4) is watched: STLS is not allowed behind it, so a login
 * that succeeds ends the watch. */
#ifndef TLSFRONT_STARTTLS_POP3_H
#define TLSFRONT_STARTTLS_POP3_H

#include <stdbool.h>

/* What the client's next bytes are. */
enum pop3_state {
    POP3_OPENING,     /* not to be read yet: the upstream has not greeted */
    POP3_IDENTIFYING, /* nor yet: the upstream is being told who the client is */
    POP3_COMMANDS,    /* lines that are commands */
    POP3_WAITING,     /* not to be read yet: the reply to AUTH decides what they are */
    POP3_RESPONSE,    /* a line of an authentication exchange (RFC 5034, 4) */
};

struct pop3_dialogue {
    enum pop3_state state;
    bool inside_list;   /* the upstream is in the middle of a multi-line reply */
    bool login_refused; /* what is not a command could be a password */
    bool user_refused;  /* the last that was refused was USER */
    bool greeted;       /* on TLS: the first line of the upstream's is through */
};
extern const struct starttls starttls_pop3;

#endif
