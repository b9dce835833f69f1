/* plural.h - "1 worker", "2 workers". */
#ifndef TLSFRONT_PLURAL_H
#define TLSFRONT_PLURAL_H

/* What stands behind a regular noun. */
static inline const char *plural(unsigned long long count)
{
    return count == 1 ? "" : "s";
}

#endif
