#include "proxy/key/binding.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

size_t key_block(const struct key_job *j, const char *name)
{
    for (size_t i = 0; j->config != NULL && i < j->config->certificate_count; i++)
        if (strcmp(j->config->certificates[i].name, name) == 0)
            return i;
    return KEY_UNBOUND;
}

const struct tls_identity *key_block_identity(const struct key_job *j, size_t block)
{
    return block != KEY_UNBOUND ? j->candidate.generation->identities[block] : NULL;
}

void key_note_block(struct key_job *j)
{
    const size_t block = key_block(j, j->o->name);
    if (block == KEY_UNBOUND)
        key_note(
            j,
            "nothing uses it yet: write \"certificate %s { }\" into %s, and certificate = {%s} "
            "into its routes",
            j->o->name, j->o->file, j->o->name);
    else if (!j->config->certificates[block].managed)
        key_note(j,
                 "certificate %s (%s line %d) names files of its own; remove its chain and key "
                 "lines to have this pair used",
                 j->o->name, j->config->certificates[block].at.file,
                 j->config->certificates[block].at.line);
}

/* ---- names for a request ---- */

void key_names_add(struct key_names *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcasecmp(n->list[i], name) == 0)
            return;
    n->too_many = n->count == KEY_HOSTS_MAX;
    if (!n->too_many)
        n->list[n->count++] = name;
}

static void add_route(struct key_job *j, struct key_names *out, const struct route_config *r)
{
    if (r->hostname_at.line == 0)
        key_note(j, "route %s has no hostname: %s, this machine's name, is taken", r->name,
                 r->hostname);
    key_names_add(out, r->hostname);
}

/* Where a certificate is for those who ask for certain names, these are its own. */
static void add_users(struct key_job *j, struct key_names *out, const struct route_config *r,
                      size_t block)
{
    if (config_lists(&r->certificates, block))
        add_route(j, out, r);
    for (size_t i = 0; i < r->name_count; i++)
        if (config_lists(&r->names[i].certificates, block))
            key_names_add(out, r->names[i].name);
}

static int add_named_route(struct key_job *j, struct key_names *out)
{
    for (size_t i = 0; j->config != NULL && i < j->config->route_count; i++)
        if (strcmp(j->config->routes[i].name, j->o->route) == 0) {
            add_route(j, out, &j->config->routes[i]);
            return 0;
        }
    return key_fail_usage(j, "there is no route \"%s\" in %s", j->o->route, j->o->file);
}

int key_names_asked(struct key_job *j, struct key_names *out)
{
    const struct key_options *o = j->o;
    *out = (struct key_names){.count = 0};
    for (size_t i = 0; i < o->host_count; i++)
        key_names_add(out, o->hosts[i]);
    if (o->route != NULL)
        return add_named_route(j, out);
    const size_t block = key_block(j, o->name);
    for (size_t i = 0; o->host_count == 0 && block != KEY_UNBOUND && i < j->config->route_count;
         i++)
        add_users(j, out, &j->config->routes[i], block);
    return 0;
}

/* ---- names that a certificate has to cover ---- */

static void names_text(const struct tls_identity *id, char *text, size_t size)
{
    const struct tls_identity_facts *f = tls_identity_facts(id);
    size_t used = 0;
    snprintf(text, size, "no name at all");
    for (size_t i = 0; i < f->name_count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i > 0 ? ", " : "", f->names[i]);
}

static void need(struct key_job *j, const struct tls_identity *id, const char *name,
                 const char *who, const char *whose)
{
    char covered[1024], cure[512];
    if (tls_identity_covers(id, name))
        return;
    names_text(id, covered, sizeof covered);
    snprintf(cure, sizeof cure,
             "have it issued with that name, or make a request with the right ones (tlsfront key "
             "renew %s --same-key --host HOST...); --force installs it all the same",
             j->o->name);
    diag_add(&j->findings, j->o->force ? DIAG_WARNING : DIAG_ERROR, NULL, cure,
             "the certificate does not cover \"%s\", which %s%s; clients that use that name will "
             "refuse it. It covers: %s",
             name, who, whose, covered);
}

/* Is the block in the list, and no other of the list has the name? */
static bool must_cover(const struct key_job *j, const struct certificate_list *list, size_t block,
                       const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct tls_identity *other = key_block_identity(j, list->items[i]);
        if (list->items[i] != block && other != NULL && tls_identity_covers(other, name))
            return false;
    }
    return config_lists(list, block);
}

static void need_of_route(struct key_job *j, const struct tls_identity *id,
                          const struct route_config *r, size_t block)
{
    if (r->hostname_at.line > 0 && must_cover(j, &r->certificates, block, r->hostname))
        need(j, id, r->hostname, "is the hostname of route ", r->name);
    for (size_t i = 0; i < r->name_count; i++)
        if (must_cover(j, &r->names[i].certificates, block, r->names[i].name))
            need(j, id, r->names[i].name, "is a server-name of route ", r->name);
}

void key_check_names(struct key_job *j, const struct tls_identity *id,
                     const struct keys_request *request)
{
    const size_t block = key_block(j, j->o->name);
    for (size_t i = 0; i < j->o->host_count; i++)
        need(j, id, j->o->hosts[i], "--host asks for", "");
    for (size_t i = 0; request != NULL && i < request->count; i++)
        need(j, id, request->names[i], "the request asked for", "");
    for (size_t i = 0; block != KEY_UNBOUND && i < j->config->route_count; i++)
        need_of_route(j, id, &j->config->routes[i], block);
}
