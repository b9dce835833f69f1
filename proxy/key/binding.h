/* binding.h - what the configuration says about a certificate's name. */
#ifndef TLSFRONT_KEY_BINDING_H
#define TLSFRONT_KEY_BINDING_H

#include "proxy/key/job.h"

#define KEY_UNBOUND SIZE_MAX

/* Its index in the configuration; KEY_UNBOUND: there is no such block. */
size_t key_block(const struct key_job *j, const char *name);

/* What is in the files that a block names; NULL: nothing that loads. */
const struct tls_identity *key_block_identity(const struct key_job *j, size_t block);

/* Host names that are pointed to, each once. */
struct key_names {
    const char *list[KEY_HOSTS_MAX];
    size_t count;
    bool too_many; /* there was no room for some */
};

/* `name` has to live as long as the list. */
void key_names_add(struct key_names *n, const char *name);

/* Those of --host and --route; with neither, those of the routes and server names that
 * use the certificate. An exit status. */
int key_names_asked(struct key_job *j, struct key_names *out);

/* Every name that a client may use is covered: those of --host, of `request` (may be NULL), and the
 * hostname of each route and each server name that uses the certificate, unless another of its
 * certificates has it.
 * Findings; with --force they are warnings. */
void key_check_names(struct key_job *j, const struct tls_identity *id,
                     const struct keys_request *request);

/* A block that names files of its own does not use the key manager's pair: say so. */
void key_note_block(struct key_job *j);

#endif
