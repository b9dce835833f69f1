#include "proxy/observer/html.h"
#include "proxy/observer/page.h"

#include <string.h>

/* The worst first: the list is gone through once for each. */
enum badness { BAD, WARN };

struct troubles {
    const struct page *page;
    enum badness now; /* those that are written in this round */
    unsigned count;
};

/* NULL: not in this round. What is written into it goes on until end(). */
static struct buf *begin(struct troubles *t, enum badness how)
{
    struct buf *out = t->page->out;
    if (how != t->now)
        return NULL;
    if (t->count++ == 0)
        buf_puts(out, "<ul class=\"troubles\">");
    buf_printf(out, "<li class=\"%s\"><strong>%s:</strong> <span>", how == BAD ? "bad" : "warn",
               how == BAD ? "Error" : "Warning");
    return out;
}

static void end(struct buf *out)
{
    buf_puts(out, "</span></li>\n");
}

static void say(struct troubles *t, enum badness how, const char *text)
{
    struct buf *out = begin(t, how);
    if (out == NULL)
        return;
    html_text(out, text);
    end(out);
}

/* ---- the daemon ---- */

static void readiness(struct troubles *t)
{
    const char *why = view_not_ready(t->page->snapshot);
    struct buf *out = why != NULL ? begin(t, BAD) : NULL;
    if (out == NULL)
        return;
    buf_puts(out, "not ready for newcomers: ");
    html_text(out, why);
    end(out);
}

static void reload_refused(struct troubles *t)
{
    const struct snapshot *s = t->page->snapshot;
    const bool refused = s->counts[SNAPSHOT_RELOADS] > 0 && !s->facts->reload_well;
    struct buf *out = refused ? begin(t, BAD) : NULL;
    if (out == NULL)
        return;
    buf_puts(out, "the last reload was refused, at ");
    html_time(out, (time_t)snapshot_reloads(s)[0].at);
    buf_puts(out, ": ");
    html_text(out, page_text(t->page, snapshot_reloads(s)[0].words));
    end(out);
}

static void deaths(struct troubles *t)
{
    const struct history *h = t->page->history;
    const uint64_t just_now = t->page->snapshot->facts->worker_restarts - h->deaths.total;
    const uint64_t died = history_sum(&h->deaths) + (h->begun ? just_now : 0);
    struct buf *out = died > 0 ? begin(t, BAD) : NULL;
    if (out == NULL)
        return;
    buf_printf(out, "%u worker%s died in the last hour; the log says why", (unsigned)died,
               died == 1 ? "" : "s");
    end(out);
}

static void lost_lines(struct troubles *t)
{
    if (view_log_lost(t->page->view) > 0)
        say(t, WARN, "lines of the log were lost; look for event=log-lost");
    if (view_accept_pauses(t->page->view) > 0)
        say(t, WARN,
            "accepting has paused for want of descriptors or memory; raise LimitNOFILE, or lower "
            "max-connections");
}

/* ---- certificates ---- */

static void about_end(struct troubles *t, const char *what, const char *name, int64_t soon,
                      int64_t end_of)
{
    const int64_t now = (int64_t)t->page->view->now, left = end_of - now;
    struct buf *out = now >= soon ? begin(t, left < 0 ? BAD : WARN) : NULL;
    if (out == NULL)
        return;
    buf_printf(out, "%s ", what);
    html_text(out, name);
    buf_puts(out, left < 0 ? " expired " : " expires in ");
    html_duration(out, left < 0 ? -left : left);
    buf_puts(out, left < 0 ? " ago, on " : ", on ");
    html_time(out, (time_t)end_of);
    end(out);
}

static const char *words_of(const char *kind)
{
    if (strcmp(kind, "intermediate") == 0)
        return "an intermediate certificate of";
    if (strcmp(kind, "upstream_ca") == 0)
        return "the last authority of upstreams in";
    return strcmp(kind, "client_ca") == 0 ? "an authority of clients in" : "certificate";
}

static void endings(struct troubles *t)
{
    const struct snapshot *s = t->page->snapshot;
    for (size_t i = 0; i < s->counts[SNAPSHOT_CERTIFICATES]; i++) {
        const struct snapshot_certificate *c = &snapshot_certificates(s)[i];
        about_end(t, words_of(page_text(t->page, c->kind)), page_text(t->page, c->name), c->soon,
                  c->not_after);
    }
    for (size_t i = 0; i < s->counts[SNAPSHOT_CRLS]; i++) {
        const struct snapshot_crl *c = &snapshot_crls(s)[i];
        about_end(t, "the revocation list", page_text(t->page, c->file), c->soon, c->next_update);
    }
}

/* ---- upstreams ---- */

/* `name` NULL: the upstream is the route's own. */
static void upstream_down(struct troubles *t, const struct snapshot_route *r, const char *name,
                          const struct snapshot_upstream *u, const struct upstream_view *view)
{
    struct buf *out = view->tried && !view->up ? begin(t, BAD) : NULL;
    if (out == NULL)
        return;
    buf_puts(out, "route ");
    html_text(out, page_text(t->page, r->name));
    buf_puts(out, name != NULL ? ", server name " : "");
    html_text(out, name != NULL ? name : "");
    buf_puts(out, ": upstream ");
    html_text(out, page_text(t->page, u->text));
    buf_puts(out, " is down: ");
    html_text(out, u->trouble != 0 ? page_text(t->page, u->trouble)
                                   : upstream_fault_names[view->last_why]);
    end(out);
}

static void upstreams(struct troubles *t)
{
    const struct snapshot *s = t->page->snapshot;
    const struct snapshot_upstream *u = snapshot_upstreams(s);
    for (size_t i = 0; i < s->counts[SNAPSHOT_ROUTES]; i++)
        for (uint32_t k = 0; k < snapshot_routes(s)[i].upstreams; k++, u++) {
            const struct upstream_view view =
                view_upstream(t->page->view, &snapshot_routes(s)[i], u);
            upstream_down(t, &snapshot_routes(s)[i], NULL, u, &view);
        }
}

static void name_upstreams(struct troubles *t)
{
    const struct snapshot *s = t->page->snapshot;
    const struct snapshot_upstream *u = snapshot_name_upstreams(s);
    const struct snapshot_server_name *n = snapshot_server_names(s);
    for (size_t i = 0; i < s->counts[SNAPSHOT_ROUTES]; i++)
        for (uint32_t k = 0; k < snapshot_routes(s)[i].server_names; k++, n++)
            for (uint32_t m = 0; m < n->upstreams; m++, u++) {
                const struct upstream_view view = view_name_upstream(t->page->view, n, u);
                upstream_down(t, &snapshot_routes(s)[i], page_text(t->page, n->name), u, &view);
            }
}

void page_troubles(const struct page *p)
{
    struct troubles t = {.page = p};
    for (t.now = BAD; t.now <= WARN; t.now++) {
        readiness(&t);
        reload_refused(&t);
        upstreams(&t);
        name_upstreams(&t);
        deaths(&t);
        endings(&t);
        lost_lines(&t);
    }
    buf_puts(p->out,
             t.count > 0 ? "</ul>\n" : "<p class=\"good\">Nothing needs looking after.</p>\n");
}
