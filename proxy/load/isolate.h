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

/* Add to `keys` what sessions that began with generation `oldest`, or a later one, may still ask
 * for: the keys of generation `number`, whose bundle `before` is, and what was kept there in its
 * turn, as many as `keys` had, or some where it had few; the oldest go first. -1 with the reason.
 */
int isolate_keep(struct bundle *keys, const struct bundle *before, uint32_t number, uint32_t oldest,
                 struct err *e);

#endif
