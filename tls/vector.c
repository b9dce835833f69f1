#include "tls/vector.h"

bool vector_bytes(struct tls_slice *in, size_t size, struct tls_slice *out)
{
    if (in->size < size)
        return false;
    *out = (struct tls_slice){in->data, size};
    in->data += size;
    in->size -= size;
    return true;
}

bool vector_number(struct tls_slice *in, size_t width, size_t *number)
{
    struct tls_slice bytes;
    if (!vector_bytes(in, width, &bytes))
        return false;
    *number = 0;
    for (size_t i = 0; i < width; i++)
        *number = *number << 8 | bytes.data[i];
    return true;
}

bool vector_take(struct tls_slice *in, size_t width, struct tls_slice *out)
{
    size_t size;
    return vector_number(in, width, &size) && vector_bytes(in, size, out);
}
