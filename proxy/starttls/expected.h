/* expected.h - replies that the client expects, in order: the upstream's, and between them our own
 * to what the upstream does not hear. */
#ifndef TLSFRONT_STARTTLS_EXPECTED_H
#define TLSFRONT_STARTTLS_EXPECTED_H

#include <stdbool.h>
#include <stdint.h>

/* Runs of the same kind count as one. */
enum { EXPECTED_MAX = 48 };

/* A module's own enum; from here on they are replies of ours. */
enum { EXPECTED_OWN = 128 };

struct expected {
    struct {
        uint8_t kind;
        uint16_t times;
    } runs[EXPECTED_MAX];
    unsigned count; /* of runs */
};

/* False: too many. */
bool expected_add(struct expected *e, unsigned kind);

/* The kind of the oldest; false: nothing is expected. */
bool expected_is(const struct expected *e, unsigned kind);
bool expected_any(const struct expected *e);

/* Is one of that kind in it? */
bool expected_has(const struct expected *e, unsigned kind);

/* The oldest is through, if there is one. */
void expected_drop(struct expected *e);

/* The oldest is of another kind from now on. */
void expected_turn(struct expected *e, unsigned kind);

#endif
