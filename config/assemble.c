/* assemble.c - walks the tree and the schema side by side. */
#include "config/assemble.h"
#include "config/schema.h"
#include "config/values.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- any block ---- */

/* Also where the key is set: what is wrong with its value then leaves the default behind, and
 * whoever looks at the configuration for more findings meets no hole. */
static void apply_preset(struct build *b, const struct key *key, void *target)
{
    struct value value = {.text = key->preset};
    struct setting setting = {.key = key->name, .values = &value, .last = &value};
    key->parse(b, key, target, &setting);
}

static enum protocol protocol_of(const struct block *block)
{
    enum protocol p = PROTOCOL_TCP;
    const struct setting *s = tree_find(block, "protocol");
    if (s != NULL)
        protocol_by_name(s->values->text, &p);
    return p;
}

static bool is_in_place(enum key_place place, enum protocol p)
{
    switch (place) {
    case ON_ALL_ROUTES:
        return true;
    case ON_ACME_ROUTES:
        return p == PROTOCOL_ACME;
    case ON_MTA_STS_ROUTES:
        return p == PROTOCOL_MTA_STS;
    case ON_CERTIFIED_ROUTES:
        return p != PROTOCOL_ACME;
    case ON_SERVER_ROUTES:
        break;
    }
    return p != PROTOCOL_ACME && p != PROTOCOL_MTA_STS;
}

/* Does a route of this kind have that key? If not, it must not be set. */
static bool belongs(struct build *b, const struct key *key, const struct setting *s)
{
    const enum protocol p = protocol_of(b->block);
    if (is_in_place(key->place, p))
        return true;
    if (s == NULL)
        return false;
    if (key->place == ON_ACME_ROUTES || key->place == ON_MTA_STS_ROUTES) {
        const char *only = key->place == ON_ACME_ROUTES ? "acme" : "mta-sts";
        build_complain(b, DIAG_ERROR, &s->at,
                       arena_format(b->work, "remove it, or write protocol = %s", only),
                       "%s has a place on %s routes only", key->name, only);
    } else {
        build_complain(b, DIAG_ERROR, &s->at, "remove it",
                       "%s has no place on an %s route, which has no server behind it", key->name,
                       protocol_facts(p)->name);
    }
    return false;
}

static void complain_missing(struct build *b, const struct block *block, const struct key *key)
{
    struct origin at = block->at;
    at.key = key->name;
    build_complain(b, DIAG_ERROR, &at, key->required, "there is no %s", key->name);
}

static void apply(struct build *b, enum scope scope, const struct block *block, void *target)
{
    b->block = block;
    b->label = tree_label(b->work, block);
    for (const struct key *key = schema_keys(scope); key->name != NULL && !b->arena->failed;
         key++) {
        const struct setting *s = tree_find(block, key->name);
        if (key->at_offset != 0 && (s != NULL || scope != SCOPE_SERVER_NAME)) /* else inherited */
            *(struct origin *)((char *)target + key->at_offset) =
                s != NULL ? s->at : (struct origin){.key = key->name};
        if (scope == SCOPE_ROUTE && !belongs(b, key, s))
            continue;
        if (key->preset != NULL)
            apply_preset(b, key, target);
        if (s != NULL)
            key->parse(b, key, target, s);
        else if (key->required != NULL)
            complain_missing(b, block, key);
    }
}

static void check_title(struct build *b)
{
    struct flaw flaw;
    if (value_name(b->block->title, &flaw) != 0)
        diag_add(b->diags, DIAG_ERROR, &b->block->at, flaw.cure, "%s \"%s\": this %s",
                 b->block->kind, b->block->title, flaw.cause);
}

static bool block_is(const struct block *block, enum scope scope)
{
    return strcmp(block->kind, schema_scope_name(scope)) == 0;
}

static size_t count_blocks(const struct tree *tree, enum scope scope)
{
    size_t count = 0;
    for (const struct block *block = tree->blocks; block != NULL; block = block->next)
        count += block_is(block, scope);
    return count;
}

static size_t count_server_names(const struct tree *tree)
{
    size_t count = 0;
    for (const struct block *block = tree->blocks; block != NULL; block = block->next)
        for (const struct block *inner = block->inner; inner != NULL; inner = inner->next)
            count++;
    return count;
}

/* ---- certificates ---- */

/* A block without files is about the pair that `tlsfront key` keeps under its name. */
static void find_files(struct build *b, struct certificate_config *c)
{
    const bool has_chain = tree_find(b->block, "chain") != NULL;
    const bool has_key = tree_find(b->block, "key") != NULL;
    if (has_key && !has_chain)
        build_complain(b, DIAG_ERROR, &b->block->at,
                       "name its PEM file, the server's certificate first: chain = /path/to.crt; "
                       "or remove key too, to use the pair that `tlsfront key` keeps",
                       "there is no chain");
    c->managed = !has_chain && !has_key && b->config->state != NULL;
    if (!c->managed)
        return;
    const char *directory = arena_format(b->arena, "%s/%s", b->config->state, c->name);
    c->chain =
        (struct file_ref){arena_format(b->arena, "%s/" CONFIG_MANAGED_CHAIN, directory), c->at};
    c->key = (struct file_ref){arena_format(b->arena, "%s/" CONFIG_MANAGED_KEY, directory), c->at};
}

static void build_certificate(struct build *b, const struct block *block)
{
    struct certificate_config *c = &b->config->certificates[b->config->certificate_count++];
    *c = (struct certificate_config){.name = arena_copy(b->arena, block->title), .at = block->at};
    apply(b, SCOPE_CERTIFICATE, block, c);
    check_title(b);
    find_files(b, c);
}

/* ---- routes ---- */

/* The machine's name, when it can be one in a greeting. */
static const char *machine_name(struct arena *a)
{
    char name[256];
    struct flaw flaw;
    if (gethostname(name, sizeof name) != 0)
        return "localhost";
    name[sizeof name - 1] = '\0';
    return value_hostname(name, &flaw) == 0 ? arena_copy(a, name) : "localhost";
}

static void finish_route(struct build *b, struct route_config *r)
{
    const struct protocol_facts *facts = protocol_facts(r->protocol);
    const struct setting *greeting = tree_find(b->block, "greeting-timeout");
    const struct setting *upgrade = tree_find(b->block, "upgrade-timeout");

    if (r->protocol == PROTOCOL_ACME && tree_find(b->block, "tls") == NULL)
        r->tls = TLS_MODE_OFF;
    if (tree_find(b->block, "idle-timeout") == NULL)
        r->idle_timeout = facts->idle_ms;
    if (r->hostname == NULL) {
        r->hostname = machine_name(b->arena);
        r->hostname_at.line = 0; /* also where it was given, and wrong */
    }
    if (greeting != NULL && tree_find(b->block, "protocol") != NULL &&
        !facts->server_speaks_first && is_in_place(ON_SERVER_ROUTES, r->protocol))
        build_complain(b, DIAG_WARNING, &greeting->at, "remove it",
                       "greeting-timeout has no effect: a %s server does not speak first",
                       facts->name);
    if (upgrade != NULL && !config_must_upgrade(r))
        build_complain(b, DIAG_WARNING, &upgrade->at, "remove it",
                       "upgrade-timeout has no effect: clients need not send STARTTLS here");
}

static void add_target(struct build *b, struct target_config *t)
{
    t->index = b->config->target_count++;
    b->config->targets[t->index] = t;
}

/* ---- server names ---- */

/* Does the block say something of where its clients are sent? */
static bool has_target(const struct block *block)
{
    const size_t begin = offsetof(struct server_name_config, target);
    for (const struct key *k = schema_keys(SCOPE_SERVER_NAME); k->name != NULL; k++)
        if (k->offset >= begin && k->offset < begin + sizeof(struct target_config) &&
            tree_find(block, k->name) != NULL)
            return true;
    return false;
}

static void take_title(struct build *b, struct server_name_config *n)
{
    struct flaw flaw;
    const char *title = b->block->title;
    n->name = arena_copy(b->arena, title);
    if (value_sni_name(b->arena, title, &n->name, &flaw) != 0)
        build_complain(b, DIAG_ERROR, &b->block->at, flaw.cure, "the name %s", flaw.cause);
}

static void build_server_name(struct build *b, const struct route_config *r,
                              const struct block *block)
{
    struct server_name_config *n = &b->config->server_names[b->config->server_name_count++];
    *n = (struct server_name_config){.at = block->at, .target = r->target};
    apply(b, SCOPE_SERVER_NAME, block, n);
    take_title(b, n);
    n->own_target = has_target(block);
    if (!n->own_target)
        return;
    n->target.label = arena_format(b->arena, "%s: server-name %s", r->target.label, n->name);
    add_target(b, &n->target);
}

static int by_name(const void *a, const void *b)
{
    const struct server_name_config *const *x = a, *const *y = b;
    const int r = strcmp((*x)->name, (*y)->name);
    return r != 0 ? r : (*x > *y) - (*x < *y);
}

static void check_doubled(struct build *b, const struct route_config *r)
{
    const struct server_name_config **sorted = arena_array(b->work, r->name_count, sizeof *sorted);
    for (size_t i = 0; i < r->name_count && sorted != NULL; i++)
        sorted[i] = &r->names[i];
    if (sorted == NULL || b->arena->failed)
        return;
    qsort(sorted, r->name_count, sizeof *sorted, by_name);
    for (size_t i = 1; i < r->name_count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            diag_add(b->diags, DIAG_ERROR, &sorted[i]->at, "keep one of them",
                     "%s: a second server-name %s; the first is in %s line %d", r->target.label,
                     sorted[i]->name, diag_file_name(sorted[i - 1]->at.file),
                     sorted[i - 1]->at.line);
}

static void build_server_names(struct build *b, struct route_config *r, const struct block *block)
{
    r->names = &b->config->server_names[b->config->server_name_count];
    if (block->inner != NULL && (r->protocol == PROTOCOL_ACME || r->protocol == PROTOCOL_MTA_STS)) {
        build_complain(b, DIAG_ERROR, &block->inner->at, "remove it",
                       "server-name has no place on an %s route, which has no server behind it",
                       protocol_facts(r->protocol)->name);
        return;
    }
    for (const struct block *k = block->inner; k != NULL && !b->arena->failed; k = k->next) {
        build_server_name(b, r, k);
        r->name_count++;
    }
    check_doubled(b, r);
}

/* ---- routes, whole ---- */

static void build_route(struct build *b, const struct block *block)
{
    struct route_config *r = &b->config->routes[b->config->route_count++];
    *r = (struct route_config){.name = arena_copy(b->arena, block->title), .at = block->at};
    r->target.label = arena_format(b->arena, "route %s", r->name);
    add_target(b, &r->target);
    apply(b, SCOPE_ROUTE, block, r);
    check_title(b);
    finish_route(b, r);
    build_server_names(b, r, block);
}

/* ---- all ---- */

void assemble_config(struct build *b)
{
    struct config *c = b->config;
    size_t certificates = count_blocks(b->tree, SCOPE_CERTIFICATE);
    size_t routes = count_blocks(b->tree, SCOPE_ROUTE), names = count_server_names(b->tree);
    c->certificates = arena_array(b->arena, certificates, sizeof *c->certificates);
    c->routes = arena_array(b->arena, routes, sizeof *c->routes);
    c->server_names = arena_array(b->arena, names, sizeof *c->server_names);
    c->targets = arena_array(b->arena, routes + names, sizeof *c->targets);
    apply(b, SCOPE_GLOBAL, &b->tree->globals, c);

    /* Certificates first: routes refer to them. */
    for (const struct block *k = b->tree->blocks; k != NULL && !b->arena->failed; k = k->next)
        if (block_is(k, SCOPE_CERTIFICATE))
            build_certificate(b, k);
    for (const struct block *k = b->tree->blocks; k != NULL && !b->arena->failed; k = k->next)
        if (block_is(k, SCOPE_ROUTE))
            build_route(b, k);
}
