#include "tls/key_shares.h"

#include "tls/number_set.h"
#include "tls/vector.h"

/* GREASE (RFC 8701) and groups that nobody knows count, too. */
static bool list(struct tls_slice extension, struct number_set *listed)
{
    struct tls_slice all;
    size_t group;
    if (!vector_take(&extension, 2, &all) || extension.size > 0 || all.size == 0)
        return false;
    while (vector_number(&all, 2, &group))
        number_set_add(listed, group);
    return all.size == 0;
}

enum key_shares key_shares_judge(const struct hello *h, uint16_t asked)
{
    struct number_set listed = {0};
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
        if (!number_set_remove(&listed, group)) /* two for one group are one too many */
            verdict = KEY_SHARES_UNLISTED;
    }
    if (verdict == KEY_SHARES_OK && asked != 0 && (count != 1 || group != asked))
        verdict = KEY_SHARES_UNASKED;
    return verdict;
}
