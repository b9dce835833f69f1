/* stunnel.h - the parts of stunnel's configurations. */
#ifndef TLSFRONT_IMPORT_STUNNEL_H
#define TLSFRONT_IMPORT_STUNNEL_H

#include "proxy/import/rows.h"

/* What stands before all sections only, and what may stand in one. */
extern const struct row stunnel_globals[], stunnel_service[];

#endif
