/* share.h - what a service's records say of one of its addresses (RFC 2782). */
#ifndef TLSFRONT_BASE_SHARE_H
#define TLSFRONT_BASE_SHARE_H

#include <stdint.h>

/* All zero: of a host, whose addresses come in their order. */
struct upstream_share {
    uint32_t tier;   /* those of the next one are tried when those of this one were */
    uint32_t weight; /* its part of the sessions of its tier, against the others of it */
};

#endif
