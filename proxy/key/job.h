/* job.h - one run of a `tlsfront key` command: what it was told, and what it works on. */
#ifndef TLSFRONT_KEY_JOB_H
#define TLSFRONT_KEY_JOB_H

#include "proxy/base/exits.h"
#include "proxy/key/store.h"
#include "proxy/load/load.h"
#include "tls/keys/keys.h"

#include <stdbool.h>

enum { KEY_HOSTS_MAX = 100, KEY_FILES_MAX = 100 };

struct key_options {
    const char *file; /* the configuration */
    bool file_given, json;
    const char *name;
    const char *files[KEY_FILES_MAX]; /* what follows the name */
    size_t file_count;
    const char *hosts[KEY_HOSTS_MAX];
    size_t host_count;
    const char *route, *type, *subject, *ca, *key_file, *passphrase_file, *keep;
    unsigned days; /* 0: not given */
    bool replace, same_key, request, commit, rollback, force, keep_root, encrypt, tlsa;
};

struct key_job {
    const struct key_options *o;
    struct candidate candidate;
    const struct config *config; /* NULL: there is none, and the default one was meant */
    const char *state, *control;
    struct keystore store;
    struct buf out;        /* for standard output: text, or the fields of a JSON object */
    struct buf notes;      /* for a person, one per line */
    struct diags findings; /* what is wrong; an error here is why a command failed */
    struct {
        bool known;
        const char *file; /* of the options or the configuration; NULL: it was typed */
        char text[KEYS_PASSPHRASE_SIZE];
    } passphrase; /* the last one */
};

/* A file's bytes for tls/. */
static inline struct tls_slice key_slice(const struct file_bytes *f)
{
    return (struct tls_slice){f->data, f->size};
}

/* ---- the frame (run.c) ---- */

/* From the options to the exit status: reads the configuration, opens the store, has `run` do the
 * work, and prints what came of it. */
int key_run(const struct key_options *o, enum keystore_intent intent,
            int (*run)(struct key_job *j));

/* Say why it cannot be done, with a cure (NULL: none). Returns EXIT_RUNTIME. */
int key_fail(struct key_job *j, const char *cure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int key_fail_usage(struct key_job *j, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* likewise; EXIT_USAGE */

/* A line for a person, which JSON leaves out; shown when the command has succeeded. */
void key_note(struct key_job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "  WORD  text" as text, a field as JSON. */
void key_say(struct key_job *j, const char *word, const char *text);

/* ---- the running daemon (commit.c) ---- */

/* Does a running daemon look for changes of the pair by itself (`watch`)? */
bool key_is_watched(const struct key_job *j);

/* Have the running daemon take up what is in place, if --commit says so; else a note how to. The
 * exit status. */
int key_commit(struct key_job *j);

/* ---- private keys, under a passphrase or not (secret.c) ----
 * What is stored is closed with that of the block's passphrase-file, where it has one, so that the
 * daemon can open it; what lies there is opened with that of --passphrase-file, where it is given.
 * Else with that of the other, or one that is asked for. */

/* Open a key of the store; `path` is for the texts. NULL: a finding says why not. */
struct keys_private *key_open(struct key_job *j, const struct file_bytes *file, const char *path);

/* A key as it is to be stored: under a passphrase when --encrypt or the block says so. The PEM goes
 * to keys_free_text(). NULL: a finding says why not. */
char *key_seal(struct key_job *j, const struct keys_private *k);

/* Does the key lie in the store as key_seal() would put it there? Not where the block has another
 * passphrase than the one that was given for it, or the key lies open in spite of it, or of
 * --encrypt. */
bool key_is_sealed_right(const struct key_job *j, const struct file_bytes *file);

/* Will the daemon be able to open a key of the store? False: a finding says why not. */
bool key_opens_for_daemon(struct key_job *j, const struct file_bytes *file, const char *path);

/* What is certified in an entry of the store; without its key where that is encrypted. */
struct tls_identity *key_stored_identity(struct key_job *j, const char *name,
                                         const struct keystore_entry *entry, struct err *e);

/* ---- the commands ----
 * Each does what the manual says of it, for key_run(): what it made is in j->out, what is wrong in
 * j->findings. The exit status. */

int key_new(struct key_job *j);
int key_renew(struct key_job *j);
int key_self_signed(struct key_job *j);
int key_install(struct key_job *j);
int key_rollback(struct key_job *j);
int key_import(struct key_job *j);
int key_list(struct key_job *j);
int key_show(struct key_job *j);
int key_remove(struct key_job *j);
int key_ticket_new(struct key_job *j);

#endif
