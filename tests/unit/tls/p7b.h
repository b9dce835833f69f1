/* p7b.h - a PKCS#7 file around certificates, for tests. */
#ifndef TLSFRONT_TESTS_P7B_H
#define TLSFRONT_TESTS_P7B_H

#include <stdint.h>
#include <string.h>

struct p7b {
    uint8_t data[16384];
    size_t size;
};

/* Put `inner` bytes of content, which end the buffer, into an element. */
static inline void p7b_wrap(struct p7b *p, uint8_t tag)
{
    const uint8_t head[4] = {tag, 0x82, (uint8_t)(p->size >> 8), (uint8_t)p->size};
    memmove(p->data + sizeof head, p->data, p->size);
    memcpy(p->data, head, sizeof head);
    p->size += sizeof head;
}

static inline void p7b_before(struct p7b *p, const void *data, size_t size)
{
    memmove(p->data + size, p->data, p->size);
    memcpy(p->data, data, size);
    p->size += size;
}

/* `content` is what stands in the set of certificates; NULL: there is no such set. */
static inline void p7b_make(struct p7b *p, const uint8_t *content, size_t size)
{
    static const uint8_t version_algorithms_and_data[] = {0x02, 1,    1,    0x31, 0,    0x30,
                                                          0x0b, 0x06, 9,    0x2a, 0x86, 0x48,
                                                          0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01};
    static const uint8_t signed_data[] = {0x06, 9,    0x2a, 0x86, 0x48, 0x86,
                                          0xf7, 0x0d, 0x01, 0x07, 0x02};
    static const uint8_t no_signers[] = {0x31, 0};
    p->size = 0;
    if (content != NULL) {
        p7b_before(p, content, size);
        p7b_wrap(p, 0xa0);
    }
    memcpy(p->data + p->size, no_signers, sizeof no_signers);
    p->size += sizeof no_signers;
    p7b_before(p, version_algorithms_and_data, sizeof version_algorithms_and_data);
    p7b_wrap(p, 0x30);
    p7b_wrap(p, 0xa0);
    p7b_before(p, signed_data, sizeof signed_data);
    p7b_wrap(p, 0x30);
}

#endif
