/* config.h - from text to the routing table.
 *
 * config_read() and config_load() parse and validate text; nothing here opens a certificate,
 * resolves a name or binds an address: tls/ and proxy/ give the model meaning. A struct config owns
 * all its strings; config_free() frees everything. Names of keys, values and defaults:
 * tlsfront.conf(5). */
#ifndef TLSFRONT_CONFIG_H
#define TLSFRONT_CONFIG_H

#include "config/bundle.h"
#include "config/diag.h"
#include "config/model.h"

/* Read FILE ("-": standard input) and all that it names from disk into a new bundle and load it.
 * Findings go to `d`, in the order of the text; the caller decides with diag_ok(). Returns NULL,
 * and *bundle_r NULL, when the text could not be understood well enough to go on (there is then at
 * least one DIAG_ERROR, or d->out_of_memory is set); may return a config although there are errors,
 * so that the caller's own checks can add theirs. Such a config may lack what is wrong: routes
 * without addresses, certificates whose path is NULL or not in the bundle. Whatever indexes and
 * counts there are is consistent. Not reentrant: libconfuse's lexer is global. */
struct config *config_read(const char *path, struct bundle **bundle_r, struct diags *d);

/* The same with the texts of a bundle, which are not read again; what they name is. */
struct config *config_reread(const struct bundle *texts, struct bundle **bundle_r, struct diags *d);

/* The same from a bundle, without touching the disk. */
struct config *config_load(const struct bundle *b, struct diags *d);

/* What the texts of a bundle say, however they say it; see canonical.h. The caller frees it; NULL:
 * out of memory. */
char *config_canonical(const struct bundle *b);

/* Which settings the texts of `after` change, a line each; see differences.h. The caller frees it;
 * NULL: out of memory. */
char *config_differences(const struct bundle *before, const struct bundle *after);

/* The control socket that FILE names, even when the rest of FILE is wrong; the default when it
 * names none. The caller frees it; NULL when out of memory. With `doubts`, NULL too where FILE
 * cannot be read, or where something outside of its blocks is wrong that may have named one: as
 * findings. */
char *config_control_path(const char *path, struct diags *doubts);

/* Likewise the directory for keys, without doubts. */
char *config_state_path(const char *path);

/* A file that holds a secret must be private: warns, as "WHOSE: everyone ... can read WHAT in
 * PATH", when everyone may read it. Looks at the disk. */
void config_check_private(const struct file_ref *file, const char *whose, const char *what,
                          struct diags *d);

/* As in `tls = NAME`. */
const char *config_tls_mode_name(enum tls_mode mode);
const char *config_upstream_tls_name(enum upstream_tls mode);

/* NULL is fine. */
void config_free(struct config *c);

#endif
