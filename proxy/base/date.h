/* date.h - points in time as people and programs read them, in UTC. */
#ifndef TLSFRONT_BASE_DATE_H
#define TLSFRONT_BASE_DATE_H

#include <time.h>

enum { DATE_DAY_SIZE = 16, DATE_TEXT_SIZE = 32 };

/* "2026-11-29" */
void date_day(time_t t, char out[DATE_DAY_SIZE]);

/* "2026-11-29T06:41:30Z" (RFC 3339) */
void date_text(time_t t, char out[DATE_TEXT_SIZE]);

#endif
