#include "proxy/load/fingerprint.h"
#include "proxy/base/buf.h"
#include "proxy/load/isolate.h"

#include <stdio.h>
#include <string.h>

/* Of one, so that the end of a text and the beginning of the next cannot be mistaken. */
static bool add_digest(struct buf *all, const void *data, size_t size)
{
    uint8_t digest[TLS_SHA256_SIZE];
    if (!tls_sha256(data, size, digest))
        return false;
    buf_put(all, digest, sizeof digest);
    return !all->failed;
}

static bool add_entry(struct buf *all, const struct bundle_entry *e)
{
    return add_digest(all, e->path, strlen(e->path)) && add_digest(all, e->data, e->size);
}

void fingerprint(const struct bundle *b, char out[FINGERPRINT_SIZE])
{
    struct err e;
    struct buf all;
    uint8_t digest[TLS_SHA256_SIZE];
    struct bundle *keyless = isolate_files(b, &e);
    bool well = keyless != NULL;
    buf_init(&all, (size_t)BUNDLE_ENTRIES_MAX * 2 * TLS_SHA256_SIZE);
    for (size_t i = 0; well && i < bundle_count(keyless); i++)
        well = add_entry(&all, bundle_at(keyless, i));
    well = well && tls_sha256(all.data, all.size, digest);
    out[0] = '\0';
    for (size_t i = 0; well && i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    buf_free(&all);
    bundle_free(keyless);
}
