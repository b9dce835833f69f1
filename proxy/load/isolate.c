#include "proxy/load/isolate.h"
#include "proxy/ipc/ipc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bundle *new_bundle(struct err *e)
{
    struct bundle *b = bundle_new();
    if (b == NULL)
        err_set(e, "out of memory");
    return b;
}

static int add_keyless(struct bundle *out, const struct bundle_entry *file, struct err *e)
{
    uint8_t *data = malloc(file->size + 1);
    if (data == NULL)
        return err_set(e, "out of memory");
    memcpy(data, file->data, file->size);
    const int result =
        bundle_add(out, file->kind, file->path, data, tls_file_keyless(data, file->size), e);
    explicit_bzero(data, file->size);
    free(data);
    return result;
}

static int add_whole(struct bundle *out, const struct bundle_entry *file, struct err *e)
{
    return bundle_add(out, file->kind, file->path, file->data, file->size, e);
}

/* What is no secret; `add` is for files. */
static struct bundle *isolate(const struct bundle *b,
                              int (*add)(struct bundle *out, const struct bundle_entry *file,
                                         struct err *e),
                              struct err *e)
{
    struct bundle *out = new_bundle(e);
    for (size_t i = 0; out != NULL && i < bundle_count(b); i++) {
        const struct bundle_entry *entry = bundle_at(b, i);
        if (entry->kind == BUNDLE_SECRET ||
            (entry->kind == BUNDLE_FILE ? add : add_whole)(out, entry, e) == 0)
            continue;
        bundle_free(out);
        return NULL;
    }
    return out;
}

struct bundle *isolate_files(const struct bundle *b, struct err *e)
{
    return isolate(b, add_keyless, e);
}

struct bundle *isolate_secrets(const struct bundle *b, struct err *e)
{
    return isolate(b, add_whole, e);
}

/* Two certificates may have the same. */
static int add_key(struct bundle *out, const struct tls_identity *id, const char *use,
                   struct err *e)
{
    uint8_t key[TLS_KEY_ID_SIZE], der[TLS_KEY_DER_MAX];
    char name[sizeof IPC_KEY_CALLS + 2 * (size_t)TLS_KEY_ID_SIZE];
    const size_t size = tls_identity_export_key(id, key, der);
    int result = size > 0 ? 0 : err_set(e, "out of memory");
    size_t at = (size_t)snprintf(name, sizeof name, "%s", use);
    for (size_t i = 0; i < sizeof key; i++, at += 2)
        snprintf(name + at, 3, "%02x", key[i]);
    if (result == 0 && bundle_find(out, BUNDLE_FILE, name) == NULL)
        result = bundle_add(out, BUNDLE_FILE, name, der, size, e);
    explicit_bzero(der, sizeof der);
    return result;
}

static int add_uses(struct bundle *out, const struct generation *g, size_t i, struct err *e)
{
    const bool shown = config_shown_upstream(g->config, i);
    const bool served = config_served(g->config, i) || !shown;
    if (served && add_key(out, g->identities[i], "", e) != 0)
        return -1;
    return shown ? add_key(out, g->identities[i], IPC_KEY_CALLS, e) : 0;
}

struct bundle *isolate_keys(const struct generation *g, struct err *e)
{
    struct bundle *out = new_bundle(e);
    for (size_t i = 0; out != NULL && i < g->config->certificate_count; i++)
        if (add_uses(out, g, i, e) != 0) {
            bundle_free(out);
            return NULL;
        }
    return out;
}

/* ---- keys that were replaced ---- */

/* Who has a use for them is in clear, and begins TLS at last; but every session holds its
 * generation. */
enum { KEPT_AT_LEAST = 64 };

/* The last generation that had it; 0: that whose bundle it lies in. */
static uint32_t last_generation(const struct bundle_entry *key)
{
    const char *blank = strchr(key->path, ' ');
    return blank != NULL ? (uint32_t)strtoul(blank + 1, NULL, 10) : 0;
}

static int keep(struct bundle *keys, const struct bundle_entry *key, uint32_t generation,
                struct err *e)
{
    char name[BUNDLE_PATH_MAX];
    const int size = snprintf(name, sizeof name, "%.*s", (int)strcspn(key->path, " "), key->path);
    if (bundle_find(keys, BUNDLE_FILE, name) != NULL)
        return 0;
    snprintf(name + size, sizeof name - (size_t)size, " %u", generation);
    return bundle_add(keys, BUNDLE_FILE, name, key->data, key->size, e);
}

/* The newest stand first: a generation's own before what it has kept. */
int isolate_keep(struct bundle *keys, const struct bundle *before, uint32_t number, uint32_t oldest,
                 struct err *e)
{
    const size_t own = bundle_count(keys);
    size_t room = own > KEPT_AT_LEAST ? own : KEPT_AT_LEAST;
    for (size_t i = 0; i < bundle_count(before) && room > 0; i++) {
        const struct bundle_entry *key = bundle_at(before, i);
        const uint32_t last = last_generation(key);
        if (last != 0 && last < oldest)
            continue;
        if (keep(keys, key, last != 0 ? last : number, e) != 0)
            return -1;
        room -= last != 0;
    }
    return 0;
}
