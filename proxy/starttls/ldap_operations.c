/* ldap_operations.c - see ldap_inner.h: which operations have no answer yet. */
#include "proxy/starttls/ldap_inner.h"

void ldap_operation_begin(struct ldap_dialogue *l, int32_t id, uint8_t known)
{
    for (size_t i = 0; i < LDAP_OPERATIONS; i++)
        if (l->ids[i] == 0) {
            l->ids[i] = id;
            l->known[i] = known;
            return;
        }
    l->lost++;
    l->root_lost |= (known & ROOT_SEARCH) != 0;
}

/* The slot of an operation, or LDAP_OPERATIONS. 0 is the id of no request. */
static size_t find(const struct ldap_dialogue *l, int32_t id)
{
    size_t i = 0;
    while (i < LDAP_OPERATIONS && (id == 0 || l->ids[i] != id))
        i++;
    return i;
}

uint8_t ldap_operation_known(const struct ldap_dialogue *l, int32_t id)
{
    const size_t i = find(l, id);
    return i < LDAP_OPERATIONS ? l->known[i] : 0;
}

void ldap_operation_learn(struct ldap_dialogue *l, int32_t id, uint8_t known)
{
    const size_t i = find(l, id);
    if (i < LDAP_OPERATIONS)
        l->known[i] |= known;
}

void ldap_operation_end(struct ldap_dialogue *l, int32_t id)
{
    const size_t i = find(l, id);
    if (i < LDAP_OPERATIONS)
        l->ids[i] = 0;
    else if (id != 0 && l->lost > 0)
        l->lost--;
}

bool ldap_operation_any(const struct ldap_dialogue *l)
{
    size_t i = 0;
    while (i < LDAP_OPERATIONS && l->ids[i] == 0)
        i++;
    return i < LDAP_OPERATIONS;
}

bool ldap_is_busy(const struct ldap_dialogue *l)
{
    return ldap_operation_any(l) || l->lost > 0 || l->negotiating;
}
