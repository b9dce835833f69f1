/* status.h - how things are: routes, certificates, connections, workers. */
#ifndef TLSFRONT_SUPERVISOR_STATUS_H
#define TLSFRONT_SUPERVISOR_STATUS_H

#include "proxy/supervisor/supervisor.h"

void status_text(const struct supervisor *s, struct buf *out);
void status_json(const struct supervisor *s, struct buf *out);

/* What is served under each certificate's name, for `tlsfront key`: "NAME FINGERPRINT" lines. */
void status_serving(const struct supervisor *s, struct buf *out);

/* The text, line by line, to the log. */
void status_log(struct supervisor *s);

#endif
