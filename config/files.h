/* files.h - what a configuration names on disk. */
#ifndef TLSFRONT_FILES_H
#define TLSFRONT_FILES_H

#include "config/bundle.h"
#include "config/diag.h"
#include "config/model.h"

/* Every file that `c` names has to be in `have`, but for ticket keys, which are the supervisor's;
 * findings for those that are not. With `into`,
 * which is then the same bundle, they are read from disk first, and what else the disk can show is
 * looked at: modes, owners, and what is in the way of what the daemon will make. */
void files_visit(const struct config *c, struct bundle *into, const struct bundle *have,
                 struct diags *d);

#endif
