/* clock.h - time that only goes on, whoever sets the wall's clock: since some moment before the
 * start of this process, the same moment for all processes of the machine (CLOCK_MONOTONIC). What
 * has a loop takes uv_now(). */
#ifndef TLSFRONT_BASE_CLOCK_H
#define TLSFRONT_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_us(void); /* microseconds */
uint64_t clock_ms(void);

/* Seconds since the machine was started, those that it has slept too (CLOCK_BOOTTIME). */
uint64_t clock_boot_s(void);

#endif
