/* pop3_inner.h - what the files of the POP3 module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_POP3_INNER_H
#define TLSFRONT_STARTTLS_POP3_INNER_H

#include "proxy/starttls/starttls.h"
#include "proxy/starttls/step.h"

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

/* The capabilities of a server that has none but ours. */
void pop3_put_own_list(const struct talk *t, struct talk_out *out);

/* The upstream does not speak POP3: tell the client, and end. */
enum step pop3_broken(struct talk *t, struct talk_out *out);

/* One line of the upstream's. */
enum step pop3_take_reply(struct talk *t, struct slice *in, struct talk_out *out);

#endif
