/* probe.h - a visit that asks a server nothing but whether it is well: what we say, how its answer
 * is to be taken, how we leave. Pure: bytes in, verdict and bytes out. */
#ifndef TLSFRONT_PROBE_H
#define TLSFRONT_PROBE_H

#include "config/protocol.h"
#include "proxy/base/buf.h"
#include "proxy/base/slice.h"

/* All that a server says before a verdict is there. */
enum { PROBE_MAX = 16384 };

enum probe_verdict {
    PROBE_MORE, /* it has not said all of it yet */
    PROBE_WELL,
    PROBE_ILL, /* what it says is no greeting of one that serves */
};

/* What to say as soon as the connection stands: nothing where the server speaks first. */
void probe_begin(enum protocol p, struct buf *out);

/* `said` is all that the server has said so far, which may be nothing: that is enough where all
 * that counts is that somebody is there. With PROBE_ILL, *words_r is the part of it that says so;
 * it may be empty, and may hold anything. */
enum probe_verdict probe_judge(enum protocol p, struct slice said, struct slice *words_r);

/* Goodbye. The server closes; one that speaks a protocol we do not know gets only our FIN. */
void probe_leave(enum protocol p, struct buf *out);

#endif
