/* fnv.h - FNV-1a, 64 bits: tells texts and bytes apart that nobody chooses in order to collide. Its
 * values go from process to process and from release to release: they stay as they are. */
#ifndef TLSFRONT_BASE_FNV_H
#define TLSFRONT_BASE_FNV_H

#include <stddef.h>
#include <stdint.h>

#define FNV_BASIS 0xcbf29ce484222325U
#define FNV_PRIME 0x100000001b3U

/* `hash` is FNV_BASIS, or what came of the bytes before these. */
static inline uint64_t fnv1a(uint64_t hash, const void *data, size_t size)
{
    for (const uint8_t *p = data; size > 0; p++, size--)
        hash = (hash ^ *p) * FNV_PRIME;
    return hash;
}

#endif
