/* hitch.h - the parts of hitch's configurations. */
#ifndef TLSFRONT_IMPORT_HITCH_H
#define TLSFRONT_IMPORT_HITCH_H

#include "proxy/import/rows.h"

/* Of a frontend and of all, of all only, and of a pem-file block. */
extern const struct row hitch_frontend[], hitch_globals[], hitch_pem_file[];

#endif
