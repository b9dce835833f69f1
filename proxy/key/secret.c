/* secret.c - private keys on their way into the store and out of it. */
#include "proxy/console/progress.h"
#include "proxy/key/binding.h"
#include "proxy/key/tool.h"

#include <stdlib.h>
#include <string.h>

/* NULL: the block has none. */
static const char *block_passphrase_file(const struct key_job *j)
{
    const size_t block = key_block(j, j->o->name);
    return block != KEY_UNBOUND ? j->config->certificates[block].passphrase.path : NULL;
}

/* One that is typed for a key that is made is typed twice. */
static bool confirmed(const char *file, const char *passphrase)
{
    char again[KEYS_PASSPHRASE_SIZE];
    struct err ignored;
    if (file != NULL || passphrase[0] == '\0')
        return true;
    bool same = key_tool_passphrase(NULL, "the same passphrase again", again, &ignored) == 0 &&
                strcmp(again, passphrase) == 0;
    explicit_bzero(again, sizeof again);
    return same;
}

/* Into j->passphrase. From one place it is taken once: a pipe has no more, and nobody likes to type
 * it twice. False: a finding says why. */
static bool get_passphrase(struct key_job *j, const char *file, bool confirm)
{
    struct err e;
    char *passphrase = j->passphrase.text;
    if (j->passphrase.known && j->passphrase.file == file)
        return true;
    j->passphrase.known = false;
    j->passphrase.file = file;
    if (key_tool_passphrase(file, "passphrase of the key", passphrase, &e) != 0)
        key_fail(j, err_cure_or(&e, "write the passphrase into the first line of that file"), "%s",
                 e.text);
    else if (*keys_passphrase(passphrase) == '\0')
        key_fail(j, "name a file whose first line it is: --passphrase-file FILE",
                 "the private key of %s needs a passphrase", j->o->name);
    else if (confirm && !confirmed(file, passphrase))
        key_fail(j, "try it once more", "the two passphrases are not the same");
    else
        j->passphrase.known = true;
    return j->passphrase.known;
}

/* `from`: a file with its passphrase; NULL: it is asked for. `cure`: of another passphrase. */
static struct keys_private *open_encrypted(struct key_job *j, const char *from,
                                           const struct file_bytes *file, const char *path,
                                           const char *cure)
{
    struct err e;
    if (!get_passphrase(j, from, false))
        return NULL;
    progress_begin("opening the private key");
    char *pem = keys_decrypt(key_slice(file), path, j->passphrase.text, &e);
    progress_end();
    struct keys_private *key =
        pem != NULL
            ? keys_private_read((struct tls_slice){(const uint8_t *)pem, strlen(pem)}, path, &e)
            : NULL;
    keys_free_text(pem);
    if (key == NULL)
        key_fail(j, err_cure_or(&e, cure), "%s", e.text);
    return key;
}

struct keys_private *key_open(struct key_job *j, const struct file_bytes *file, const char *path)
{
    struct err e;
    const char *given = j->o->passphrase_file;
    if (keys_inspect(key_slice(file)).encrypted)
        return open_encrypted(j, given != NULL ? given : block_passphrase_file(j), file, path,
                              "give the passphrase that it was stored with: --passphrase-file "
                              "FILE");
    struct keys_private *key = keys_private_read(key_slice(file), path, &e);
    if (key == NULL)
        key_fail(
            j,
            err_cure_or(&e, "restore it from a backup, or begin anew with `tlsfront key remove`"),
            "%s", e.text);
    return key;
}

char *key_seal(struct key_job *j, const struct keys_private *k)
{
    struct err e;
    const char *of_block = block_passphrase_file(j);
    const bool closed = j->o->encrypt || of_block != NULL;
    if (closed && !get_passphrase(j, of_block != NULL ? of_block : j->o->passphrase_file, true))
        return NULL;
    progress_begin("closing the private key");
    char *pem = closed ? keys_encrypt(k, j->passphrase.text, &e) : keys_private_pem(k, &e);
    progress_end();
    if (closed && of_block == NULL)
        key_note(j,
                 "the daemon needs the passphrase: passphrase-file = FILE in the block of "
                 "certificate %s",
                 j->o->name);
    if (pem == NULL)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    return pem;
}

bool key_is_sealed_right(const struct key_job *j, const struct file_bytes *file)
{
    const bool closed = keys_inspect(key_slice(file)).encrypted;
    if (block_passphrase_file(j) == NULL)
        return closed || !j->o->encrypt;
    return closed && j->o->passphrase_file == NULL;
}

bool key_opens_for_daemon(struct key_job *j, const struct file_bytes *file, const char *path)
{
    const size_t block = key_block(j, j->o->name);
    const char *of_block = block_passphrase_file(j);
    if (block == KEY_UNBOUND || !j->config->certificates[block].managed ||
        !keys_inspect(key_slice(file)).encrypted)
        return true;
    if (of_block == NULL) {
        key_fail(j, "write passphrase-file = FILE into the block of the certificate",
                 "%s is under a passphrase, which the daemon does not know", path);
        return false;
    }
    struct keys_private *key =
        open_encrypted(j, of_block, file, path,
                       "write the passphrase that it was stored with into the block's "
                       "passphrase-file");
    keys_private_free(key);
    return key != NULL;
}

struct tls_identity *key_stored_identity(struct key_job *j, const char *name,
                                         const struct keystore_entry *entry, struct err *e)
{
    const struct tls_slice chain = key_slice(&entry->file[KEYSTORE_CHAIN]);
    const struct tls_slice key = key_slice(&entry->file[KEYSTORE_KEY]);
    char *chain_path = keystore_path(&j->store, name, KEYSTORE_CHAIN);
    char *key_path = keystore_path(&j->store, name, KEYSTORE_KEY);
    struct tls_identity *id = keys_inspect(key).encrypted
                                  ? tls_identity_inspect(chain, chain_path, e)
                                  : tls_identity_load(chain, chain_path, key, key_path, e);
    free(chain_path);
    free(key_path);
    return id;
}
