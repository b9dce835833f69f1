/* counts.c - how often each hook did its work, for tests */
#include "tls/accel/inner.h"

unsigned long accel_counts[ACCEL_HOOKS];

unsigned long accel_count(enum accel_hook hook)
{
    return accel_counts[hook];
}
