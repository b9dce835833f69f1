/* isolate.h - a configuration in two halves: what workers get, and the private keys, which the
 * signers get. */
#ifndef TLSFRONT_LOAD_ISOLATE_H
#define TLSFRONT_LOAD_ISOLATE_H

#include "proxy/routes/generation.h"

/* The bundle without private keys and secrets. Passphrases are gone from it already (unlock.h).
 * NULL with the reason. */
struct bundle *isolate_files(const struct bundle *b, struct err *e);

/* The same with private keys, for workers that sign by themselves. */
struct bundle *isolate_secrets(const struct bundle *b, struct err *e);

/* The private keys of a loaded configuration: each as a file, its DER, with the key's id in hex as
 * path; behind IPC_KEY_CALLS one that upstreams are shown. NULL with the reason. */
struct bundle *isolate_keys(const struct generation *g, struct err *e);

#endif
