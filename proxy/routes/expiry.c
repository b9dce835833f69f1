#include "proxy/routes/expiry.h"
#include "proxy/base/date.h"

#include <stdio.h>

enum { DAY = 24 * 3600, THRESHOLDS = 6 };

/* From the widest to the closest. Returns how many. */
static size_t thresholds(const struct tls_expiry *x, long t[THRESHOLDS])
{
    static const long days[] = {14, 7, 3, 1};
    size_t n = 0;
    if (x->kind == TLS_EXPIRY_CLIENT_CRL) {
        const long quarter = x->until > x->from ? (long)(x->until - x->from) / 4 : 0;
        t[n++] = quarter < 7L * DAY ? quarter : 7L * DAY;
    } else {
        t[n++] = (long)tls_renew_before(x->from, x->until);
        for (size_t i = 0; i < sizeof days / sizeof *days; i++)
            if (days[i] * DAY < t[0])
                t[n++] = days[i] * DAY;
    }
    t[n++] = EXPIRY_OVER;
    return n;
}

long expiry_passed(const struct tls_expiry *x, time_t now)
{
    long t[THRESHOLDS], passed = EXPIRY_NOT_YET;
    const size_t n = thresholds(x, t);
    for (size_t i = 0; i < n; i++)
        if (x->until - now <= t[i])
            passed = t[i];
    return passed;
}

time_t expiry_soon(const struct tls_expiry *x)
{
    long t[THRESHOLDS];
    thresholds(x, t);
    return x->until - t[0];
}

long expiry_due(const struct tls_expiry *x, time_t now, long told)
{
    const long passed = expiry_passed(x, now);
    return passed < told ? passed : EXPIRY_NOT_YET;
}

long expiry_wait(const struct tls_expiry *x, time_t now)
{
    long t[THRESHOLDS];
    const size_t n = thresholds(x, t);
    for (size_t i = 0; i < n; i++)
        if (x->until - now > t[i])
            return (long)(x->until - now) - t[i];
    return EXPIRY_NOT_YET;
}

long expiry_days(time_t until, time_t now)
{
    const long left = (long)(until - now);
    return left >= 0 ? left / DAY : -((-left + DAY - 1) / DAY);
}

void expiry_words(const struct tls_expiry *x, time_t now, char out[80])
{
    char day[16];
    const long left = expiry_days(x->until, now);
    date_day(x->until, day);
    if (x->until == 0)
        snprintf(out, 80, "names no nextUpdate and is never in force");
    else if (left < 0)
        snprintf(out, 80, "expired on %s", day);
    else
        snprintf(out, 80, "expires in %ld day%s, on %s", left, left == 1 ? "" : "s", day);
}
