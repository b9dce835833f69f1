/* fuzz_tls_allow.c - a name of a list against one of a certificate: kind, the listed name, a line
 * end, and what the certificate says, which may hold anything. */
#include "config/values.h"
#include "tls/allow.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool same(const char *listed, struct tls_slice said)
{
    return strlen(listed) == said.size && memcmp(listed, said.data, said.size) == 0;
}

static void check(const char *listed, enum client_name_kind said_kind, struct tls_slice said)
{
    struct flaw ignored;
    struct client_name name = {.text = listed};
    if (value_client_name(listed, &name.kind, &ignored) != 0)
        return;
    const bool fits = allow_name(&name, said_kind, said);
    const bool wildcard = strncmp(listed, "*.", 2) == 0;
    assert(!fits || name.kind == said_kind);
    assert(!fits || memchr(said.data, 0, said.size) == NULL);
    if (name.kind == CLIENT_NAME_URI)
        assert(fits == (said_kind == CLIENT_NAME_URI && same(listed, said)));
    else if (!wildcard && fits && said.data[said.size - 1] != '.')
        assert(strlen(listed) == said.size &&
               strncasecmp(listed, (const char *)said.data, said.size) == 0);
    if (name.kind == said_kind && same(listed, said))
        assert(fits);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 1 ? memchr(data + 1, '\n', size - 1) : NULL;
    if (end == NULL)
        return 0;
    char *listed = strndup((const char *)data + 1, (size_t)(end - data) - 1);
    assert(listed != NULL);
    check(listed, (enum client_name_kind)(data[0] % 3),
          (struct tls_slice){end + 1, size - (size_t)(end + 1 - data)});
    free(listed);
    return 0;
}
