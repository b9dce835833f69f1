/* html.h - writing HTML, so that nothing that is shown can become markup. */
#ifndef TLSFRONT_OBSERVER_HTML_H
#define TLSFRONT_OBSERVER_HTML_H

#include "proxy/base/buf.h"

#include <stdint.h>
#include <time.h>

/* A text, in an element or between the quotes of an attribute. Bytes that are not UTF-8, and
 * control characters, become U+FFFD. */
void html_text(struct buf *out, const char *text);

/* "1 234 567", with narrow spaces. */
void html_number(struct buf *out, uint64_t n);

/* "3 GB", "12 kB" */
void html_size(struct buf *out, uint64_t bytes);

/* "2 days", "3 hours", "5 minutes", "1 second": the largest unit, rounded down. */
void html_duration(struct buf *out, int64_t seconds);

/* "2026-12-19 07:08 UTC", as an element time. */
void html_time(struct buf *out, time_t t);

#endif
