/* store.h - where the key manager keeps what it makes.
 *
 *   STATE/NAME/key.pem       the private key
 *   STATE/NAME/chain.pem     the certificates that are served with it, once there are any
 *   STATE/NAME/request.csr   a request that waits for the authority's answer
 *   STATE/NAME/next-key.pem  the key of that request, where it is not key.pem's
 *   STATE/.NAME.previous     the pair before the last change of it, or a key that waited
 *
 * A change is a whole new directory, complete and on disk before it takes the place of the old one
 * in a single step (renameat2 with RENAME_EXCHANGE): whatever happens in between, a full disk, a
 * crash, leaves what was there, and nobody sees half a pair. One lock per STATE. No knowledge of
 * what the bytes mean. */
#ifndef TLSFRONT_KEY_STORE_H
#define TLSFRONT_KEY_STORE_H

#include "config/err.h"
#include "config/file.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum keystore_file {
    KEYSTORE_KEY,
    KEYSTORE_CHAIN,
    KEYSTORE_REQUEST,
    KEYSTORE_NEXT_KEY,
    KEYSTORE_FILES,
};

struct keystore {
    const char *path; /* STATE, for the texts */
    int directory, lock;
    uid_t owner; /* whose the files are to be: that of STATE */
    gid_t group;
};

/* What lies under a name; `data` NULL: no such file. */
struct keystore_entry {
    bool exists;
    struct file_bytes file[KEYSTORE_FILES];
};

static inline bool keystore_has(const struct keystore_entry *entry, enum keystore_file file)
{
    return entry->file[file].data != NULL;
}

/* KEYSTORE_APART: what is done needs neither the store nor a configuration. */
enum keystore_intent { KEYSTORE_LOOK, KEYSTORE_CHANGE, KEYSTORE_APART };

/* Refused: a STATE that others can look into. To change, STATE is made where it is missing, and
 * locked: this waits for another `tlsfront key`. To look, one that is missing is empty. */
int keystore_open(struct keystore *s, const char *state, enum keystore_intent intent,
                  struct err *e);
void keystore_close(struct keystore *s); /* gives the lock back; -1 as descriptors is fine */

/* -1, with the reason, for one that no pair can have. */
int keystore_check_name(const char *name, struct err *e);

/* "STATE/NAME/key.pem"; "STATE/NAME" for KEYSTORE_FILES. The caller frees it; NULL: no memory. */
char *keystore_path(const struct keystore *s, const char *name, enum keystore_file file);

/* The name under which the previous pair of `name` lies: ".NAME.previous". */
enum { KEYSTORE_DIRECTORY_SIZE = 96 };
void keystore_previous_name(const char *name, char directory[KEYSTORE_DIRECTORY_SIZE]);

/* A name that is not there is an entry that does not exist, no failure. To change, first what a
 * crash has left is tidied up. */
int keystore_read(const struct keystore *s, const char *name, struct keystore_entry *out,
                  struct err *e);
int keystore_read_previous(const struct keystore *s, const char *name, struct keystore_entry *out,
                           struct err *e);
void keystore_entry_free(struct keystore_entry *entry); /* wipes */

/* What of that which was there becomes the previous one: a pair, or, where there was none yet, also
 * a key alone. */
enum keystore_keep { KEYSTORE_KEEP_NOTHING, KEYSTORE_KEEP_PAIR, KEYSTORE_KEEP_KEY };

/* Put `entry` in place. */
int keystore_write(const struct keystore *s, const char *name, const struct keystore_entry *entry,
                   enum keystore_keep keep, struct err *e);

/* Exchange the pair with the previous one; what waits for an answer stays. */
int keystore_rollback(const struct keystore *s, const char *name, struct err *e);

/* With all that belongs to it. */
int keystore_remove(const struct keystore *s, const char *name, struct err *e);

/* `name` lives as long as the call. */
typedef void keystore_name_fn(void *arg, const char *name);

/* Every name, in order. -1: STATE cannot be read. */
int keystore_each(const struct keystore *s, keystore_name_fn *tell, void *arg, struct err *e);

#endif
