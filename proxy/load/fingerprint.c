#include "proxy/load/fingerprint.h"
#include "config/config.h"
#include "proxy/base/buf.h"
#include "proxy/load/isolate.h"

#include <stdio.h>
#include <stdlib.h>
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

static void print_digest(const void *data, size_t size, char out[FINGERPRINT_SIZE])
{
    uint8_t digest[TLS_SHA256_SIZE];
    out[0] = '\0';
    if (!tls_sha256(data, size, digest))
        return;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void print_entries(const struct bundle_entry *const *entries, size_t count,
                          char out[FINGERPRINT_SIZE])
{
    struct buf all;
    bool well = true;
    out[0] = '\0';
    buf_init(&all, (size_t)BUNDLE_ENTRIES_MAX * 2 * TLS_SHA256_SIZE);
    for (size_t i = 0; well && i < count; i++)
        well = add_entry(&all, entries[i]);
    if (well)
        print_digest(all.data, all.size, out);
    buf_free(&all);
}

static int by_path(const void *a, const void *b)
{
    const struct bundle_entry *const *x = a, *const *y = b;
    return strcmp((*x)->path, (*y)->path);
}

/* In `entries`, which has room for all, first as they are, then the files alone. */
static void print_bundle(const struct bundle *keyless, const struct bundle_entry **entries,
                         struct fingerprints *out)
{
    size_t count = 0;
    for (size_t i = 0; i < bundle_count(keyless); i++)
        entries[i] = bundle_at(keyless, i);
    print_entries(entries, bundle_count(keyless), out->whole);
    for (size_t i = 0; i < bundle_count(keyless); i++)
        if (entries[i]->kind == BUNDLE_FILE)
            entries[count++] = entries[i];
    qsort(entries, count, sizeof *entries, by_path);
    print_entries(entries, count, out->files);
}

void fingerprints(const struct bundle *b, struct fingerprints *out)
{
    struct err e;
    char *text = config_canonical(b);
    struct bundle *keyless = isolate_files(b, &e);
    const struct bundle_entry **entries = calloc(bundle_count(b) + 1, sizeof *entries);
    *out = (struct fingerprints){{0}, {0}, {0}};
    if (text != NULL)
        print_digest(text, strlen(text), out->config);
    if (keyless != NULL && entries != NULL)
        print_bundle(keyless, entries, out);
    free(text);
    free(entries);
    bundle_free(keyless);
}
