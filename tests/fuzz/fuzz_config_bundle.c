/* fuzz_config_bundle.c - bytes are refused or are the one way to write what they say. */
#undef NDEBUG /* the assertions are the test */
#include "config/bundle.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_wire(const struct bundle *b, const uint8_t *data, size_t size)
{
    struct err e;
    int fd = bundle_to_fd(b, &e);
    uint8_t *again = malloc(size + 1);
    assert(fd >= 0 && again != NULL);
    assert(pread(fd, again, size + 1, 0) == (ssize_t)size);
    assert(memcmp(again, data, size) == 0);
    free(again);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err e = {.text = ""};
    struct bundle *b = bundle_parse(data, size, &e);
    if (b == NULL) {
        assert(e.text[0] != '\0');
        return 0;
    }
    for (size_t i = 0; i < bundle_count(b); i++) {
        const struct bundle_entry *entry = bundle_at(b, i);
        assert(bundle_find(b, entry->kind, entry->path) == entry);
        assert(entry->data[entry->size] == 0);
    }
    check_wire(b, data, size);
    bundle_free(b);
    return 0;
}
