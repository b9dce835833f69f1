/* import.c - `tlsfront key import`: a pair that was made elsewhere. */
#include "proxy/console/progress.h"
#include "proxy/key/binding.h"
#include "proxy/key/judge.h"
#include "proxy/key/tlsa.h"
#include "proxy/key/tool.h"

#include <stdlib.h>
#include <string.h>

struct import {
    struct key_job *job;
    struct keys_pool *pool;
    struct keys_private *key;
    const char *key_path;
    char passphrase[KEY_PASSPHRASE_SIZE];
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

/* Replace `file` by what openssl makes of it. */
static bool convert(struct import *im, const char *path, const char *const *arguments,
                    const char *const *second, struct file_bytes *file)
{
    struct file_bytes made;
    struct err e, ignored;
    if (!need_passphrase(im, path))
        return false;
    progress_begin("openssl reads the file");
    const bool good =
        key_tool_openssl(arguments, file, im->passphrase, &made, &e) == 0 ||
        (second != NULL && key_tool_openssl(second, file, im->passphrase, &made, &ignored) == 0);
    progress_end();
    if (!good) {
        key_fail(im->job,
                 "check the passphrase (--passphrase-file FILE) and that the file is whole; "
                 "openssl(1) has to be installed",
                 "cannot read %s: %s", path, e.text);
        return false;
    }
    file_bytes_free(file);
    *file = made;
    return true;
}

/* Windows before 2019 encrypts in ways that OpenSSL 3 calls legacy. */
static bool open_pkcs12(struct import *im, const char *path, struct file_bytes *file)
{
    static const char *const now[] = {"pkcs12", "-nodes", "-passin", "fd:3", NULL};
    static const char *const legacy[] = {"pkcs12", "-legacy", "-nodes", "-passin", "fd:3", NULL};
    return convert(im, path, now, legacy, file);
}

static bool decrypt_key(struct import *im, const char *path, struct file_bytes *file)
{
    static const char *const arguments[] = {"pkey", "-passin", "fd:3", NULL};
    return convert(im, path, arguments, NULL, file);
}

/* ---- files ---- */

static bool take_key(struct import *im, const char *path, struct file_bytes *file)
{
    struct err e;
    if (keys_inspect(key_slice(file)).encrypted && !decrypt_key(im, path, file))
        return false;
    im->key = keys_private_read(key_slice(file), path, &e);
    im->key_path = path;
    if (im->key == NULL)
        key_fail(im->job, err_cure_or(&e, NULL), "%s", e.text);
    return im->key != NULL;
}

/* Certificates first: decrypting a key drops what stands beside it. */
static bool take_parts(struct import *im, const char *path, struct file_bytes *file)
{
    struct err e;
    struct keys_found look = keys_inspect(key_slice(file));
    if (look.pkcs12) {
        if (!open_pkcs12(im, path, file))
            return false;
        look = keys_inspect(key_slice(file));
    }
    if ((look.certificate || !look.private_key) &&
        keys_pool_add(im->pool, key_slice(file), path, &e) != 0) {
        key_fail(im->job, err_cure_or(&e, NULL), "%s", e.text);
        return false;
    }
    if (look.private_key && im->key == NULL)
        return take_key(im, path, file);
    return true;
}

static bool take_file(struct import *im, const char *path, bool key_only)
{
    struct file_bytes file;
    if (!key_read_file(im->job, path, &file))
        return false;
    bool good = key_only ? take_key(im, path, &file) : take_parts(im, path, &file);
    file_bytes_free(&file);
    return good;
}

static bool take_files(struct import *im)
{
    struct key_job *j = im->job;
    if (j->o->key_file != NULL && !take_file(im, j->o->key_file, true))
        return false;
    for (size_t i = 0; i < j->o->file_count; i++)
        if (!take_file(im, j->o->files[i], false))
            return false;
    if (im->key == NULL)
        key_fail(j,
                 "name the key's file with --key FILE; for the answer to a request use "
                 "`tlsfront key install`",
                 "there is no private key in the files given");
    else if (keys_pool_count(im->pool) == 0)
        key_fail(j,
                 "name the file of its certificate as well; to have one issued for a new key: "
                 "tlsfront key new NAME",
                 "there is no certificate in the files given, only the key in %s", im->key_path);
    else if (!keys_pool_has(im->pool, im->key))
        key_fail(j, "give the certificate and the key that belong together",
                 "none of the certificates belongs to the key in %s", im->key_path);
    else
        return true;
    return false;
}

/* ---- in place ---- */

/* What waits for an authority's answer goes on waiting, beside. */
static int put_in_place(struct import *im, const char *chain, char *key)
{
    struct key_job *j = im->job;
    struct keystore_entry old, made = {.exists = true};
    struct err e;
    if (keystore_read(&j->store, j->o->name, &old, &e) != 0)
        return key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    made.file[KEYSTORE_KEY] = (struct file_bytes){(uint8_t *)key, strlen(key), 0};
    made.file[KEYSTORE_CHAIN] = (struct file_bytes){(uint8_t *)chain, strlen(chain), 0};
    made.file[KEYSTORE_REQUEST] = old.file[KEYSTORE_REQUEST];
    made.file[KEYSTORE_NEXT_KEY] = old.file[KEYSTORE_NEXT_KEY];
    if (made.file[KEYSTORE_NEXT_KEY].data == NULL && old.file[KEYSTORE_CHAIN].data == NULL)
        made.file[KEYSTORE_NEXT_KEY] = old.file[KEYSTORE_KEY];
    int status = keystore_write(&j->store, j->o->name, &made, true, &e);
    if (status == 0)
        key_warn_new_key(j, key_slice(&old.file[KEYSTORE_CHAIN]),
                         key_slice(&made.file[KEYSTORE_CHAIN]));
    keystore_entry_free(&old);
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
    if (!take_files(im))
        return status;
    char *chain = key_judge_chain(j, im->pool, im->key, im->key_path, NULL);
    char *key = chain != NULL ? key_seal(j, im->key) : NULL;
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
    keys_private_free(im.key);
    keys_pool_free(im.pool);
    return status;
}
