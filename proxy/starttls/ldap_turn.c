/* ldap_turn.c - what both directions wait for. See ldap_inner.h. */
#include "proxy/starttls/ldap_inner.h"

enum step ldap_need_whole(struct ldap_message *m)
{
    switch (ldap_message_whole(m)) {
    case BER_OK:
        return STEP_PASS;
    case BER_MORE:
        return STEP_WAIT;
    case BER_BAD:
        break;
    }
    return STEP_BROKEN;
}

bool ldap_wait_turn(struct ldap_dialogue *l)
{
    l->client_waits = l->from_upstream.left > 0;
    return l->client_waits;
}
