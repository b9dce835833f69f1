/* page.h - the view as people read it: one HTML page that needs no script and nothing from
 * elsewhere, and can be read without colours, on a telephone and by ear. Pure. */
#ifndef TLSFRONT_OBSERVER_PAGE_H
#define TLSFRONT_OBSERVER_PAGE_H

#include "proxy/base/buf.h"
#include "proxy/observer/history.h"
#include "proxy/observer/view.h"

struct page {
    const struct view *view;
    const struct history *history;
    const struct snapshot *snapshot;
    bool refreshes; /* by itself, twice a minute */
    struct buf *out;
};

void page_render(const struct page *p);

/* Of the page: its own style may be used, by its hash, and nothing else. */
extern const char page_policy[];
/* What stands between <style> and </style>. */
extern const char page_style[];

/* ---- page_troubles.c: what somebody should look after, the worst first ---- */

/* A list, or a sentence that there is nothing. */
void page_troubles(const struct page *p);

/* ---- page_charts.c ---- */

/* An hour as bars. `what` says what they count. */
void page_chart(const struct page *p, const struct history_series *s, const char *what);

/* Until when certificates are valid, as bars along one line of time. */
void page_time_line(const struct page *p);

/* ---- for these ---- */
static inline const char *page_text(const struct page *p, snapshot_text text)
{
    return snapshot_text_of(p->snapshot, text);
}

#endif
