/* number_set.h - which of all numbers of two bytes there were: types of extensions, groups. Those
 * of a hello are a stranger's choice, and may be thousands; a bit for each keeps their cost linear.
 * All zero at first. */
#ifndef TLSFRONT_TLS_NUMBER_SET_H
#define TLSFRONT_TLS_NUMBER_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number_set {
    uint8_t bits[65536 / 8];
};

/* False: it was there before. */
static inline bool number_set_add(struct number_set *s, size_t number)
{
    const uint8_t bit = (uint8_t)(1U << (number & 7));
    const bool there = (s->bits[number >> 3] & bit) != 0;
    s->bits[number >> 3] |= bit;
    return !there;
}

/* False: it was not there. */
static inline bool number_set_remove(struct number_set *s, size_t number)
{
    const bool there = !number_set_add(s, number);
    s->bits[number >> 3] &= (uint8_t) ~(1U << (number & 7));
    return there;
}

#endif
