/* write.h - a plan as a configuration of ours. */
#ifndef TLSFRONT_IMPORT_WRITE_H
#define TLSFRONT_IMPORT_WRITE_H

#include "proxy/base/buf.h"
#include "proxy/import/plan.h"

/* The whole text, with a comment for each statement that was not carried over. */
void write_plan(struct plan *p, struct buf *out);

/* Can it be a value at all? */
bool write_can(const char *text);

/* A value as scan.h reads it: bare, or in the quotes that suit it. False: it cannot be written. */
bool write_value(const char *text, struct buf *out);

#endif
