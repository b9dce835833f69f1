/* smtp.h - an SMTP server (RFC 5321) that takes every message for every address into the mailbox.
 */
#ifndef TLSFRONT_DEMO_SMTP_H
#define TLSFRONT_DEMO_SMTP_H

#include "proxy/base/buf.h"

struct smtp {
    bool mail; /* MAIL was given */
    unsigned recipients;
    bool data; /* lines are the message's */
    struct buf message;
};

extern const struct dialogue_protocol smtp_protocol;

#endif
