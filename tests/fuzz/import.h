/* import.h - for the fuzz targets of the peers' configurations: whatever is in a file, it is
 * refused with a reason, or what is made of it is a text that our own reader finds no mistake of
 * form in. Define PEER before. */
#ifndef TLSFRONT_FUZZ_IMPORT_H
#define TLSFRONT_FUZZ_IMPORT_H

#undef NDEBUG /* the assertions are the test */
#include "proxy/import/peers.h"
#include "proxy/import/write.h"

#include "config/bundle.h"
#include "config/scan.h"

#include <assert.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_statements(struct statement *file, size_t size)
{
    struct statement *s = file;
    while ((s = statement_walk(file, s, true)) != NULL) {
        assert(s->count > 0 && s->line > 0 && s->last_line >= s->line);
        assert((size_t)s->last_line <= size + 1);
    }
}

static void check_text(struct buf *out)
{
    struct arena a = {0};
    struct diags d = {0};
    const struct bundle_entry entry = {.data = out->data, .size = out->size};
    assert(!out->failed);
    scan_text(&a, &d, "f", &entry);
    assert(d.count == 0);
    diags_free(&d);
    arena_free(&a);
}

/* Includes are not followed here; paths lead to where nothing is, unless the input knows better. */
static void carry(struct arena *a, struct diags *d, struct statement *file)
{
    struct statement *files[] = {file};
    struct plan p = {.arena = a,
                     .diags = d,
                     .peer = PEER.name,
                     .cwd = "/nonexistent",
                     .files = files,
                     .file_count = 1};
    struct buf out;
    buf_init(&out, (size_t)16 << 20);
    PEER.carry(&p, file);
    plan_finish(&p);
    write_plan(&p, &out);
    check_text(&out);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a = {0};
    struct diags d = {0};
    struct statement *file = statement_file(&a, "f");
    const bool good = PEER.syntax(&a, (const char *)data, size, file, &d);
    assert(good == (d.count == 0));
    if (good) {
        check_statements(file, size);
        carry(&a, &d, file);
    }
    diags_free(&d);
    arena_free(&a);
    return 0;
}

#endif
