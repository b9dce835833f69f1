/* asked.h - what an upstream was asked and has not replied to yet, the oldest first. */
#ifndef TLSFRONT_STARTTLS_ASKED_H
#define TLSFRONT_STARTTLS_ASKED_H

#include <stdbool.h>
#include <stdint.h>

/* Commands under way at once; those of a client that pipelines more wait in its slice. */
enum { ASKED_MAX = 32 };

struct asked {
    uint8_t kinds[ASKED_MAX]; /* a module's own enum */
    unsigned count;
};

/* False: too many are under way. */
bool asked_add(struct asked *a, unsigned kind);

/* The oldest has got its reply. There must be one. */
void asked_drop(struct asked *a);

#endif
