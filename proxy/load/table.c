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

static const struct row heading = {
    {"ROUTE", "LISTEN", "PROTOCOL", "TLS", "CERTIFICATE", "UPSTREAM"}};

static void measure(const struct row *row, int width[COLUMNS])
{
    for (size_t i = 0; i < COLUMNS; i++) {
        int n = (int)strlen(row->cell[i]);
        width[i] = n > width[i] ? n : width[i];
    }
}

static void print_row(const struct row *row, const int width[COLUMNS], struct buf *out)
{
    for (size_t i = 0; i < COLUMNS - 1; i++)
        buf_printf(out, "%-*s  ", width[i], row->cell[i]);
    buf_printf(out, "%s\n", row->cell[COLUMNS - 1]);
}

void load_print_table(const struct generation *g, struct buf *out)
{
    int width[COLUMNS] = {0};
    struct row row;
    measure(&heading, width);
    for (size_t i = 0; i < g->config->route_count; i++)
        for (size_t n = 0; route_row(g, &g->config->routes[i], n, &row); n++)
            measure(&row, width);

    print_row(&heading, width, out);
    for (size_t i = 0; i < g->config->route_count; i++)
        for (size_t n = 0; route_row(g, &g->config->routes[i], n, &row); n++)
            print_row(&row, width, out);
}
