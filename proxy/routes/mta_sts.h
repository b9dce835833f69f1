/* mta_sts.h - a policy of SMTP MTA Strict Transport Security (RFC 8461, 3.2), judged before it is
 * published: what is wrong in it makes senders ignore it, or keeps mail back for months. Pure. */
#ifndef TLSFRONT_ROUTES_MTA_STS_H
#define TLSFRONT_ROUTES_MTA_STS_H

#include "config/diag.h"
#include "proxy/base/slice.h"

/* Senders need not read more (RFC 8461, 3.3). */
enum { MTA_STS_SIZE_MAX = 65536 };

/* A finding; `line` 0: about the whole. The texts live as long as the call. */
typedef void mta_sts_report_fn(void *arg, enum diag_severity severity, unsigned line,
                               const char *cause, const char *cure);

/* Any bytes may be given. Without an error it can be served. */
void mta_sts_judge(struct slice policy, mta_sts_report_fn *report, void *arg);

#endif
