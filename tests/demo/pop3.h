/* pop3.h - a POP3 server (RFC 1939) for the user "demo", with any password. */
#ifndef TLSFRONT_DEMO_POP3_H
#define TLSFRONT_DEMO_POP3_H

#include "tests/demo/mailbox.h"

struct pop3 {
    bool user;      /* USER demo was given */
    bool logged_in; /* and holds the mailbox's lock */
    size_t count;   /* messages that were there at login; later ones wait for the next */
    bool deleted[MAILBOX_MESSAGES];
};

extern const struct dialogue_protocol pop3_protocol;

#endif
