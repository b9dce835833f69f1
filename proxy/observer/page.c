#include "proxy/observer/page.h"
#include "proxy/observer/html.h"
#include "tls/tls.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- tables ---- */

/* A cell; on a narrow screen its column's name stands before it. Goes on until "</td>". */
static struct buf *cell(const struct page *p, const char *column, bool is_number)
{
    buf_printf(p->out, "<td%s data-name=\"%s\">", is_number ? " class=\"n\"" : "", column);
    return p->out;
}

static void text_cell(const struct page *p, const char *column, const char *text)
{
    html_text(cell(p, column, false), text);
    buf_puts(p->out, "</td>");
}

static void number_cell(const struct page *p, const char *column, uint64_t n)
{
    html_number(cell(p, column, true), n);
    buf_puts(p->out, "</td>");
}

/* Columns end with NULL; one of numbers begins with #. */
static void begin_table(const struct page *p, const char *caption, const char *const *columns)
{
    buf_printf(p->out, "<table><caption>%s</caption><thead><tr>", caption);
    for (; *columns != NULL; columns++) {
        const bool numbers = **columns == '#';
        buf_printf(p->out, "<th scope=\"col\"%s>%s</th>", numbers ? " class=\"n\"" : "",
                   *columns + numbers);
    }
    buf_puts(p->out, "</tr></thead><tbody>\n");
}

static void begin_row(const struct page *p, const char *name)
{
    buf_puts(p->out, "<tr><th scope=\"row\">");
    html_text(p->out, name);
    buf_puts(p->out, "</th>");
}

static void end_row(const struct page *p)
{
    buf_puts(p->out, "</tr>\n");
}

static void end_table(const struct page *p)
{
    buf_puts(p->out, "</tbody></table>\n");
}

#define COLUMNS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- routes ---- */

static void upstream_words(const struct page *p, const struct snapshot_upstream *u,
                           const struct upstream_view *view)
{
    static const char not_tried[] = "<span class=\"dim\">not tried yet</span>";
    html_text(p->out, page_text(p, u->text));
    buf_puts(p->out, " ");
    if (!view->tried)
        buf_puts(p->out, not_tried);
    else if (view->up)
        buf_puts(p->out, "<span class=\"good\">up</span>");
    else
        buf_puts(p->out, "<strong class=\"bad\">down</strong>");
    buf_puts(p->out, "<br>");
}

static void upstreams_cell(const struct page *p, const struct snapshot_route *r,
                           const struct snapshot_upstream *u)
{
    cell(p, "Upstreams", false);
    for (uint32_t k = 0; k < r->upstreams; k++) {
        const struct upstream_view view = view_upstream(p->view, r, &u[k]);
        upstream_words(p, &u[k], &view);
    }
    buf_puts(p->out, "</td>");
}

static void chart_cell(const struct page *p, const char *column, const struct history_series *s,
                       const char *what)
{
    cell(p, column, false);
    if (s != NULL)
        page_chart(p, s, what);
    else
        buf_puts(p->out, "<span class=\"dim\">in a minute</span>");
    buf_puts(p->out, "</td>");
}

static void put_route(const struct page *p, size_t i, const struct snapshot_upstream *u)
{
    const struct snapshot_route *r = &snapshot_routes(p->snapshot)[i];
    const struct history_route *h = history_find(p->history, page_text(p, r->name));
    begin_row(p, page_text(p, r->name));
    html_text(cell(p, "Speaks", false), page_text(p, r->protocol));
    buf_puts(p->out, ", ");
    html_text(p->out, page_text(p, r->tls));
    buf_puts(p->out, "<br><span class=\"dim\">");
    html_text(p->out, page_text(p, r->listen));
    buf_puts(p->out, "</span></td>");
    number_cell(p, "Now", counter_get(&p->view->sums[i].active));
    chart_cell(p, "Connections", h != NULL ? &h->connections : NULL, "connections");
    chart_cell(p, "Failures", h != NULL ? &h->failures : NULL, "failures");
    upstreams_cell(p, r, u);
    end_row(p);
}

static void put_routes(const struct page *p)
{
    const struct snapshot_upstream *u = snapshot_upstreams(p->snapshot);
    buf_puts(p->out, "<h2 id=\"routes\">Routes</h2>\n");
    begin_table(p, "Charts are of the last hour, a bar for each minute.",
                COLUMNS("Route", "Speaks", "#Now", "Connections", "Failures", "Upstreams"));
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_ROUTES]; i++) {
        put_route(p, i, u);
        u += snapshot_routes(p->snapshot)[i].upstreams;
    }
    end_table(p);
}

/* ---- server names ---- */

static void name_upstreams_cell(const struct page *p, const struct snapshot_server_name *n,
                                const struct snapshot_upstream *u)
{
    cell(p, "Upstreams", false);
    if (n->upstreams == 0)
        buf_puts(p->out, "<span class=\"dim\">the route's</span>");
    for (uint32_t k = 0; k < n->upstreams; k++) {
        const struct upstream_view view = view_name_upstream(p->view, n, &u[k]);
        upstream_words(p, &u[k], &view);
    }
    buf_puts(p->out, "</td>");
}

static void put_server_name(const struct page *p, const struct snapshot_route *r, size_t i,
                            const struct snapshot_upstream *u)
{
    const struct snapshot_server_name *n = &snapshot_server_names(p->snapshot)[i];
    begin_row(p, page_text(p, n->name));
    text_cell(p, "Route", page_text(p, r->name));
    text_cell(p, "Certificates", page_text(p, n->certificates));
    number_cell(p, "Now", counter_get(&p->view->names[i].active));
    number_cell(p, "Ever", counter_get(&p->view->names[i].accepted));
    number_cell(p, "Refused", counter_get(&p->view->names[i].refused));
    name_upstreams_cell(p, n, u);
    end_row(p);
}

static void put_server_names(const struct page *p)
{
    const struct snapshot_upstream *u = snapshot_name_upstreams(p->snapshot);
    const size_t count = p->snapshot->counts[SNAPSHOT_SERVER_NAMES];
    if (count == 0)
        return;
    buf_puts(p->out, "<h2 id=\"names\">Server names</h2>\n");
    begin_table(p,
                count > VIEW_NAMES_MAX
                    ? "Connections by the name that clients asked for; more are in the status."
                    : "Connections by the name that clients asked for.",
                COLUMNS("Name", "Route", "Certificates", "#Now", "#Ever", "#Refused", "Upstreams"));
    size_t at = 0;
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_ROUTES]; i++) {
        const struct snapshot_route *r = &snapshot_routes(p->snapshot)[i];
        for (uint32_t k = 0; k < r->server_names && at < VIEW_NAMES_MAX; k++, at++) {
            put_server_name(p, r, at, u);
            u += snapshot_server_names(p->snapshot)[at].upstreams;
        }
    }
    end_table(p);
}

/* ---- certificates ---- */

static void left_cell(const struct page *p, const struct snapshot_certificate *c)
{
    const int64_t now = (int64_t)p->view->now, left = c->not_after - now;
    const char *class = left < 0 ? "bad" : "warn";
    const bool is_soon = now >= c->soon;
    cell(p, "Expires", false);
    html_time(p->out, (time_t)c->not_after);
    if (is_soon)
        buf_printf(p->out, " <strong class=\"%s\">", class);
    else
        buf_puts(p->out, " <span class=\"dim\">");
    buf_puts(p->out, left < 0 ? "expired " : "in ");
    html_duration(p->out, left < 0 ? -left : left);
    buf_puts(p->out, left < 0 ? " ago" : "");
    buf_puts(p->out, is_soon ? "</strong></td>" : "</span></td>");
}

static void put_certificate(const struct page *p, const struct snapshot_certificate *c)
{
    begin_row(p, page_text(p, c->name));
    text_cell(p, "Kind", page_text(p, c->kind));
    text_cell(p, "For", page_text(p, c->subject));
    text_cell(p, "Serial", page_text(p, c->serial));
    text_cell(p, "Routes", page_text(p, c->routes));
    left_cell(p, c);
    end_row(p);
}

static void put_certificates(const struct page *p)
{
    const size_t count = p->snapshot->counts[SNAPSHOT_CERTIFICATES];
    buf_puts(p->out, "<h2 id=\"certificates\">Certificates</h2>\n");
    page_time_line(p);
    begin_table(p, "Until when they are valid.",
                COLUMNS("Certificate", "Kind", "For", "Serial", "Routes", "Expires"));
    for (size_t i = 0; i < count; i++)
        put_certificate(p, &snapshot_certificates(p->snapshot)[i]);
    end_table(p);
}

/* ---- TLS ---- */

static uint64_t handshakes(const struct page *p, unsigned cipher, unsigned group, unsigned resumed)
{
    uint64_t n = 0;
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_ROUTES]; i++)
        n += counter_get(&p->view->details[i].tls[cipher][group][resumed]);
    return n;
}

static const char *or_other(const char *name, const char *other)
{
    return name != NULL ? name : other;
}

static void put_combination(const struct page *p, unsigned cipher, unsigned group)
{
    const uint64_t full = handshakes(p, cipher, group, 0),
                   resumed = handshakes(p, cipher, group, 1);
    if (full + resumed == 0)
        return;
    begin_row(p, or_other(tls_cipher_version(cipher), "other"));
    text_cell(p, "Cipher", or_other(tls_cipher_name(cipher), "other"));
    text_cell(p, "Group", or_other(tls_group_name(group), "none"));
    number_cell(p, "Full", full);
    number_cell(p, "Resumed", resumed);
    end_row(p);
}

static void put_tls(const struct page *p)
{
    buf_puts(p->out, "<h2 id=\"tls\">TLS in use</h2>\n");
    begin_table(p, "Handshakes since the start, all routes together.",
                COLUMNS("Version", "Cipher", "Group", "#Full", "#Resumed"));
    for (unsigned cipher = 0; cipher == 0 || tls_cipher_name(cipher) != NULL; cipher++)
        for (unsigned group = 0; group == 0 || tls_group_name(group) != NULL; group++)
            put_combination(p, cipher, group);
    end_table(p);
}

/* ---- reloads, processes ---- */

static void put_reloads(const struct page *p)
{
    buf_puts(p->out, "<h2 id=\"reloads\">Reloads</h2>\n");
    begin_table(p, "The last ones, the latest first.", COLUMNS("When", "Outcome", "In words"));
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_RELOADS]; i++) {
        const struct snapshot_reload *r = &snapshot_reloads(p->snapshot)[i];
        buf_puts(p->out, "<tr><th scope=\"row\">");
        html_time(p->out, (time_t)r->at);
        buf_puts(p->out, "</th>");
        cell(p, "Outcome", false);
        buf_puts(p->out, r->well ? "<span class=\"good\">taken over</span></td>"
                                 : "<strong class=\"bad\">refused</strong></td>");
        text_cell(p, "In words", page_text(p, r->words));
        end_row(p);
    }
    end_table(p);
}

static void put_process(const struct page *p, const struct snapshot_process *o)
{
    const char *kind = page_text(p, o->kind);
    const bool one_of_many = strcmp(kind, "worker") == 0 || strcmp(kind, "signer") == 0;
    char name[48];
    snprintf(name, sizeof name, one_of_many ? "%s %u" : "%s", kind, o->index);
    begin_row(p, name);
    html_text(cell(p, "State", false), page_text(p, o->state));
    buf_printf(p->out, ", pid %d</td>", (int)o->pid);
    number_cell(p, "Restarts", o->restarts);
    text_cell(p, "Sandbox", page_text(p, o->sandbox));
    cell(p, "Memory", true);
    if (o->resident >= 0)
        html_size(p->out, (uint64_t)o->resident);
    buf_puts(p->out, "</td>");
    cell(p, "CPU", true);
    if (o->cpu_ms >= 0)
        html_duration(p->out, o->cpu_ms / 1000);
    buf_puts(p->out, "</td>");
    end_row(p);
}

static void put_processes(const struct page *p)
{
    buf_puts(p->out, "<h2 id=\"processes\">Processes</h2>\n");
    begin_table(p, "What runs now.",
                COLUMNS("Process", "State", "#Restarts", "Sandbox", "#Memory", "#CPU"));
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_PROCESSES]; i++)
        put_process(p, &snapshot_processes(p->snapshot)[i]);
    end_table(p);
}

/* ---- the whole ---- */

static void put_head(const struct page *p)
{
    buf_puts(p->out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    if (p->refreshes)
        buf_puts(p->out, "<meta http-equiv=\"refresh\" content=\"30\">");
    buf_printf(p->out, "<title>tlsfront: %s</title><style>%s</style></head>\n<body>\n",
               view_not_ready(p->snapshot) == NULL ? "ready" : "not ready", page_style);
}

static void put_state(const struct page *p)
{
    const struct snapshot_facts *f = p->snapshot->facts;
    const char *why = view_not_ready(p->snapshot);
    buf_printf(p->out, "<header><h1>tlsfront</h1><p><span class=\"state %s\">",
               why == NULL ? "good" : "bad");
    buf_puts(p->out, why == NULL ? "Ready" : "Not ready: ");
    html_text(p->out, why != NULL ? why : "");
    buf_puts(p->out, "</span> <span class=\"dim\">up for ");
    html_duration(p->out, (int64_t)p->view->now - f->started);
    buf_printf(p->out, ", generation %u, as of ", f->generation);
    html_time(p->out, p->view->now);
    buf_puts(p->out, "</span></p>\n");
}

static void put_navigation(const struct page *p)
{
    static const char *const parts[] = {"routes", "certificates", "tls", "reloads", "processes"};
    buf_puts(p->out, "<nav aria-label=\"Parts of this page\">");
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        buf_printf(p->out, "<a href=\"#%s\">%s</a>", parts[i], parts[i]);
    buf_puts(p->out, p->refreshes ? "<a href=\"/?refresh=off\">stop refreshing</a>"
                                  : "<a href=\"/\">refresh every 30 seconds</a>");
    buf_puts(p->out, "</nav></header>\n");
}

static void put_foot(const struct page *p)
{
    const struct snapshot_facts *f = p->snapshot->facts;
    buf_puts(p->out, "</main><footer>tlsfront ");
    html_text(p->out, page_text(p, f->version));
    buf_puts(p->out, ", mbedTLS ");
    html_text(p->out, page_text(p, f->mbedtls));
    buf_puts(p->out, " with ");
    html_text(p->out, page_text(p, f->crypto));
    buf_puts(p->out, "; configuration ");
    buf_printf(p->out, "%.16s", page_text(p, f->hash));
    buf_puts(p->out, ". For programs: <a href=\"/metrics\">metrics</a>, "
                     "<a href=\"/status.json\">status</a>.</footer>\n</body></html>\n");
}

void page_render(const struct page *p)
{
    put_head(p);
    put_state(p);
    put_navigation(p);
    buf_puts(p->out, "<main>\n");
    page_troubles(p);
    put_routes(p);
    put_server_names(p);
    put_certificates(p);
    put_tls(p);
    put_reloads(p);
    put_processes(p);
    put_foot(p);
}
