/* journal.h - entries of systemd's journal in its own protocol, with a field for each key of a
 * line: https://systemd.io/JOURNAL_NATIVE_PROTOCOL/. */
#ifndef TLSFRONT_BASE_JOURNAL_H
#define TLSFRONT_BASE_JOURNAL_H

#include "proxy/base/buf.h"

/* A socket for entries, which does not block; an entry is one write(2). -1: no journal is there. */
int journal_open(void);

/* Begin an entry of that severity (syslog(3)). */
void journal_begin(struct buf *entry, int severity);

/* TLSFRONT_KEY=value. `key` in lower case; what is not plain ASCII in the value becomes \xHH. */
void journal_field(struct buf *entry, const char *key, const char *value);

/* What people read, which is one line and the last field. */
void journal_end(struct buf *entry, const struct buf *message);

#endif
