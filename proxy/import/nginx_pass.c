/* nginx_pass.c - from proxy_pass to servers. */
#include "proxy/import/address.h"
#include "proxy/import/nginx.h"
#include "proxy/import/pool.h"
#include "proxy/import/rows.h"

#include <string.h>

/* ---- what is looked for by name ---- */

static const char *label(struct plan *p, const struct statement *context, const char *kind,
                         const char *name)
{
    return pool_format(p->arena, "%p %s %s", (const void *)context, kind, name);
}

static void know(struct plan *p, struct statement *s)
{
    const char *kind = statement_at(s, 0), *name = NULL, *host;
    const struct statement *context = s->parent;
    if (s->is_block && strcmp(kind, "upstream") == 0)
        name = statement_at(s, 1);
    else if (s->is_block && strcmp(kind, "map") == 0)
        name = statement_at(s, 2);
    if (strcmp(kind, "listen") == 0) {
        context = NULL;
        address_split(p->arena, statement_at(s, 1), &host, &name);
        name = pool_format(p->arena, "%u", address_port(name));
    } else if (strcmp(kind, "limit_conn_zone") == 0 &&
               strncmp(statement_at(s, 2), "zone=", 5) == 0) {
        context = NULL;
        name = pool_text(p->arena, statement_at(s, 2) + 5, strcspn(statement_at(s, 2) + 5, ":"));
    }
    if (name != NULL)
        index_add(p->arena, &p->sections, label(p, context, kind, name), s);
}

struct statement *nginx_find(struct plan *p, const struct statement *context, const char *kind,
                             const char *name)
{
    for (size_t i = 0; !p->sections_known && i < p->file_count; i++) {
        struct statement *s = p->files[i];
        while ((s = statement_walk(p->files[i], s, true)) != NULL)
            know(p, s);
    }
    p->sections_known = true;
    return index_get(&p->sections, label(p, context, kind, name));
}

/* ---- upstream blocks ---- */

static bool has_word(const struct statement *s, const char *word)
{
    for (size_t i = 2; i < s->count; i++)
        if (strcmp(s->words[i], word) == 0)
            return true;
    return false;
}

static const char *parameter_why(const char *word)
{
    static const char *const fixed[] = {
        "max_fails=", "fail_timeout=", "slow_start=", "max_conns=", "service="};
    if (strcmp(word, "resolve") == 0 || strcmp(word, "backup") == 0 || strcmp(word, "down") == 0 ||
        strcmp(word, "weight=1") == 0)
        return NULL;
    if (strncmp(word, "weight=", 7) == 0)
        return "all servers count the same";
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strncmp(word, fixed[i], strlen(fixed[i])) == 0)
            return "how a server that fails is left alone is fixed, and there is no limit for it";
    return "tlsfront has nothing like it";
}

static void put_server(struct plan *p, struct entries *to, struct statement *s)
{
    const char *text = statement_at(s, 1);
    const char *address =
        strncmp(text, "unix:", 5) == 0 ? text : address_simple(p->arena, text, "127.0.0.1");
    for (size_t i = 2; i < s->count; i++) {
        const char *why = parameter_why(s->words[i]);
        if (why != NULL)
            statement_lose(p->arena, s, "%s: %s", s->words[i], why);
    }
    if (address == NULL)
        statement_lose(p->arena, s, "this is no address with a port");
    else if (!has_word(s, "down"))
        entries_put(p->arena, to, "upstream", address, s);
}

/* How many take turns; the others wait until those are down. */
static size_t put_servers(struct plan *p, struct entries *to, struct statement *block)
{
    size_t count = 0;
    for (int backup = 0; backup < 2; backup++) {
        for (struct statement *s = block->first; s != NULL; s = s->next) {
            if (!statement_is(s, 0, "server") || has_word(s, "backup") != (backup == 1))
                continue;
            put_server(p, to, s);
            s->carried = true;
            count += backup == 0 && !has_word(s, "down") ? 1U : 0U;
            if (backup == 1 && count > 1)
                statement_lose(p->arena, s, "backup: it takes turns with the others");
        }
    }
    return count;
}

static const char *balance_of(const struct statement *s, const char **why)
{
    const char *word = statement_at(s, 0);
    *why = NULL;
    if (strcmp(word, "least_conn") == 0)
        return "least";
    if (strcmp(word, "hash") == 0 &&
        (statement_is(s, 1, "$remote_addr") || statement_is(s, 1, "$binary_remote_addr")))
        return "source";
    if (strcmp(word, "random") == 0)
        *why = "servers take turns instead";
    else if (strcmp(word, "hash") == 0)
        *why = "only the client's address can decide (hash $remote_addr)";
    else if (strcmp(word, "zone") != 0 && strcmp(word, "server") != 0)
        *why = "tlsfront has nothing like it";
    return NULL;
}

static void put_balance(struct plan *p, struct entries *to, struct statement *block, size_t count)
{
    const char *balance = "rotate", *why;
    struct statement *from = block;
    for (struct statement *s = block->first; s != NULL; s = s->next) {
        const char *other = balance_of(s, &why);
        if (other != NULL) {
            balance = other;
            from = s;
        }
        if (why != NULL)
            statement_lose(p->arena, s, "%s", why);
        s->carried = true;
    }
    if (count > 1)
        entries_replace(p->arena, to, "balance", balance, from);
}

/* ---- proxy_pass ---- */

/* Into `to`. */
static void put_target(struct plan *p, struct entries *to, struct statement *context,
                       const char *name, struct statement *from)
{
    struct statement *block = nginx_find(p, context, "upstream", name);
    if (block != NULL) {
        block->carried = true;
        put_balance(p, to, block, put_servers(p, to, block));
        return;
    }
    const char *address =
        strncmp(name, "unix:", 5) == 0 ? name : address_simple(p->arena, name, "127.0.0.1");
    const char *host, *port;
    address_split(p->arena, name, &host, &port);
    if (address == NULL || (host == NULL && strncmp(name, "unix:", 5) != 0))
        statement_lose(p->arena, from, "\"%s\" is no address with a port, and no upstream block",
                       name);
    else
        entries_put(p->arena, to, "upstream", address, from);
}

/* Of names that we have no pattern for; NULL: it is none. */
static const char *pattern_why(const char *text, bool hostnames)
{
    const size_t size = strlen(text);
    if (text[0] == '~')
        return "server names are no regular expressions";
    if (hostnames && size > 2 && strcmp(text + size - 2, ".*") == 0)
        return "a wildcard stands before a name, not behind it";
    return NULL;
}

/* NAME, *.NAME for all names below it, .NAME for both */
static const char *put_blocks(struct plan *p, struct plan_route *r, struct statement *s,
                              const struct entries *to)
{
    const char *text = s->words[0];
    const bool below = strncmp(text, "*.", 2) == 0, both = text[0] == '.';
    const struct asked one = {text + (both ? 1 : 0), false}, all = {text + (below ? 1 : 0), true};
    const char *why = below ? NULL : route_server_name(p, r, &one, to, s);
    return why == NULL && (below || both) ? route_server_name(p, r, &all, to, s) : why;
}

static void put_named(struct plan *p, struct plan_route *r, struct statement *context,
                      struct statement *s, bool hostnames)
{
    struct entries to = {0};
    const char *other = pattern_why(s->words[0], hostnames);
    if (other != NULL) {
        statement_lose(p->arena, s, "%s", other);
        route_withhold(p, r, "%s:%d: some names would reach another server", s->file, s->line);
        return;
    }
    if (!hostnames && (s->words[0][0] == '.' || strchr(s->words[0], '*') != NULL)) {
        statement_lose(p->arena, s,
                       "without hostnames before it, nginx takes it as it stands, and no client "
                       "asks for such a name");
        return;
    }
    put_target(p, &to, context, statement_at(s, 1), s);
    const struct entry *servers = entries_find(&to, "upstream");
    if (servers != NULL && servers->count > 1 && entries_get(&to, "balance") == NULL)
        entries_put(p->arena, &to, "balance", "first",
                    NULL); /* the others stand by, as said there */
    const char *why =
        entries_find(&to, "upstream") == NULL ? "it leads to no server" : put_blocks(p, r, s, &to);
    if (why == NULL)
        return;
    statement_lose(p->arena, s, "%s", why);
    route_withhold(p, r, "%s:%d: clients that ask for %s would reach another server", s->file,
                   s->line, s->words[0]);
}

/* map $ssl_server_name $name { } */
static void put_mapped(struct plan *p, struct plan_route *r, struct statement *context,
                       const struct given *pass)
{
    struct statement *map = nginx_find(p, context, "map", pass->text);
    if (map == NULL || !statement_is(map, 1, "$ssl_server_name")) {
        statement_lose(p->arena, pass->from,
                       "only a map of $ssl_server_name can choose the server");
        return;
    }
    map->carried = true;
    for (struct statement *s = map->first; s != NULL; s = s->next) /* wherever it stands */
        if (statement_is(s, 0, "default"))
            put_target(p, &r->settings, context, statement_at(s, 1), s);
    bool hostnames = false;
    for (struct statement *s = map->first; s != NULL; s = s->next) {
        s->carried = true;
        hostnames |= statement_is(s, 0, "hostnames");
        if (statement_is(s, 0, "volatile") || s->is_block)
            statement_lose(p->arena, s, "tlsfront has nothing like it");
        else if (!statement_is(s, 0, "default") && !statement_is(s, 0, "hostnames"))
            put_named(p, r, context, s, hostnames);
    }
}

void nginx_pass(struct plan *p, struct plan_route *r, struct statement *context)
{
    const struct entry *s = entries_find(&r->settings, ".pass");
    if (s == NULL)
        return;
    const struct given pass = s->values[s->count - 1]; /* the settings may move */
    if (pass.text[0] == '$') {
        put_mapped(p, r, context, &pass);
        return;
    }
    put_target(p, &r->settings, context, pass.text, pass.from);
}

/* ---- zones ---- */

bool nginx_zone_per_address(struct plan *p, const char *zone)
{
    const struct statement *s = nginx_find(p, NULL, "limit_conn_zone", zone);
    return s != NULL &&
           (statement_is(s, 1, "$binary_remote_addr") || statement_is(s, 1, "$remote_addr"));
}

void nginx_note_unused(struct plan *p, struct statement *file)
{
    for (struct statement *context = file->first; context != NULL; context = context->next) {
        if (!statement_is(context, 0, "stream"))
            continue;
        for (struct statement *s = context->first; s != NULL; s = s->next)
            if (s->is_block && !s->carried &&
                (statement_is(s, 0, "upstream") || statement_is(s, 0, "map")))
                statement_lose(p->arena, s, "no server that is carried over leads there");
    }
}
