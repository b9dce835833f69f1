/* inspect.c - what a file holds, before it is read. */
#include "tls/form.h"
#include "tls/keys/inner.h"
#include "tls/pem.h"

#include <string.h>

static bool holds(struct tls_slice file, const char *text)
{
    return file.size > 0 && memmem(file.data, file.size, text, strlen(text)) != NULL;
}

struct keys_found keys_inspect(struct tls_slice file)
{
    const enum form what = form_of(file);
    const bool closed = what == FORM_ENCRYPTED_KEY, key = closed || what == FORM_PRIVATE_KEY;
    return (struct keys_found){
        .private_key = key || holds(file, "PRIVATE KEY-----"),
        .encrypted =
            closed || holds(file, "BEGIN ENCRYPTED PRIVATE KEY") || holds(file, "4,ENCRYPTED"),
        .certificate = holds(file, "CERTIFICATE-----") || holds(file, "PKCS7-----"),
        .pkcs12 = what == FORM_PKCS12,
        .der = key,
    };
}

struct parts {
    keys_private_fn *found;
    void *arg;
    bool any;
};

static int on_block(void *arg, const struct pem_block *b, struct err *e)
{
    struct parts *p = arg;
    (void)e;
    if (b->kind != PEM_PRIVATE_KEY)
        return 0;
    p->any = true;
    p->found(p->arg, b->whole, b->encrypted);
    return 0;
}

void keys_private_each(struct tls_slice file, keys_private_fn *found, void *arg)
{
    struct parts p = {.found = found, .arg = arg};
    struct err ignored;
    if (!pem_is_der(file))
        pem_walk(file, "", on_block, &p, &ignored);
    if (!p.any)
        found(arg, file, keys_inspect(file).encrypted);
}
