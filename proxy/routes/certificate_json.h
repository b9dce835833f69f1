/* certificate_json.h - what a certificate says about itself, for programs. */
#ifndef TLSFRONT_ROUTES_CERTIFICATE_JSON_H
#define TLSFRONT_ROUTES_CERTIFICATE_JSON_H

#include "proxy/base/buf.h"
#include "tls/tls.h"

/* The same fields wherever a certificate is told of (`status`, `key list`, `key show`), into an
 * object that is open. */
void certificate_json(const struct tls_identity_facts *f, time_t now, struct buf *out);

#endif
