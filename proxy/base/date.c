#include "proxy/base/date.h"

/* Of a year beyond what a struct tm can hold nothing is written. */
void date_day(time_t t, char out[DATE_DAY_SIZE])
{
    struct tm tm;
    out[0] = '\0';
    if (gmtime_r(&t, &tm) != NULL && strftime(out, DATE_DAY_SIZE, "%Y-%m-%d", &tm) == 0)
        out[0] = '\0';
}

void date_text(time_t t, char out[DATE_TEXT_SIZE])
{
    struct tm tm;
    out[0] = '\0';
    if (gmtime_r(&t, &tm) != NULL && strftime(out, DATE_TEXT_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        out[0] = '\0';
}
