/* judge.h - from files and a private key to a pair that may be put in place. */
#ifndef TLSFRONT_KEY_JUDGE_H
#define TLSFRONT_KEY_JUDGE_H

#include "proxy/key/job.h"

enum { KEY_ANSWER_MAX = 4 << 20 };

/* Read a file whole; false: a finding says why not. */
bool key_read_file(struct key_job *j, const char *path, struct file_bytes *out);

/* The certificate for `key` among `pool`, with its chain, judged against time, purpose, issuers and
 * the names it is needed for (those of `request`, which may be NULL, too). PEM for
 * keys_free_text(); NULL: a finding says why not. `key_path` is for the texts. */
char *key_judge_chain(struct key_job *j, const struct keys_pool *pool,
                      const struct keys_private *key, const char *key_path,
                      const struct keys_request *request);

/* Would the daemon load `chain`, which is called `what` in the texts, with its key? False: a
 * finding says why not. */
bool key_loads(struct key_job *j, const char *chain, const char *what,
               const struct keys_private *key);

/* Would the daemon take up the pair that was there before? It was judged once, but time has gone
 * by, and the block may have another passphrase. False: a finding says why not. */
bool key_judge_previous(struct key_job *j, const struct keystore_entry *previous);

/* What was put in place. */
void key_say_chain(struct key_job *j, struct tls_slice chain_pem);

#endif
