#include "proxy/load/unlock.h"
#include "tls/keys/keys.h"

#include <stdlib.h>
#include <string.h>

/* What else is in the file (the chain may be) stays; the open key is found before the closed. */
static void put_beside(struct bundle *b, const struct bundle_entry *file, const char *pem,
                       struct err *e)
{
    const bool der = keys_inspect((struct tls_slice){file->data, file->size}).der;
    const size_t kept = der ? 0 : file->size, size = kept + strlen(pem);
    uint8_t *both = malloc(size);
    if (both == NULL) {
        err_set(e, "%s: out of memory", file->path);
        return;
    }
    memcpy(both, file->data, kept);
    memcpy(both + kept, pem, strlen(pem));
    char *path = strdup(file->path); /* the entry does not live on */
    if (path == NULL)
        err_set(e, "out of memory");
    else
        bundle_replace(b, path, both, size, e);
    free(path);
    explicit_bzero(both, size);
    free(both);
}

/* False: a finding says why not. */
static bool open_key(const struct certificate_config *c, struct bundle *b,
                     const struct bundle_entry *key, const struct bundle_entry *secret,
                     struct diags *d)
{
    char passphrase[KEYS_PASSPHRASE_SIZE], *pem = NULL;
    struct err e = {.text = ""};
    if (keys_passphrase_line((struct tls_slice){secret->data, secret->size}, secret->path,
                             passphrase, &e) == 0)
        pem = keys_decrypt((struct tls_slice){key->data, key->size}, key->path, passphrase, &e);
    explicit_bzero(passphrase, sizeof passphrase);
    if (pem != NULL)
        put_beside(b, key, pem, &e);
    keys_free_text(pem);
    if (e.text[0] == '\0')
        return true;
    diag_add(d, DIAG_ERROR, &c->passphrase.at,
             err_cure_or(&e, "give the passphrase as the first line of the file"),
             "certificate %s: %s", c->name, e.text);
    return false;
}

static void unlock(const struct certificate_config *c, struct bundle *b, struct diags *d)
{
    struct err ignored;
    const struct file_ref *where = c->key.path != NULL ? &c->key : &c->chain;
    const struct bundle_entry *key =
        where->path != NULL ? bundle_find(b, BUNDLE_FILE, where->path) : NULL;
    const struct bundle_entry *secret = bundle_find(b, BUNDLE_FILE, c->passphrase.path);
    if (key == NULL)
        return; /* reported where it is read, as a missing passphrase is */
    if (!keys_inspect((struct tls_slice){key->data, key->size}).encrypted)
        diag_add(
            d, DIAG_WARNING, &c->passphrase.at, "remove it, or encrypt the key",
            "certificate %s: passphrase-file has no effect: the key in \"%s\" is not encrypted",
            c->name, where->path);
    else if (secret == NULL || !open_key(c, b, key, secret, d))
        bundle_replace(b, where->path, "", 0, &ignored);
}

void unlock_keys(const struct config *c, struct bundle *b, struct diags *d)
{
    struct err ignored;
    for (size_t i = 0; i < c->certificate_count; i++)
        if (c->certificates[i].passphrase.path != NULL)
            unlock(&c->certificates[i], b, d);
    for (size_t i = 0; i < c->certificate_count; i++)
        if (c->certificates[i].passphrase.path != NULL)
            bundle_replace(b, c->certificates[i].passphrase.path, "", 0, &ignored);
}
