#include "tls/new_ticket.h"

#include "tls/vector.h"

/* Of its extensions only early data is defined, which we never send; what is not known is passed
 * over, but has to be whole. */
static bool skip_extensions(struct tls_slice list)
{
    size_t type;
    struct tls_slice data;
    while (list.size > 0)
        if (!vector_number(&list, 2, &type) || !vector_take(&list, 2, &data))
            return false;
    return true;
}

bool new_ticket_read(struct tls_slice body, struct new_ticket *t)
{
    size_t lifetime, age_add;
    struct tls_slice extensions;
    if (!vector_number(&body, 4, &lifetime) || !vector_number(&body, 4, &age_add) ||
        !vector_take(&body, 1, &t->nonce) || !vector_take(&body, 2, &t->ticket) ||
        t->ticket.size == 0 || !vector_take(&body, 2, &extensions) || body.size > 0)
        return false;
    t->lifetime = (uint32_t)lifetime;
    t->age_add = (uint32_t)age_add;
    return lifetime <= NEW_TICKET_LIFETIME_MAX && skip_extensions(extensions);
}
