/* ldap.h - LDAP: the StartTLS operation by RFC 4511, 4.14. */
#ifndef TLSFRONT_STARTTLS_LDAP_H
#define TLSFRONT_STARTTLS_LDAP_H

#include "proxy/starttls/ldap_secret.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Operations followed at the same time. Clients that ask for StartTLS have none; a client with more
 * than these is taken to be busy until the answers to the others have come. */
enum { LDAP_OPERATIONS = 32 };

/* Refusals of ours that wait for the end of a message. */
enum { LDAP_OWED = 8 };

/* One direction: what is left of the message under way. */
struct ldap_flow {
    size_t left;
    bool dropped; /* it goes nowhere */
};

struct ldap_dialogue {
    struct ldap_flow from_client, from_upstream;
    struct ldap_secret secret;    /* in the client's message under way, which passes by elements */
    bool client_waits;            /* for the end of the upstream's message, to be answered by us */
    int32_t ids[LDAP_OPERATIONS]; /* of the operations that have no answer yet; 0: free */
    uint8_t known[LDAP_OPERATIONS]; /* of each: see ldap_inner.h */
    uint32_t lost;                  /* operations that found the table full */
    bool root_lost;                 /* so did a search of the rootDSE, at any time */
    bool negotiating;               /* the last bind was answered with saslBindInProgress */
    bool layer;              /* the last bind may have installed one: see is_wrapped() in ldap.c */
    int32_t owed[LDAP_OWED]; /* on TLS: StartTLS that is refused behind the upstream's message */
    unsigned owed_count;
};
extern const struct starttls starttls_ldap;

#endif
