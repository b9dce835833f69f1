/* smtp.h - SMTP, submission and LMTP: STARTTLS by RFC 3207.
 *
 * smtp.c        the row, and the client's lines
 * smtp_own.c    what we say ourselves
 * smtp_syntax.c what lines look like
 * smtp_pass.c   the client's commands and mail text on their way to an upstream
 * smtp_reply.c  the upstream's replies on their way back
 * smtp_open.c   the upstream's greeting, and XCLIENT behind it
 * smtp_inside.c all that on TLS
 *
 * A dialogue with an upstream never becomes DIALOGUE_RELAY for being quiet: a client may ask for
 * the capabilities or for STARTTLS at any time, also behind a login and between two mails. Only
 * TURN and ATRN, where the roles change, and a security layer end the watch. */
#ifndef TLSFRONT_STARTTLS_SMTP_H
#define TLSFRONT_STARTTLS_SMTP_H

#include "proxy/starttls/hidden.h"

#include <stdbool.h>
#include <stdint.h>

/* What the client's next bytes are. */
enum smtp_state {
    SMTP_OPENING,  /* not to be read yet: the upstream has not greeted */
    SMTP_COMMANDS, /* lines that are commands */
    SMTP_WAITING,  /* not to be read yet: the reply to the last command decides what they are */
    SMTP_RESPONSE, /* a line of an authentication exchange (334) */
    SMTP_TEXT,     /* mail text up to CRLF.CRLF (354) */
    SMTP_BYTES,    /* counted bytes: a chunk of BDAT, or XEXCH50's */
};

/* How far the EHLO or LHLO has come that lies at the front of the client's slice. It stays there
 * until it is answered, because an upstream too old for EHLO is asked again with HELO. */
enum smtp_hello {
    SMTP_HELLO_NONE,     /* there is none */
    SMTP_HELLO_ASKED,    /* the upstream was asked */
    SMTP_HELLO_UNKNOWN,  /* it does not know EHLO; the client has not heard of that */
    SMTP_HELLO_AS_HELO,  /* it was asked with HELO; its refusal still lies in front */
    SMTP_HELLO_REPLYING, /* and is replying */
    SMTP_HELLO_ANSWERED, /* the client has its answer */
};

struct smtp_dialogue {
    enum smtp_state state;
    enum smtp_hello hello;
    unsigned own;            /* commands of our own sent while opening */
    unsigned recipients;     /* accepted in this mail transaction */
    unsigned finals;         /* LMTP: replies still to come to one mail text (RFC 2033, 4.2) */
    struct hidden_text text; /* SMTP_TEXT */
    uint64_t bytes;          /* SMTP_BYTES: how many are to come */
    bool inside_list;        /* the upstream is in the middle of a list of capabilities */
    bool list_lost;          /* which cannot be followed any more */
    bool lmtp;               /* the upstream took LHLO */
    bool chunking;           /* the upstream offers BDAT */
    bool transaction;        /* the upstream took MAIL, and neither mail text nor RSET since */
    bool auth_refused;       /* what is not a command could be a password */
    bool layer_asked;        /* the last AUTH may end with a security layer */
    bool layer;              /* there may be one */
    bool greeted;            /* on TLS: the upstream's greeting is through */
};
extern const struct starttls starttls_smtp;

#endif
