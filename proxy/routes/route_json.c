#include "proxy/routes/route_json.h"
#include "proxy/base/json.h"

static void json_endpoints(struct buf *out, const char *key, const struct endpoint *list,
                           size_t count)
{
    json_array(out, key);
    for (size_t i = 0; i < count; i++)
        json_string(out, NULL, list[i].text);
    json_array_end(out);
}

static void json_certificates(struct buf *out, const struct config *c,
                              const struct certificate_list *list)
{
    json_array(out, "certificates");
    for (size_t i = 0; i < list->count; i++)
        json_string(out, NULL, c->certificates[list->items[i]].name);
    json_array_end(out);
}

void route_json(const struct config *c, const struct route_config *r, struct buf *out)
{
    json_string(out, "name", r->name);
    json_string(out, "protocol", protocol_facts(r->protocol)->name);
    json_string(out, "tls", config_tls_mode_name(r->tls));
    json_endpoints(out, "listen", r->listen, r->listen_count);
    json_endpoints(out, "upstream", r->target.upstream, r->target.upstream_count);
    json_string(out, "upstream_tls", config_upstream_tls_name(r->target.tls.mode));
    json_certificates(out, c, &r->certificates);
}

void server_name_json(const struct config *c, const struct server_name_config *n, struct buf *out)
{
    json_string(out, "name", n->name);
    json_endpoints(out, "upstream", n->target.upstream, n->target.upstream_count);
    json_string(out, "upstream_tls", config_upstream_tls_name(n->target.tls.mode));
    json_certificates(out, c, &n->certificates);
}
