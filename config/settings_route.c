/* settings_route.c - the keys of a route that name addresses and certificates. */
#include "config/settings.h"
#include "config/suggest.h"
#include "config/values.h"

#include <string.h>

static void *field(void *target, const struct key *key)
{
    return (char *)target + key->offset;
}

static size_t count_values(const struct setting *s)
{
    size_t count = 0;
    for (const struct value *v = s->values; v != NULL; v = v->next)
        count++;
    return count;
}

static void complain(struct build *b, const struct key *key, const struct value *v,
                     const struct flaw *flaw)
{
    build_complain(b, DIAG_ERROR, &v->at, flaw->cure, "%s \"%s\" %s", key->name, v->text,
                   flaw->cause);
}

/* ---- listen, observe ---- */

/* Has room for two for each value. */
struct places {
    struct endpoint *items;
    size_t count;
};

static int add_listen(struct build *b, struct places *p, const char *text, const struct value *v,
                      struct flaw *flaw)
{
    struct endpoint *ep = &p->items[p->count];
    ep->at = v->at;
    if (text == NULL)
        return 0;
    int result = value_listen(b->arena, text, ep, flaw);
    /* Without memory for its text the endpoint is not one; the arena remembers. */
    if (result == 0 && ep->text != NULL)
        p->count++;
    return result;
}

static int add_all_addresses(struct build *b, struct places *p, const char *port,
                             const struct value *v, struct flaw *flaw)
{
    if (add_listen(b, p, arena_format(b->work, "0.0.0.0:%s", port), v, flaw) != 0)
        return -1;
    return add_listen(b, p, arena_format(b->work, "[::]:%s", port), v, flaw);
}

static struct places places_of(struct build *b, const struct key *key, const struct setting *s)
{
    struct places p = {arena_array(b->arena, 2 * count_values(s), sizeof *p.items), 0};
    for (const struct value *v = s->values; v != NULL && p.items != NULL; v = v->next) {
        const char *port = value_all_addresses(v->text);
        struct flaw flaw;
        int result = port != NULL ? add_all_addresses(b, &p, port, v, &flaw)
                                  : add_listen(b, &p, v->text, v, &flaw);
        if (result != 0)
            complain(b, key, v, &flaw);
    }
    return p;
}

void setting_listen(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct route_config *r = target;
    const struct places p = places_of(b, key, s);
    r->listen = p.items;
    r->listen_count = p.count;
    for (size_t i = 0; i < p.count; i++)
        b->config->listen_ports[p.items[i].port / 8] |= (uint8_t)(1U << p.items[i].port % 8);
}

void setting_observe(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct config *c = target;
    const struct places p = places_of(b, key, s);
    c->observe = p.items;
    c->observe_count = p.count;
}

void setting_observe_agent(struct build *b, const struct key *key, void *target,
                           const struct setting *s)
{
    struct config *c = target;
    const struct places p = places_of(b, key, s);
    c->observe_agent = p.items;
    c->observe_agent_count = p.count;
}

/* ---- upstream, source, networks ---- */

void setting_upstream(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct target_config *t = field(target, key);
    t->upstream_at = s->at;
    t->upstream_count = 0;
    t->upstream = arena_array(b->arena, count_values(s), sizeof *t->upstream);
    for (const struct value *v = s->values; v != NULL && t->upstream != NULL; v = v->next) {
        struct endpoint *ep = &t->upstream[t->upstream_count];
        struct flaw flaw;
        ep->at = v->at;
        if (value_upstream(b->arena, v->text, ep, &flaw) != 0)
            complain(b, key, v, &flaw);
        else if (ep->text != NULL)
            t->upstream_count++;
    }
}

void setting_source(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct target_config *t = field(target, key);
    struct flaw flaw;

    t->source_at = s->at;
    if (strcmp(s->values->text, "transparent") == 0) {
        t->source_kind = SOURCE_TRANSPARENT;
        return;
    }
    t->source.at = s->at;
    if (value_address(b->arena, s->values->text, &t->source, &flaw) != 0)
        complain(b, key, s->values, &flaw);
    else
        t->source_kind = SOURCE_ADDRESS;
}

void setting_upstream_name(struct build *b, const struct key *key, void *target,
                           const struct setting *s)
{
    struct flaw flaw;
    if (value_server_name(s->values->text, &flaw) != 0)
        complain(b, key, s->values, &flaw);
    else
        *(const char **)field(target, key) = arena_copy(b->arena, s->values->text);
}

void setting_pins(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct upstream_tls_config *tls = field(target, key);
    tls->pin_count = 0;
    tls->pins = arena_array(b->arena, count_values(s), sizeof *tls->pins);
    for (const struct value *v = s->values; v != NULL && tls->pins != NULL; v = v->next) {
        struct flaw flaw;
        if (value_pin(v->text, tls->pins[tls->pin_count], &flaw) != 0)
            complain(b, key, v, &flaw);
        else
            tls->pin_count++;
    }
}

void setting_networks(struct build *b, const struct key *key, void *target, const struct setting *s)
{
    struct cidr_list *list = (void *)((char *)target + key->offset);
    list->items = arena_array(b->arena, count_values(s), sizeof *list->items);
    for (const struct value *v = s->values; v != NULL && list->items != NULL; v = v->next) {
        struct cidr *network = &list->items[list->count];
        struct flaw flaw;
        if (value_cidr(v->text, network, &flaw) != 0) {
            complain(b, key, v, &flaw);
            continue;
        }
        network->text = arena_copy(b->arena, v->text);
        network->at = v->at;
        list->count++;
    }
}

/* ---- clients ---- */

void setting_client_subjects(struct build *b, const struct key *key, void *target,
                             const struct setting *s)
{
    struct string_list *list = &((struct route_config *)target)->client_subjects;
    list->items = arena_array(b->arena, count_values(s), sizeof *list->items);
    for (const struct value *v = s->values; v != NULL && list->items != NULL; v = v->next) {
        struct flaw flaw;
        if (value_client_subject(v->text, &flaw) != 0)
            complain(b, key, v, &flaw);
        else
            list->items[list->count++] = arena_copy(b->arena, v->text);
    }
}

void setting_client_names(struct build *b, const struct key *key, void *target,
                          const struct setting *s)
{
    struct client_name_list *list = &((struct route_config *)target)->client_names;
    list->items = arena_array(b->arena, count_values(s), sizeof *list->items);
    for (const struct value *v = s->values; v != NULL && list->items != NULL; v = v->next) {
        struct client_name *name = &list->items[list->count];
        struct flaw flaw;
        if (value_client_name(v->text, &name->kind, &flaw) != 0)
            complain(b, key, v, &flaw);
        else
            list->items[list->count++].text = arena_copy(b->arena, v->text);
    }
}

/* ---- certificates ---- */

static bool find_certificate(const struct config *c, const char *name, size_t *index)
{
    for (*index = 0; *index < c->certificate_count; (*index)++)
        if (strcmp(c->certificates[*index].name, name) == 0)
            return true;
    return false;
}

static void complain_undefined(struct build *b, const struct key *key, const struct value *v)
{
    struct suggest names = suggest_begin(b->work, v->text);
    /* Where something was skipped, it may have been this one. */
    if (b->tree->incomplete)
        return;
    for (size_t i = 0; i < b->config->certificate_count; i++)
        suggest_offer(&names, b->config->certificates[i].name);
    const char *cure =
        names.best != NULL
            ? arena_format(b->work, "did you mean \"%s\"?", names.best)
            : "add a block: certificate NAME { chain = /path/to.crt  key = /path/to.key }";
    build_complain(b, DIAG_ERROR, &v->at, cure, "%s \"%s\" is not defined", key->name, v->text);
}

void setting_certificates(struct build *b, const struct key *key, void *target,
                          const struct setting *s)
{
    struct certificate_list *list = field(target, key);
    list->at = s->at;
    list->count = 0;
    list->items = arena_array(b->arena, count_values(s), sizeof *list->items);
    for (const struct value *v = s->values; v != NULL && list->items != NULL; v = v->next) {
        size_t index;
        if (!find_certificate(b->config, v->text, &index))
            complain_undefined(b, key, v);
        else if (config_lists(list, index))
            build_complain(b, DIAG_ERROR, &v->at, "name it once", "%s \"%s\" is named twice",
                           key->name, v->text);
        else
            list->items[list->count++] = index;
    }
}
