#include "proxy/starttls/starttls.h"
#include "proxy/starttls/imap.h"
#include "proxy/starttls/ldap.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/smtp.h"

/* Not a table: the compiler names a protocol that lacks. */
const struct starttls *starttls_of(enum protocol p)
{
    switch (p) {
    case PROTOCOL_POP3:
        return &starttls_pop3;
    case PROTOCOL_IMAP:
        return &starttls_imap;
    case PROTOCOL_SMTP:
        return &starttls_smtp;
    case PROTOCOL_NNTP:
        return &starttls_nntp;
    case PROTOCOL_LDAP:
        return &starttls_ldap;
    case PROTOCOL_SIEVE:
        return &starttls_sieve;
    case PROTOCOL_TCP:
    case PROTOCOL_ACME:
    case PROTOCOL_MTA_STS:
    case PROTOCOLS:
        break;
    }
    return NULL;
}

const struct probe_rules *starttls_probe(enum protocol p)
{
    const struct starttls *row = starttls_of(p);
    return row != NULL ? row->probe : NULL;
}

const struct boundary_rules *starttls_boundary(enum protocol p)
{
    const struct starttls *row = starttls_of(p);
    return row != NULL ? row->boundary : NULL;
}

void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *to_client)
{
    const struct starttls *row = starttls_of(p);
    if (row != NULL)
        row->refuse(why, hostname, to_client);
}
