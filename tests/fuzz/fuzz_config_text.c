/* fuzz_config_text.c - any text is refused or becomes a configuration that holds together. */
#undef NDEBUG /* the assertions are the test */
#include "config/config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_findings(const struct diags *d)
{
    for (size_t i = 0; i < d->count; i++) {
        char buf[512];
        assert(d->items[i].cause != NULL && d->items[i].line >= 0);
        diag_format(&d->items[i], buf, sizeof buf);
    }
}

static void check_names(const struct config *c, const struct route_config *r, bool ok)
{
    for (size_t i = 0; i < r->name_count; i++) {
        const struct server_name_config *n = &r->names[i];
        assert(n->name != NULL && n >= c->server_names &&
               n < c->server_names + c->server_name_count);
        assert(n->target.index < c->target_count);
        assert(c->targets[n->target.index] == (n->own_target ? &n->target : &r->target));
        assert(!ok || n->target.upstream_count > 0);
        for (size_t k = 0; k < n->certificates.count; k++)
            assert(n->certificates.items[k] < c->certificate_count);
    }
}

static void check_route(const struct config *c, const struct route_config *r, bool ok)
{
    assert(r->name != NULL && r->hostname != NULL && r->at.line > 0);
    for (size_t i = 0; i < r->certificates.count; i++)
        assert(r->certificates.items[i] < c->certificate_count);
    for (size_t i = 0; i < r->listen_count; i++)
        assert(r->listen[i].text != NULL && r->listen[i].kind != ENDPOINT_NAME);
    for (size_t i = 0; i < r->target.upstream_count; i++)
        assert(r->target.upstream[i].text != NULL);
    check_names(c, r, ok);
    if (!ok)
        return;
    const bool acme = r->protocol == PROTOCOL_ACME;
    assert(r->listen_count > 0);
    assert((r->target.upstream_count > 0) == !acme && (r->certificates.count > 0) == !acme);
    assert((r->challenges.path != NULL) == acme);
}

static void check_config(const struct config *c, bool ok)
{
    assert(!ok || (c->route_count > 0 && c->control != NULL && c->state != NULL));
    for (size_t i = 0; i < c->route_count; i++)
        check_route(c, &c->routes[i], ok);
    for (size_t i = 0; i < c->certificate_count; i++)
        assert(c->certificates[i].name != NULL && (!ok || c->certificates[i].chain.path != NULL));
}

static void load(const struct bundle *b)
{
    struct diags d = {0};
    struct config *c = config_load(b, &d);
    bool ok = diag_ok(&d, DIAG_ERROR);
    assert(c != NULL || !ok);
    assert(!d.out_of_memory);
    check_findings(&d);
    if (c != NULL)
        check_config(c, ok);
    config_free(c);
    diags_free(&d);
}

/* What was read before must not change how a text is read. */
static void load_known(void)
{
    static const char text[] = "certificate mail { chain = /c }\n"
                               "route r { listen = \":995\" protocol = pop3 certificate = mail\n"
                               "upstream = \"127.0.0.1:110\" }\n";
    struct diags d = {0};
    struct bundle *b = bundle_new();
    bundle_add(b, BUNDLE_TEXT, "/t", text, sizeof text - 1, NULL);
    bundle_add(b, BUNDLE_FILE, "/c", "x", 1, NULL);
    struct config *c = config_load(b, &d);
    assert(c != NULL && d.count == 0 && c->route_count == 1 && c->routes[0].listen[0].at.line == 2);
    config_free(c);
    bundle_free(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bundle *b = bundle_new();
    if (b == NULL || bundle_add(b, BUNDLE_TEXT, "/etc/tlsfront.conf", data, size, NULL) != 0)
        abort();
    bundle_add(b, BUNDLE_FILE, "/c", "x", 1, NULL);
    bundle_add(b, BUNDLE_FILE, "/k", "x", 1, NULL);
    load(b);
    bundle_free(b);
    load_known();
    return 0;
}
