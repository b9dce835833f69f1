/* model.c - questions that the data answers. */
#include "config/model.h"

bool config_must_upgrade(const struct route_config *r)
{
    return r->tls == TLS_MODE_REQUIRED ||
           (r->tls == TLS_MODE_OPTIONAL && !r->plaintext_login_allowed &&
            protocol_facts(r->protocol)->login_first);
}

bool config_lists(const struct certificate_list *list, size_t certificate)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == certificate)
            return true;
    return false;
}

bool config_served(const struct config *c, size_t certificate)
{
    for (size_t i = 0; i < c->route_count; i++)
        if (config_route_uses(&c->routes[i], certificate))
            return true;
    return false;
}

bool config_shows_upstream(const struct target_config *t, size_t certificate)
{
    return t->tls.certificate.count > 0 && t->tls.certificate.items[0] == certificate;
}

bool config_shown_upstream(const struct config *c, size_t certificate)
{
    for (size_t i = 0; i < c->target_count; i++)
        if (config_shows_upstream(c->targets[i], certificate))
            return true;
    return false;
}

bool config_route_shows(const struct route_config *r, size_t certificate)
{
    bool shows = config_shows_upstream(&r->target, certificate);
    for (size_t i = 0; i < r->name_count && !shows; i++)
        shows = r->names[i].own_target && config_shows_upstream(&r->names[i].target, certificate);
    return shows;
}

bool config_route_uses(const struct route_config *r, size_t certificate)
{
    bool uses = config_lists(&r->certificates, certificate);
    for (size_t i = 0; i < r->name_count && !uses; i++)
        uses = config_lists(&r->names[i].certificates, certificate);
    return uses;
}
