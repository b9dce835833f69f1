/* mailbox.h - the messages of one user, in memory, in the order they came. */
#ifndef TLSFRONT_DEMO_MAILBOX_H
#define TLSFRONT_DEMO_MAILBOX_H

#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILBOX_MESSAGES    100
#define MAILBOX_MESSAGE_MAX ((size_t)10 * 1024 * 1024)

struct message {
    uint8_t *data;
    size_t size;
    unsigned id; /* never given twice */
};

struct mailbox {
    struct message messages[MAILBOX_MESSAGES];
    size_t count;
    unsigned last_id;
    bool locked; /* by a POP3 session (RFC 1939 section 3): only it may remove messages */
};

bool mailbox_full(const struct mailbox *m);

/* Copies the message; false when the mailbox is full or memory is short. */
bool mailbox_add(struct mailbox *m, const struct buf *message);

void mailbox_remove(struct mailbox *m, size_t index);
void mailbox_free(struct mailbox *m);

#endif
