/* probe.h - a visit that asks a server nothing but whether it is well: what we say, how its answer
 * is to be taken, how we leave. Pure: bytes in, verdict and bytes out. */
#ifndef TLSFRONT_PROBE_H
#define TLSFRONT_PROBE_H

#include "proxy/base/buf.h"
#include "proxy/base/slice.h"

/* All that a server says before a verdict is there. */
enum { PROBE_MAX = 16384 };

enum probe_verdict {
    PROBE_MORE, /* it has not said all of it yet */
    PROBE_WELL,
    PROBE_ILL, /* what it says is no greeting of one that serves */
};

/* How a protocol does it, a part of its row (starttls.h). */
struct probe_rules {
    /* The server speaks first, in lines: what one of its greeting means. NULL: see `judge`. */
    enum probe_verdict (*line)(struct slice line);
    /* The client has to begin, and all that was said is to be judged. NULL: see `line`. */
    void (*begin)(struct buf *out);
    enum probe_verdict (*judge)(struct slice said);
    const char *goodbye; /* see PROBE_GOODBYE() */
    size_t goodbye_size;
};

#define PROBE_GOODBYE(bytes) .goodbye = (bytes), .goodbye_size = sizeof(bytes) - 1

/* A protocol without rules is one that we do not speak: nothing is said, and that somebody is there
 * is enough. */

/* What to say as soon as the connection stands: nothing where the server speaks first. */
void probe_begin(const struct probe_rules *rules, struct buf *out);

/* `said` is all that the server has said so far. With PROBE_ILL, *words_r is the part of it that
 * says so; it may be empty, and may hold anything. */
enum probe_verdict probe_judge(const struct probe_rules *rules, struct slice said,
                               struct slice *words_r);

/* Goodbye. The server closes; one that speaks a protocol we do not know gets only our FIN. */
void probe_leave(const struct probe_rules *rules, struct buf *out);

/* For rules: does the line begin with this word, in whatever case? */
bool probe_word(struct slice line, const char *word);

#endif
