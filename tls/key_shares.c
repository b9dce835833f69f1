#include "tls/key_shares.h"

#include "tls/vector.h"

#include <string.h>

/* A bit for each group that there may be; GREASE (RFC 8701) and the unknown ones count, too. */
struct groups {
    uint8_t bits[65536 / 8];
};

static bool list(struct tls_slice extension, struct groups *listed)
{
    struct tls_slice all;
    size_t group;
    memset(listed, 0, sizeof *listed);
    if (!vector_take(&extension, 2, &all) || extension.size > 0 || all.size == 0)
        return false;
    while (vector_number(&all, 2, &group))
        listed->bits[group >> 3] |= (uint8_t)(1U << (group & 7));
    return all.size == 0;
}

/* Listed, and not asked for before. */
static bool cross_out(struct groups *listed, size_t group)
{
    const uint8_t bit = (uint8_t)(1U << (group & 7));
    const bool there = (listed->bits[group >> 3] & bit) != 0;
    listed->bits[group >> 3] &= (uint8_t)~bit;
    return there;
}

enum key_shares key_shares_judge(const struct hello *h, uint16_t asked)
{
    struct groups listed;
    struct tls_slice extension = h->shares, shares, key;
    enum key_shares verdict = KEY_SHARES_OK;
    size_t count = 0, group = 0;
    if (h->groups.data == NULL || h->shares.data == NULL)
        return KEY_SHARES_OK;
    if (!list(h->groups, &listed) || !vector_take(&extension, 2, &shares) || extension.size > 0)
        return KEY_SHARES_MALFORMED;
    for (; shares.size > 0; count++) {
        if (!vector_number(&shares, 2, &group) || !vector_take(&shares, 2, &key) || key.size == 0)
            return KEY_SHARES_MALFORMED;
        if (!cross_out(&listed, group))
            verdict = KEY_SHARES_UNLISTED;
    }
    if (verdict == KEY_SHARES_OK && asked != 0 && (count != 1 || group != asked))
        verdict = KEY_SHARES_UNASKED;
    return verdict;
}
