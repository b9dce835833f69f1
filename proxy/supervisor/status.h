/* status.h - how things are: routes, certificates, connections, workers. */
#ifndef TLSFRONT_SUPERVISOR_STATUS_H
#define TLSFRONT_SUPERVISOR_STATUS_H

#include "proxy/ipc/snapshot.h"
#include "proxy/load/fingerprint.h"
#include "proxy/load/load.h"
#include "proxy/supervisor/outcomes.h"
#include "proxy/supervisor/workers.h"

#include <time.h>

/* What there is to tell of; borrowed. */
struct status {
    const char *state; /* of the daemon: "starting", "running", "draining", "stopping" */
    bool ready;        /* balancers may send newcomers here */
    bool unwanted;     /* it runs, but was told to send them away */
    time_t started;
    const struct workers *workers;
    const struct veterans *veterans;
    const struct child *resolver, *observer;
    const struct sandbox_state *sandbox; /* the supervisor's own */
    const struct outcomes *reloads;
    const struct diags *findings; /* of the last reload */
    time_t kept; /* what is served was kept then, since FILE did not pass at the start; 0: FILE's */
    const struct ticket_files *tickets;      /* of the configuration in service */
    const struct fingerprints *fingerprints; /* likewise; "": none yet */
};

/* More than every configuration that is one has to tell, in whichever form. */
#define STATUS_TEXT_MAX ((size_t)32 << 20)

/* One upstream of a route: "up", "down", or "" where nobody has tried it yet; and why it is down,
 * in words, else "". Both live for ever, or as long as what `s` borrows. */
struct status_upstream {
    const char *state, *why;
};
struct status_upstream status_upstream(const struct status *s, unsigned slot,
                                       const struct endpoint *e);

/* For people at a terminal, as text of cells (proxy/base/cells.h). */
void status_cells(const struct status *s, struct buf *out);

/* For people, and as the JSON of tlsfront(8). */
void status_text(const struct status *s, struct buf *out);
void status_json(const struct status *s, struct buf *out);

/* For the observer. */
void status_snapshot(const struct status *s, struct snapshot_writer *w);

/* What is served under each certificate's name, for `tlsfront key`: lines of
 * "NAME FINGERPRINT KEY-DIGEST". */
void status_serving(const struct status *s, struct buf *out);

/* The text, line by line, to the log. */
void status_log(const struct status *s, struct log *log);

#endif
