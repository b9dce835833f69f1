/* table.c - the routing table as it was understood, as a table */
#include "proxy/base/date.h"
#include "proxy/load/load.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 6 };

/* One line of the table; cells are cut rather than moved. */
struct row {
    char cell[COLUMNS][160];
};

static void certificate_text(const struct generation *g, size_t i, char *out, size_t size)
{
    const struct tls_identity *id = g->identities[i];
    if (id == NULL) {
        snprintf(out, size, "%s", g->config->certificates[i].name);
        return;
    }
    const struct tls_identity_facts *f = tls_identity_facts(id);
    char until[16];
    date_day(f->not_after, until);
    snprintf(out, size, "%s (%s, until %s)", g->config->certificates[i].name,
             f->name_count > 0 ? f->names[0] : "no names", until);
}

/* The n-th line of a route: its n-th address, certificate and upstream. False: there is none. */
static bool route_row(const struct generation *g, const struct route_config *r, size_t n,
                      struct row *row)
{
    *row = (struct row){0};
    if (n == 0) {
        snprintf(row->cell[0], sizeof row->cell[0], "%s", r->name);
        snprintf(row->cell[2], sizeof row->cell[2], "%s", protocol_facts(r->protocol)->name);
        snprintf(row->cell[3], sizeof row->cell[3], "%s", config_tls_mode_name(r->tls));
    }
    if (n < r->listen_count)
        snprintf(row->cell[1], sizeof row->cell[1], "%s", r->listen[n].text);
    if (n < r->certificates.count)
        certificate_text(g, r->certificates.items[n], row->cell[4], sizeof row->cell[4]);
    if (n == 0 && r->challenges.path != NULL)
        snprintf(row->cell[5], sizeof row->cell[5], "%s", r->challenges.path);
    if (n == 0 && r->policy.path != NULL)
        snprintf(row->cell[5], sizeof row->cell[5], "%s", r->policy.path);
    if (n < r->target.upstream_count)
        snprintf(row->cell[5], sizeof row->cell[5], "%s", r->target.upstream[n].text);
    return n < r->listen_count || n < r->certificates.count || n < r->target.upstream_count;
}

/* The n-th line of a server name, below its route's. False: there is none. */
static bool name_row(const struct generation *g, const struct server_name_config *name, size_t n,
                     struct row *row)
{
    *row = (struct row){0};
    if (n == 0) {
        snprintf(row->cell[0], sizeof row->cell[0], "  %s", name->name);
        snprintf(row->cell[4], sizeof row->cell[4], "(the route's)");
        snprintf(row->cell[5], sizeof row->cell[5], "(the route's)");
    }
    const size_t upstreams = name->own_target ? name->target.upstream_count : 0;
    if (n < name->certificates.count)
        certificate_text(g, name->certificates.items[n], row->cell[4], sizeof row->cell[4]);
    if (n < upstreams)
        snprintf(row->cell[5], sizeof row->cell[5], "%s", name->target.upstream[n].text);
    return n == 0 || n < name->certificates.count || n < upstreams;
}

static void each_row(const struct generation *g, void (*each)(void *arg, const struct row *row),
                     void *arg)
{
    struct row row;
    for (size_t i = 0; i < g->config->route_count; i++) {
        const struct route_config *r = &g->config->routes[i];
        for (size_t n = 0; route_row(g, r, n, &row); n++)
            each(arg, &row);
        for (size_t k = 0; k < r->name_count; k++)
            for (size_t n = 0; name_row(g, &r->names[k], n, &row); n++)
                each(arg, &row);
    }
}

static const struct row heading = {
    {"ROUTE", "LISTEN", "PROTOCOL", "TLS", "CERTIFICATE", "UPSTREAM"}};

struct printing {
    int width[COLUMNS];
    struct buf *out;
};

static void measure(void *arg, const struct row *row)
{
    struct printing *p = arg;
    for (size_t i = 0; i < COLUMNS; i++) {
        int n = (int)strlen(row->cell[i]);
        p->width[i] = n > p->width[i] ? n : p->width[i];
    }
}

static void print_row(void *arg, const struct row *row)
{
    const struct printing *p = arg;
    for (size_t i = 0; i < COLUMNS - 1; i++)
        buf_printf(p->out, "%-*s  ", p->width[i], row->cell[i]);
    buf_printf(p->out, "%s\n", row->cell[COLUMNS - 1]);
}

void load_print_table(const struct generation *g, struct buf *out)
{
    struct printing p = {.out = out};
    measure(&p, &heading);
    each_row(g, measure, &p);
    print_row(&p, &heading);
    each_row(g, print_row, &p);
}
