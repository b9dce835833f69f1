#include "proxy/key/public.h"

#include <stdio.h>
#include <string.h>

void key_chain_digest(struct tls_slice chain, char text[TLS_DIGEST_TEXT])
{
    struct err ignored;
    struct tls_identity *id =
        chain.data != NULL ? tls_identity_inspect(chain, "the chain", &ignored) : NULL;
    snprintf(text, TLS_DIGEST_TEXT, "%s", id != NULL ? tls_identity_facts(id)->key_digest : "");
    tls_identity_free(id);
}

static void request_digest(struct tls_slice file, char text[TLS_DIGEST_TEXT])
{
    struct err ignored;
    struct keys_request *r = keys_request_read(file, "the request", &ignored);
    snprintf(text, TLS_DIGEST_TEXT, "%s", r != NULL ? r->key_digest : "");
    keys_request_free(r);
}

static void open_digest(struct tls_slice file, char text[TLS_DIGEST_TEXT])
{
    struct err ignored;
    struct keys_private *k = keys_private_read(file, "the key", &ignored);
    if (k == NULL || !keys_private_digest(k, text))
        text[0] = '\0';
    keys_private_free(k);
}

bool key_public_digest(const struct keystore_entry *entry, enum keystore_file which,
                       char text[TLS_DIGEST_TEXT])
{
    const struct file_bytes *key = &entry->file[which], *chain = &entry->file[KEYSTORE_CHAIN],
                            *request = &entry->file[KEYSTORE_REQUEST];
    const bool waits_beside = keystore_has(entry, KEYSTORE_NEXT_KEY);
    text[0] = '\0';
    if (key->data == NULL)
        return false;
    if (!keys_inspect(key_slice(key)).encrypted)
        open_digest(key_slice(key), text);
    else if (which == KEYSTORE_KEY && chain->data != NULL)
        key_chain_digest(key_slice(chain), text);
    else if (request->data != NULL && waits_beside == (which == KEYSTORE_NEXT_KEY))
        request_digest(key_slice(request), text);
    return text[0] != '\0';
}

/* Is its key.pem the one with which the request was made? */
static bool made_request(const struct keystore_entry *entry, const char *digest)
{
    char text[TLS_DIGEST_TEXT];
    return key_public_digest(entry, KEYSTORE_KEY, text) && strcmp(text, digest) == 0;
}

void key_leave_waiting(const struct keystore_entry *old, const struct keystore_entry *previous,
                       struct keystore_entry *made)
{
    const struct keystore_entry *owners[] = {old, previous};
    char digest[TLS_DIGEST_TEXT] = "";
    if (keystore_has(made, KEYSTORE_NEXT_KEY))
        return;
    if (!keystore_has(old, KEYSTORE_CHAIN)) {
        made->file[KEYSTORE_NEXT_KEY] = old->file[KEYSTORE_KEY];
        return;
    }
    if (keystore_has(made, KEYSTORE_REQUEST))
        request_digest(key_slice(&made->file[KEYSTORE_REQUEST]), digest);
    for (size_t i = 0; digest[0] != '\0' && i < 2 && !keystore_has(made, KEYSTORE_NEXT_KEY); i++)
        if (owners[i] != NULL && made_request(owners[i], digest))
            made->file[KEYSTORE_NEXT_KEY] = owners[i]->file[KEYSTORE_KEY];
}
