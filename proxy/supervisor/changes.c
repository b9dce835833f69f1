#include "proxy/supervisor/changes.h"
#include "proxy/base/date.h"
#include "proxy/load/load.h"

#include <stdlib.h>
#include <string.h>

static const struct route_config *find_route(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (strcmp(c->routes[i].name, name) == 0)
            return &c->routes[i];
    return NULL;
}

static const struct tls_identity *find_identity(const struct generation *g, const char *name)
{
    for (size_t i = 0; i < g->config->certificate_count; i++)
        if (strcmp(g->config->certificates[i].name, name) == 0)
            return g->identities[i];
    return NULL;
}

/* Is `e` among those? */
static bool listed(const struct endpoint *list, size_t count, const struct endpoint *e)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].text, e->text) == 0)
            return true;
    return false;
}

static void describe_endpoints(const char *label, const char *what, const struct endpoint *list,
                               size_t count, const struct endpoint *other, size_t other_count,
                               struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        if (!listed(other, other_count, &list[i]))
            buf_printf(out, "%s: %s %s\n", label, what, list[i].text);
}

/* Only where there are the same as before. */
static bool is_reordered(const struct target_config *b, const struct target_config *a)
{
    bool moved = false;
    for (size_t i = 0; i < a->upstream_count && a->upstream_count == b->upstream_count; i++) {
        if (!listed(b->upstream, b->upstream_count, &a->upstream[i]))
            return false;
        moved |= strcmp(a->upstream[i].text, b->upstream[i].text) != 0;
    }
    return moved;
}

static void describe_target(const struct target_config *b, const struct target_config *a,
                            struct buf *out)
{
    describe_endpoints(a->label, "new upstream", a->upstream, a->upstream_count, b->upstream,
                       b->upstream_count, out);
    describe_endpoints(a->label, "upstream gone:", b->upstream, b->upstream_count, a->upstream,
                       a->upstream_count, out);
    if (is_reordered(b, a))
        buf_printf(out, "%s: upstreams in another order, first %s\n", a->label,
                   a->upstream[0].text);
}

static const struct server_name_config *find_name(const struct route_config *r, const char *name)
{
    for (size_t i = 0; i < r->name_count; i++)
        if (strcmp(r->names[i].name, name) == 0)
            return &r->names[i];
    return NULL;
}

/* The targets of those without one of their own are told of with the route. */
static void describe_names(const struct route_config *b, const struct route_config *a,
                           struct buf *out)
{
    for (size_t i = 0; i < a->name_count; i++) {
        const struct server_name_config *n = &a->names[i], *was = find_name(b, n->name);
        if (was == NULL)
            buf_printf(out, "%s: server-name %s: new\n", a->target.label, n->name);
        else if (was->own_target || n->own_target)
            describe_target(&was->target, &n->target, out);
    }
    for (size_t i = 0; i < b->name_count; i++)
        if (find_name(a, b->names[i].name) == NULL)
            buf_printf(out, "%s: server-name %s: removed; its sessions go on\n", a->target.label,
                       b->names[i].name);
}

static void describe_route(const struct route_config *b, const struct route_config *a,
                           struct buf *out)
{
    describe_endpoints(a->target.label, "now listens on", a->listen, a->listen_count, b->listen,
                       b->listen_count, out);
    describe_endpoints(a->target.label, "no longer listens on", b->listen, b->listen_count,
                       a->listen, a->listen_count, out);
    describe_target(&b->target, &a->target, out);
    describe_names(b, a, out);
}

static void describe_policy(const struct route *b, const struct route *a, struct buf *out)
{
    if (a->policy != NULL && (b->policy == NULL || a->policy_size != b->policy_size ||
                              memcmp(a->policy, b->policy, a->policy_size) != 0))
        buf_printf(out, "route %s: serves another policy; its TXT record wants another id\n",
                   a->config->name);
}

/* `before` may be NULL. */
static bool is_same_identity(const struct tls_identity *before, const struct tls_identity *after)
{
    return before != NULL && strcmp(tls_identity_facts(before)->fingerprint,
                                    tls_identity_facts(after)->fingerprint) == 0;
}

static void describe_identity(const char *name, const struct tls_identity *before,
                              const struct tls_identity *after, struct buf *out)
{
    const struct tls_identity_facts *a = tls_identity_facts(after);
    if (is_same_identity(before, after))
        return;
    char until[16];
    date_day(a->not_after, until);
    buf_printf(out, "certificate %s: %s serial %s, valid until %s\n", name,
               before == NULL ? "new," : "replaced, now", a->serial, until);
}

static void describe_same(const struct generation *before, const struct route_config *was,
                          const struct route *now, struct buf *out)
{
    describe_route(was, now->config, out);
    describe_policy(&before->routes[was - before->config->routes], now, out);
}

void changes_describe(const struct generation *before, const struct generation *after,
                      struct buf *out)
{
    const struct config *c = after->config;
    if (before == NULL)
        return;
    for (size_t i = 0; i < c->route_count; i++) {
        const struct route_config *was = find_route(before->config, c->routes[i].name);
        if (was == NULL)
            buf_printf(out, "route %s: new\n", c->routes[i].name);
        else
            describe_same(before, was, &after->routes[i], out);
    }
    for (size_t i = 0; i < before->config->route_count; i++)
        if (find_route(c, before->config->routes[i].name) == NULL)
            buf_printf(out, "route %s: removed; its sessions go on\n",
                       before->config->routes[i].name);
    for (size_t i = 0; i < c->certificate_count; i++)
        describe_identity(c->certificates[i].name, find_identity(before, c->certificates[i].name),
                          after->identities[i], out);
    for (size_t i = 0; i < before->config->certificate_count; i++)
        if (find_identity(after, before->config->certificates[i].name) == NULL)
            buf_printf(out, "certificate %s: removed\n", before->config->certificates[i].name);
}

/* ---- settings and files ---- */

static bool is_file(const struct file_ref *file, const char *path)
{
    return file->path != NULL && strcmp(file->path, path) == 0;
}

/* Is there a line of what the file holds already, that of a certificate or of a policy? */
static bool is_told(const struct generation *before, const struct generation *after,
                    const char *path)
{
    const struct config *c = after->config;
    for (size_t i = 0; i < c->certificate_count; i++) {
        const struct certificate_config *cert = &c->certificates[i];
        if ((is_file(&cert->chain, path) || is_file(&cert->key, path)) &&
            !is_same_identity(find_identity(before, cert->name), after->identities[i]))
            return true;
    }
    for (size_t i = 0; i < c->route_count; i++)
        if (is_file(&c->routes[i].policy, path))
            return true;
    return false;
}

static bool has_changed(const struct bundle *before, const struct bundle_entry *e)
{
    const struct bundle_entry *was =
        e->kind == BUNDLE_FILE ? bundle_find(before, e->kind, e->path) : NULL;
    return was != NULL && (was->size != e->size || memcmp(was->data, e->data, e->size) != 0);
}

static void describe_file(const char *path, struct buf *out)
{
    char shown[DIAG_TEXT_MAX];
    diag_show(path, shown);
    buf_printf(out, "file %s: other content\n", shown);
}

/* Whole lines of a text, of at most half of the room that is left: files and ticket keys come
 * behind. */
static void put_lines(const char *text, struct buf *out)
{
    const size_t room = (out->limit - out->size) / 2;
    size_t size = strlen(text);
    const bool cut = size > room;
    if (cut)
        for (size = room; size > 0 && text[size - 1] != '\n';)
            size--;
    buf_put(out, text, size);
    if (cut)
        buf_puts(out, "and more settings, too many to tell\n");
}

static void describe_settings(const struct bundle *before, const struct bundle *after,
                              struct buf *out)
{
    char *text = config_differences(before, after);
    if (text != NULL)
        put_lines(text, out);
    else
        buf_puts(out, "what else has changed cannot be told: out of memory\n");
    free(text);
}

void changes_describe_texts(const struct release *before, const struct generation *after,
                            const struct bundle *b, struct buf *out)
{
    struct err e;
    struct bundle *was = before->number != 0 ? bundle_from_fd(before->whole, &e) : NULL;
    if (before->number != 0 && was == NULL)
        buf_printf(out, "what else has changed cannot be told: %s\n", e.text);
    if (was == NULL)
        return;
    describe_settings(was, b, out);
    for (size_t i = 0; i < bundle_count(b); i++)
        if (has_changed(was, bundle_at(b, i)) &&
            !is_told(before->generation, after, bundle_at(b, i)->path))
            describe_file(bundle_at(b, i)->path, out);
    bundle_free(was);
}

/* ---- ticket keys ---- */

bool changes_same_tickets(const struct ticket_files *a, const struct ticket_files *b)
{
    const struct tls_ticket_secrets *x = &a->secrets, *y = &b->secrets;
    return x->count == y->count && memcmp(x->item, y->item, x->count * sizeof *x->item) == 0;
}

void changes_name_tickets(const struct ticket_files *files, struct buf *out)
{
    for (uint32_t i = 0; i < files->secrets.count; i++)
        buf_printf(out, "%s%s %s", i > 0 ? ", " : "", files->fingerprint[i],
                   i == 0 ? "seals" : "opens");
}

void changes_describe_tickets(const struct ticket_files *before, const struct ticket_files *after,
                              struct buf *out)
{
    if (changes_same_tickets(before, after))
        return;
    buf_puts(out, "ticket-key: ");
    if (after->secrets.count > 0)
        changes_name_tickets(after, out);
    else
        buf_puts(out, "none any more, the keys of tickets are this daemon's alone");
    buf_puts(out, "\n");
}
