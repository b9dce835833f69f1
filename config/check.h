/* check.h - what only shows when a configuration is seen whole. Pure. */
#ifndef TLSFRONT_CHECK_H
#define TLSFRONT_CHECK_H

#include "config/config.h"
#include "config/tree.h"

/* `incomplete`: parts of the text were skipped, so that what seems absent may be there. */
void check_config(const struct config *c, bool incomplete, struct diags *d);

#endif
