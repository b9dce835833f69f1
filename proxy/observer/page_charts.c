#include "proxy/observer/html.h"
#include "proxy/observer/page.h"

#include <inttypes.h>
#include <string.h>

/* ---- an hour ---- */

enum { BAR = 2, HEIGHT = 24, WIDTH = HISTORY_MINUTES * BAR };

/* What there is can be seen, however little it is beside the most. */
static unsigned height_of(uint32_t n, uint32_t most)
{
    const unsigned h = most > 0 ? (unsigned)((uint64_t)n * HEIGHT / most) : 0;
    return h == 0 && n > 0 ? 1 : h;
}

static void put_bars(struct buf *out, const struct history_series *s, uint32_t most)
{
    for (unsigned i = 0; i < HISTORY_MINUTES; i++) {
        const unsigned h = height_of(s->minutes[i], most);
        if (h > 0)
            buf_printf(out, "M%u %uv%uh%uv-%uz", i * BAR, HEIGHT - h, h, BAR - 1, h);
    }
}

void page_chart(const struct page *p, const struct history_series *s, const char *what)
{
    const uint32_t most = history_most(s);
    if (most == 0) {
        buf_puts(p->out, "<span class=\"dim\">none</span>");
        return;
    }
    buf_printf(p->out,
               "<svg width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
               WIDTH, HEIGHT, WIDTH, HEIGHT);
    html_number(p->out, history_sum(s));
    buf_printf(p->out, " %s in the last hour, ", what);
    html_number(p->out, most);
    buf_printf(p->out, " at most in a minute\"><path class=\"a\" d=\"M0 %d.5h%d\"/>", HEIGHT - 1,
               WIDTH);
    buf_printf(p->out, "<path class=\"%s\" d=\"", strcmp(what, "failures") == 0 ? "f" : "b");
    put_bars(p->out, s, most);
    buf_puts(p->out, "\"/></svg>");
    html_number(p->out, history_sum(s));
    buf_puts(p->out, "<span class=\"dim\"> (");
    html_number(p->out, most);
    buf_puts(p->out, "/min at most)</span>");
}

/* ---- until when ---- */

enum { DAY = 86400, LINE_DAYS = 120, LINE_WIDTH = 600, LINE_ROW = 18, LINE_MOST = 40 };

static unsigned position(const struct page *p, int64_t t)
{
    const int64_t days = (t - (int64_t)p->view->now) / DAY;
    if (days < 0)
        return 0;
    return (unsigned)(days < LINE_DAYS ? days * LINE_WIDTH / LINE_DAYS : LINE_WIDTH);
}

static const char *class_of(const struct page *p, const struct snapshot_certificate *c)
{
    const int64_t now = (int64_t)p->view->now;
    if (now > c->not_after)
        return "f";
    return now >= c->soon ? "s" : "b";
}

static bool is_leaf(const struct page *p, const struct snapshot_certificate *c)
{
    return strcmp(page_text(p, c->kind), "leaf") == 0;
}

static unsigned put_rows(const struct page *p)
{
    const struct snapshot_certificate *c = snapshot_certificates(p->snapshot);
    unsigned row = 0;
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_CERTIFICATES] && row < LINE_MOST; i++) {
        if (!is_leaf(p, &c[i]))
            continue;
        const unsigned end = position(p, c[i].not_after);
        buf_printf(p->out,
                   "<rect class=\"%s\" x=\"0\" y=\"%u\" width=\"%u\" height=\"4\"/>"
                   "<text class=\"t\" x=\"0\" y=\"%u\">",
                   class_of(p, &c[i]), row * LINE_ROW + 12, end > 2 ? end : 2, row * LINE_ROW + 10);
        html_text(p->out, page_text(p, c[i].name));
        buf_puts(p->out, "</text>");
        row++;
    }
    return row;
}

static unsigned count_leaves(const struct page *p)
{
    unsigned n = 0;
    for (size_t i = 0; i < p->snapshot->counts[SNAPSHOT_CERTIFICATES]; i++)
        n += is_leaf(p, &snapshot_certificates(p->snapshot)[i]);
    return n < LINE_MOST ? n : LINE_MOST;
}

/* The table below says the same in words, so the picture is for eyes only. */
void page_time_line(const struct page *p)
{
    const unsigned height = count_leaves(p) * LINE_ROW + 20;
    buf_printf(p->out,
               "<svg viewBox=\"0 0 %d %u\" width=\"%d\" height=\"%u\" aria-hidden=\"true\">",
               LINE_WIDTH + 40, height, LINE_WIDTH + 40, height);
    for (unsigned day = 0; day <= LINE_DAYS; day += 30) {
        const unsigned x = day * LINE_WIDTH / LINE_DAYS;
        buf_printf(
            p->out,
            "<path class=\"a\" d=\"M%u 0v%u\"/><text class=\"t\" x=\"%u\" y=\"%u\">%u d</text>", x,
            height - 14, x, height - 2, day);
    }
    put_rows(p);
    buf_puts(p->out, "</svg>");
}
