/* import.c - `tlsfront key import`: a pair that was made elsewhere. */
#include "proxy/console/progress.h"
#include "proxy/key/binding.h"
#include "proxy/key/judge.h"
#include "proxy/key/public.h"
#include "proxy/key/tlsa.h"
#include "proxy/key/tool.h"

#include <stdlib.h>
#include <string.h>

enum { IMPORT_KEYS_MAX = 16 };

struct import_key {
    struct keys_private *key;
    const char *path; /* of its file */
};

struct import {
    struct key_job *job;
    struct keys_pool *pool;
    struct import_key keys[IMPORT_KEYS_MAX]; /* no two are the same */
    size_t count;
    size_t named;      /* so many of them are from --key, and come first */
    const char *path;  /* of the file that is being read */
    bool failed;       /* a finding says why */
    struct err unread; /* why one of the keys cannot be read; "": all can */
    char passphrase[KEYS_PASSPHRASE_SIZE];
    bool asked;
};

/* ---- formats that openssl reads for us ---- */

static bool need_passphrase(struct import *im, const char *path)
{
    struct err e;
    if (im->asked)
        return true;
    if (key_tool_passphrase(im->job->o->passphrase_file, path, im->passphrase, &e) != 0) {
        key_fail(im->job, err_cure_or(&e, "name a file that can be read with --passphrase-file"),
                 "%s", e.text);
        return false;
    }
    im->asked = true;
    return true;
}

/* Either way of asking; `second` may be NULL. */
static int run_openssl(const char *const *arguments, const char *const *second,
                       const char *passphrase, const struct file_bytes *file,
                       struct file_bytes *made, struct err *e)
{
    struct err ignored;
    if (key_tool_openssl(arguments, file, passphrase, made, e) == 0)
        return 0;
    return second != NULL ? key_tool_openssl(second, file, passphrase, made, &ignored) : -1;
}

/* What openssl makes of `file`, into `made`. */
static bool convert(struct import *im, const char *const *arguments, const char *const *second,
                    const struct file_bytes *file, struct file_bytes *made)
{
    struct err e, ignored;
    if (!need_passphrase(im, im->path))
        return false;
    const char *bare = keys_passphrase(im->passphrase);
    progress_begin("openssl reads the file");
    const bool good = run_openssl(arguments, second, bare, file, made, &e) == 0 ||
                      (bare != im->passphrase &&
                       run_openssl(arguments, second, im->passphrase, file, made, &ignored) == 0);
    progress_end();
    if (!good)
        key_fail(im->job,
                 "check the passphrase (--passphrase-file FILE) and that the file is whole; "
                 "openssl(1) has to be installed",
                 "cannot read %s: %s", im->path, e.text);
    return good;
}

/* Windows before 2019 encrypts in ways that OpenSSL 3 calls legacy. */
static bool open_pkcs12(struct import *im, struct file_bytes *file)
{
    static const char *const now[] = {"pkcs12", "-nodes", "-passin", "fd:3", NULL};
    static const char *const legacy[] = {"pkcs12", "-legacy", "-nodes", "-passin", "fd:3", NULL};
    struct file_bytes made;
    if (!convert(im, now, legacy, file, &made))
        return false;
    file_bytes_free(file);
    *file = made;
    return true;
}

/* DES, with which keys were closed before 2010, is legacy as well. */
static bool decrypt_key(struct import *im, struct tls_slice file, struct file_bytes *made)
{
    static const char *const now[] = {"pkey", "-passin", "fd:3", NULL};
    static const char *const legacy[] = {"pkey",    "-provider", "legacy", "-provider",
                                         "default", "-passin",   "fd:3",   NULL};
    const struct file_bytes closed = {(uint8_t *)file.data, file.size, file.size};
    return convert(im, now, legacy, &closed, made);
}

/* ---- private keys ---- */

static bool is_there(const struct import *im, const struct keys_private *key)
{
    char ours[TLS_DIGEST_TEXT], other[TLS_DIGEST_TEXT];
    for (size_t i = 0; i < im->count; i++)
        if (keys_private_digest(key, ours) && keys_private_digest(im->keys[i].key, other) &&
            strcmp(ours, other) == 0)
            return true;
    return false;
}

static void put_key(struct import *im, struct keys_private *key)
{
    if (is_there(im, key)) {
        keys_private_free(key);
    } else if (im->count == IMPORT_KEYS_MAX) {
        keys_private_free(key);
        key_fail(im->job, "give the pair that is meant in files of its own",
                 "there are more than %d private keys in the files given", IMPORT_KEYS_MAX);
        im->failed = true;
    } else {
        im->keys[im->count++] = (struct import_key){key, im->path};
    }
}

static void take_key(void *arg, struct tls_slice file, bool encrypted)
{
    struct import *im = arg;
    struct file_bytes open = {0};
    struct err e;
    if (im->failed)
        return;
    if (encrypted && im->named > 0) {
        diag_add(&im->job->findings, DIAG_WARNING, NULL, NULL,
                 "the encrypted private key in %s is left out: --key names the one to take",
                 im->path);
        return;
    }
    im->failed = encrypted && !decrypt_key(im, file, &open);
    if (im->failed)
        return;
    struct keys_private *key = keys_private_read(encrypted ? key_slice(&open) : file, im->path, &e);
    file_bytes_free(&open);
    if (key != NULL)
        put_key(im, key);
    else if (im->unread.text[0] == '\0')
        im->unread = e;
}

/* ---- files ---- */

static bool take_certificates(struct import *im, const struct file_bytes *file)
{
    struct err e;
    if (keys_pool_add(im->pool, key_slice(file), im->path, &e) == 0)
        return true;
    key_fail(im->job, err_cure_or(&e, NULL), "%s", e.text);
    return false;
}

static bool take_parts(struct import *im, struct file_bytes *file)
{
    struct keys_found look = keys_inspect(key_slice(file));
    if (look.pkcs12) {
        if (!open_pkcs12(im, file))
            return false;
        look = keys_inspect(key_slice(file));
    }
    if ((look.certificate || !look.private_key) && !take_certificates(im, file))
        return false;
    if (look.private_key)
        keys_private_each(key_slice(file), take_key, im);
    return !im->failed;
}

typedef bool take_fn(struct import *im, struct file_bytes *file);

static bool take_file(struct import *im, const char *path, take_fn *take)
{
    struct file_bytes file;
    im->path = path;
    if (!key_read_file(im->job, path, &file))
        return false;
    bool good = take(im, &file);
    file_bytes_free(&file);
    return good;
}

static bool fail_unread(struct import *im)
{
    key_fail(im->job, err_cure_or(&im->unread, NULL), "%s", im->unread.text);
    return false;
}

/* What --key names has to be one. */
static bool take_key_file(struct import *im, struct file_bytes *file)
{
    keys_private_each(key_slice(file), take_key, im);
    im->named = im->count;
    return !im->failed && (im->count > 0 || fail_unread(im));
}

/* ---- the pair ---- */

static void fail_without_pair(struct import *im, size_t candidates)
{
    static const char cure[] = "give the certificate and the key that belong together";
    if (im->unread.text[0] != '\0')
        fail_unread(im);
    else if (candidates == 1)
        key_fail(im->job, cure, "none of the certificates belongs to the key in %s",
                 im->keys[0].path);
    else
        key_fail(im->job, cure, "none of the certificates belongs to one of the %zu private keys",
                 candidates);
}

static void fail_with_pairs(struct import *im, const bool *fits, size_t candidates)
{
    struct buf pairs;
    struct keys_certificate c;
    buf_init(&pairs, 1 << 16);
    for (size_t i = 0; i < candidates; i++)
        if (fits[i]) {
            keys_pool_show_for(im->pool, im->keys[i].key, &c);
            buf_printf(&pairs, "%s%s (%s) in %s", pairs.size > 0 ? ", " : "", c.subject, c.key,
                       im->keys[i].path);
        }
    key_fail(im->job,
             "import one at a time, with a file that holds its private key alone: --key FILE; out "
             "of PKCS#12: openssl pkcs12 -in FILE -nodes",
             "there are several pairs in the files given: %s", (const char *)pairs.data);
    buf_free(&pairs);
}

static void name_others(struct import *im, const struct import_key *chosen)
{
    char kind[16];
    for (size_t i = 0; i < im->count; i++) {
        const struct import_key *k = &im->keys[i];
        if (k == chosen)
            continue;
        keys_private_describe(k->key, kind);
        diag_add(&im->job->findings, DIAG_WARNING, NULL, NULL,
                 "the private key in %s (%s) is left out: %s", k->path, kind,
                 keys_pool_has(im->pool, k->key) ? "--key names the one to take"
                                                 : "none of the certificates belongs to it");
    }
    if (im->unread.text[0] != '\0')
        diag_add(&im->job->findings, DIAG_WARNING, NULL, err_cure_or(&im->unread, NULL),
                 "a private key is left out: %s", im->unread.text);
}

/* The key that a certificate belongs to. NULL: a finding says why there is none. */
static const struct import_key *choose(struct import *im)
{
    const size_t candidates = im->named > 0 ? im->named : im->count;
    const struct import_key *chosen = NULL;
    bool fits[IMPORT_KEYS_MAX];
    size_t pairs = 0;
    for (size_t i = 0; i < candidates; i++) {
        fits[i] = keys_pool_has(im->pool, im->keys[i].key);
        pairs += fits[i];
        chosen = fits[i] ? &im->keys[i] : chosen;
    }
    if (pairs == 0)
        fail_without_pair(im, candidates);
    else if (pairs > 1)
        fail_with_pairs(im, fits, candidates);
    else
        name_others(im, chosen);
    return pairs == 1 ? chosen : NULL;
}

static const struct import_key *take_files(struct import *im)
{
    struct key_job *j = im->job;
    if (j->o->key_file != NULL && !take_file(im, j->o->key_file, take_key_file))
        return NULL;
    for (size_t i = 0; i < j->o->file_count; i++)
        if (!take_file(im, j->o->files[i], take_parts))
            return NULL;
    if (im->count == 0 && im->unread.text[0] != '\0')
        fail_unread(im);
    else if (im->count == 0)
        key_fail(j,
                 "name the key's file with --key FILE; for the answer to a request use "
                 "`tlsfront key install`",
                 "there is no private key in the files given");
    else if (keys_pool_count(im->pool) == 0)
        key_fail(j,
                 "name the file of its certificate as well; to have one issued for a new key: "
                 "tlsfront key new NAME",
                 "there is no certificate in the files given, only the key in %s",
                 im->keys[0].path);
    else
        return choose(im);
    return NULL;
}

/* ---- in place ---- */

/* What waits for an authority's answer goes on waiting, beside. Of two keys that wait the older one
 * is kept as the previous pair is. */
static int put_in_place(struct import *im, const char *chain, char *key)
{
    struct key_job *j = im->job;
    struct keystore_entry old, previous, made = {.exists = true};
    struct err e;
    if (keystore_read(&j->store, j->o->name, &old, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    if (keystore_read_previous(&j->store, j->o->name, &previous, &e) != 0) {
        keystore_entry_free(&old);
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    }
    made.file[KEYSTORE_KEY] = (struct file_bytes){(uint8_t *)key, strlen(key), 0};
    made.file[KEYSTORE_CHAIN] = (struct file_bytes){(uint8_t *)chain, strlen(chain), 0};
    made.file[KEYSTORE_REQUEST] = old.file[KEYSTORE_REQUEST];
    made.file[KEYSTORE_NEXT_KEY] = old.file[KEYSTORE_NEXT_KEY];
    key_leave_waiting(&old, &previous, &made);
    const bool two_wait = keystore_has(&old, KEYSTORE_NEXT_KEY);
    int status = keystore_write(&j->store, j->o->name, &made,
                                two_wait ? KEYSTORE_KEEP_KEY : KEYSTORE_KEEP_PAIR, &e);
    if (status == 0)
        key_warn_new_key(j, key_slice(&old.file[KEYSTORE_CHAIN]),
                         key_slice(&made.file[KEYSTORE_CHAIN]));
    keystore_entry_free(&old);
    keystore_entry_free(&previous);
    if (status != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    char *path = keystore_path(&j->store, j->o->name, KEYSTORE_FILES);
    key_say(j, "name", j->o->name);
    key_say(j, "imported", path);
    key_say_chain(j, key_slice(&made.file[KEYSTORE_CHAIN]));
    free(path);
    key_note_block(j);
    return key_commit(j);
}

static int import(struct import *im)
{
    struct key_job *j = im->job;
    int status = EXIT_RUNTIME;
    const struct import_key *pair = take_files(im);
    if (pair == NULL)
        return status;
    char *chain = key_judge_chain(j, im->pool, pair->key, pair->path, NULL);
    char *key = chain != NULL ? key_seal(j, pair->key) : NULL;
    if (key != NULL)
        status = put_in_place(im, chain, key);
    keys_free_text(key);
    keys_free_text(chain);
    return status;
}

int key_import(struct key_job *j)
{
    struct err e;
    struct import im = {.job = j, .pool = keys_pool_new(&e)};
    int status = im.pool != NULL ? import(&im) : key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    explicit_bzero(im.passphrase, sizeof im.passphrase);
    for (size_t i = 0; i < im.count; i++)
        keys_private_free(im.keys[i].key);
    keys_pool_free(im.pool);
    return status;
}
