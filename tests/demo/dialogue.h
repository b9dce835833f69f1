/* dialogue.h - the server's half of one connection: bytes in, bytes out, no sockets.
 *
 * The caller feeds what it reads, calls dialogue_step() and sends `out`. As long as `out` holds
 * DIALOGUE_OUT_ENOUGH no further command is answered, so a client that sends commands and does not
 * read the answers costs a bounded amount of memory. */
#ifndef TLSFRONT_DEMO_DIALOGUE_H
#define TLSFRONT_DEMO_DIALOGUE_H

#include "proxy/base/buf.h"
#include "tests/demo/mailbox.h"
#include "tests/demo/pop3.h"
#include "tests/demo/smtp.h"

#define DIALOGUE_LINE_MAX   ((size_t)64 * 1024)
#define DIALOGUE_OUT_ENOUGH ((size_t)64 * 1024)

struct dialogue {
    const struct dialogue_protocol *protocol;
    struct mailbox *mailbox;
    struct buf in, out;
    bool ended; /* `out` is the last that is said */
    union {
        struct smtp smtp;
        struct pop3 pop3;
    };
};

struct dialogue_protocol {
    const char *name;
    const char *busy;     /* instead of the greeting when there are too many clients */
    const char *too_long; /* the answer to a line over DIALOGUE_LINE_MAX, the last one */
    void (*open)(struct dialogue *d);
    void (*line)(struct dialogue *d, const char *line, size_t length); /* with its line ending */
    void (*close)(struct dialogue *d);
};

struct dialogue_verb {
    const char *name;
    void (*run)(struct dialogue *d, const char *argument); /* "" when there is none */
};

void dialogue_open(struct dialogue *d, const struct dialogue_protocol *p, struct mailbox *m);
void dialogue_refuse(struct dialogue *d, const struct dialogue_protocol *p);
void dialogue_close(struct dialogue *d);

void dialogue_feed(struct dialogue *d, const void *data, size_t size);

/* Answer the complete lines fed so far, as many as `out` has room for. */
void dialogue_step(struct dialogue *d);

/* For the protocols: run the line's verb; false when `verbs`, ended by a nameless row, lacks it. */
bool dialogue_command(struct dialogue *d, const struct dialogue_verb *verbs, const char *line,
                      size_t length);

#endif
