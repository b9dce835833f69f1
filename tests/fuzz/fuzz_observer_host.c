/* fuzz_observer_host.c - whatever a browser says about whom it believes to have reached: what is
 * taken for ours has none but the characters of names and addresses, and an ending that is foreign
 * makes it foreign. */
#undef NDEBUG /* the assertions are the test */
#include "proxy/observer/host.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of a machine named mail.example. */
static const struct snapshot *ours(void)
{
    static struct snapshot s;
    struct snapshot_writer w;
    struct err e;
    if (s.facts != NULL)
        return &s;
    snapshot_begin(&w);
    const snapshot_text name = snapshot_put_text(&w, "mail.example");
    snapshot_put(&w, SNAPSHOT_NAMES, &name, sizeof name);
    const int fd = snapshot_finish(&w, &e);
    assert(fd >= 0 && snapshot_open(&s, fd));
    close(fd);
    return &s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char foreign[] = ".evil.example";
    static const char known[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.:[]";
    char *host = calloc(1, size + sizeof foreign);
    if (host == NULL)
        return 0;
    if (size > 0)
        memcpy(host, data, size);
    if (host_is_ours(host, ours())) {
        assert(strspn(host, known) == strlen(host));
        strcpy(host + strlen(host), foreign);
        assert(!host_is_ours(host, ours()));
    }
    free(host);
    return 0;
}
