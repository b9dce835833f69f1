/* metrics.h - the view as Prometheus reads it. Pure. */
#ifndef TLSFRONT_OBSERVER_METRICS_H
#define TLSFRONT_OBSERVER_METRICS_H

#include "proxy/base/buf.h"
#include "proxy/observer/view.h"

enum metrics_format {
    METRICS_PROMETHEUS,  /* text/plain; version=0.0.4 */
    METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0 */
};

void metrics_render(const struct view *v, enum metrics_format format, struct buf *out);

/* The value of Content-Type. */
const char *metrics_content_type(enum metrics_format format);

#endif
