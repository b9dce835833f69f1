/* stunnel.c - server sections of stunnel.conf(5). What stands before the first section is global,
 * or what every section has unless it says otherwise. */
#include "proxy/import/stunnel.h"
#include "proxy/import/peers.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <string.h>
#include <strings.h>

/* ---- sections ---- */

static bool is_section(const struct statement *s)
{
    return statement_is(s, 0, "[");
}

static bool says(const struct plan_route *r, const char *key)
{
    const char *text = route_get(r, key);
    return text != NULL && term_is_on(text);
}

static void settle_certificate(struct plan *p, struct plan_route *r)
{
    const struct entry *cert = entries_find(&r->settings, ".cert");
    const char *key = route_get(r, ".key");
    if (cert == NULL)
        return;
    const struct given *last = &cert->values[cert->count - 1];
    const char *path = files_absolute(p->arena, p->cwd, last->text), *dot = strrchr(path, '.');
    if (dot != NULL && (strcasecmp(dot, ".p12") == 0 || strcasecmp(dot, ".pfx") == 0)) {
        statement_lose(p->arena, last->from,
                       "PKCS#12 is not served from: tlsfront key import takes "
                       "it in");
        return;
    }
    const char *name =
        plan_certificate(p, path, key == NULL ? NULL : files_absolute(p->arena, p->cwd, key), NULL);
    entries_put(p->arena, &r->settings, "certificate", name, last->from);
}

/* Levels 3 and 4 let in only those whose own certificate is in the file. */
static void settle_pinned(struct plan *p, struct plan_route *r, struct statement *from)
{
    static const char why[] =
        "the clients' own certificates are listed there, and all that their authorities sign would "
        "be let in here; if each vouches for itself, and no authority is among them, it is the "
        "same: take the signs # off the route";
    statement_lose(p->arena, from, "%s", why);
    route_withhold_for(p, r, from, from->words[0], why);
}

/* One is demanded, and nothing looks at it: every certificate is good enough there. */
static void settle_unverified(struct plan *p, struct plan_route *r, struct statement *from)
{
    static const char why[] =
        "any certificate is good enough there, and a client's is always verified here: name its "
        "authorities by client-ca, and take the signs # off the route";
    entries_put(p->arena, &r->settings, "client-certificate", "required", from);
    statement_lose(p->arena, from, "%s", why);
    route_withhold_for(p, r, from, from->words[0], why);
}

static struct statement *source_of(const struct plan_route *r, const char *key)
{
    const struct entry *s = entries_find(&r->settings, key);
    return s == NULL ? NULL : s->values[s->count - 1].from;
}

static void settle_clients(struct plan *p, struct plan_route *r)
{
    const bool pinned = says(r, ".peer"), verified = pinned || says(r, ".chain");
    const bool required = says(r, ".require");
    if (!verified && required) {
        settle_unverified(p, r, source_of(r, ".clients"));
        return;
    }
    if (!verified) {
        entries_drop(&r->settings, "client-ca");
        entries_drop(&r->settings, "client-crl");
        entries_drop(&r->settings, "client-names");
        return;
    }
    struct statement *from = source_of(r, pinned ? ".peer" : ".chain");
    entries_put(p->arena, &r->settings, "client-certificate", required ? "required" : "optional",
                from);
    if (route_get(r, "client-ca") == NULL)
        route_withhold(p, r, "%s:%d: %s: there is no file of authorities (CAfile) for client-ca",
                       from->file, from->line, from->words[0]);
    if (pinned)
        settle_pinned(p, r, from);
}

static void settle_balance(struct plan *p, struct plan_route *r)
{
    const struct entry *upstream = entries_find(&r->settings, "upstream");
    const char *failover = route_get(r, ".failover");
    if (upstream == NULL || upstream->count < 2 || failover == NULL || strcmp(failover, "rr") != 0)
        return;
    const char *why = route_set(p, r, "balance", "rotate", source_of(r, ".failover"));
    if (why != NULL)
        statement_lose(p->arena, source_of(r, ".failover"),
                       "the servers are tried in the order of the "
                       "list: %s",
                       why);
}

/* plan.sections holds the routes by their section's place and name. */
static const char *label(struct plan *p, const struct statement *block, const char *name)
{
    return pool_format(p->arena, "%p %s", (const void *)block, pool_lower(p->arena, name));
}

/* What the other section says of its own servers is not said for these. */
static void take_back(struct plan *p, struct entries *says, const struct plan_route *to,
                      const char *key, const char *none)
{
    if (route_get(to, key) != NULL && entries_get(says, key) == NULL)
        entries_put(p->arena, says, key, none, NULL);
}

/* A section for one name of another's clients. */
static void settle_name(struct plan *p, struct plan_route *r)
{
    static const char *const keys[] = {"certificate", "upstream", "balance", "send-proxy",
                                       "source"};
    static const char *const read[] = {
        "certificate", "upstream", "balance", "send-proxy", "source",   ".cert",   ".key", ".sni",
        ".failover",   ".require", ".chain",  ".peer",      ".clients", ".client", NULL};
    const char *sni = route_get(r, ".sni"), *colon = strchr(sni, ':');
    struct statement *from = source_of(r, ".sni");
    const char *master = pool_text(p->arena, sni, (size_t)(colon - sni));
    struct plan_route *to = index_get(&p->sections, label(p, r->section->parent, master));
    struct entries says = {0};
    if (to == NULL) {
        statement_lose(p->arena, r->section, "there is no service \"%s\" before it", master);
        return;
    }
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        entries_take(p->arena, &says, &r->settings, keys[i]);
    take_back(p, &says, to, "balance", "first");
    take_back(p, &says, to, "send-proxy", "off");
    if (route_get(to, "source") != NULL && entries_get(&says, "source") == NULL)
        route_withhold(p, to, "%s:%d: sni: its server would see the address that %s connects from",
                       from->file, from->line, master);
    const bool ends = colon[1] == '*';
    const struct asked who = {colon + (ends ? 2 : 1), ends};
    const char *why = route_next_server_name(p, to, &who, &says, from);
    if (why != NULL) {
        statement_lose(p->arena, from, "%s", why);
        route_withhold(p, to, "%s:%d: sni: %s", from->file, from->line, why);
    }
    route_lose_rest(p, r, read, "it is the whole route's: a server-name block does not say it");
    if (r->withheld != NULL || route_get(r, "client-certificate") != NULL) {
        statement_lose(p->arena, from, "what it asks of clients cannot be for one name only");
        route_withhold(p, to, "%s:%d: what %s asks of clients cannot be for one name only",
                       from->file, from->line, r->name);
    } else if (route_get(to, "client-certificate") != NULL) {
        statement_lose(p->arena, from, "its clients are asked for a certificate, as %s's are",
                       master);
    }
}

/* What makes it a client section; NULL: it is none. */
static const struct statement *find_client(const struct statement *section,
                                           const struct plan_route *defaults)
{
    const struct statement *last = source_of(defaults, ".client");
    for (const struct statement *s = section->first; s != NULL; s = s->next)
        if (statement_is(s, 0, "client"))
            last = s;
    return last != NULL && term_is_on(statement_at(last, 1)) ? last : NULL;
}

static void carry_section(struct plan *p, struct statement *s, const struct plan_route *defaults)
{
    struct plan_route *r = plan_route(p, statement_at(s, 1), s, defaults);
    const struct statement *client = find_client(s, defaults);
    if (client != NULL) {
        statement_lose(p->arena, s,
                       "a client section, by %s:%d: it turns clear text into TLS, and tlsfront "
                       "turns TLS into clear text",
                       client->file, client->line);
        return;
    }
    rows_apply_all(p, r, s, stunnel_service);
    settle_certificate(p, r);
    settle_clients(p, r);
    settle_balance(p, r);
    if (route_get(r, ".sni") != NULL) {
        settle_name(p, r);
        return;
    }
    plan_add(p, r);
    index_add(p->arena, &p->sections, label(p, s->parent, r->name), r);
}

/* An include may stand in a section, and hold sections. */
static void carry_sections(struct plan *p, struct statement *block, const struct plan_route *above)
{
    for (struct statement *s = block->first; s != NULL; s = s->next) {
        if (!is_section(s))
            continue;
        carry_section(p, s, above);
        carry_sections(p, s, above);
    }
}

/* Before the first section both kinds may stand. */
static void carry_top(struct plan *p, struct plan_route *defaults, struct statement *file)
{
    for (struct statement *s = file->first; s != NULL; s = s->next)
        if (!is_section(s))
            rows_apply(p, defaults, s,
                       rows_find(stunnel_globals, s->words[0]) != NULL ? stunnel_globals
                                                                       : stunnel_service);
}

static bool has_sections(const struct statement *file)
{
    for (const struct statement *s = file->first; s != NULL; s = s->next)
        if (is_section(s))
            return true;
    return false;
}

static void carry(struct plan *p, struct statement *file)
{
    struct plan_route *defaults = plan_route(p, "stunnel", file, NULL);
    route_set(p, defaults, "connect-timeout", "10s", NULL); /* stunnel's own, other than ours */
    route_set(p, defaults, "idle-timeout", "12h", NULL);
    carry_top(p, defaults, file);
    if (route_get(defaults, "upstream") != NULL && !has_sections(file))
        statement_lose(p->arena, source_of(defaults, "upstream"),
                       "inetd mode: tlsfront listens by itself, so write a section with accept");
    carry_sections(p, file, defaults);
}

static bool include(struct plan *p, const struct statement *s, struct paths *files)
{
    if (!statement_is(s, 0, "include"))
        return false;
    const char *directory = files_absolute(p->arena, p->cwd, statement_at(s, 1));
    *files = files_in(p->arena, directory);
    if (files_is_directory(directory))
        return true;
    files->items = pool_alloc(p->arena, sizeof *files->items);
    /* stunnel does not start without it; so named, it cannot be read, and that will be told */
    files->items[files->count++] = pool_format(p->arena, "%s/", directory);
    return true;
}

const struct peer peer_stunnel = {"stunnel", syntax_stunnel, include, carry, false};
