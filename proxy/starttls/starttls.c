#include "proxy/starttls/starttls.h"
#include "proxy/starttls/imap.h"
#include "proxy/starttls/ldap.h"
#include "proxy/starttls/nntp.h"
#include "proxy/starttls/pop3.h"
#include "proxy/starttls/sieve.h"
#include "proxy/starttls/smtp.h"

static const struct starttls *const table[PROTOCOLS] = {
    [PROTOCOL_POP3] = &starttls_pop3, [PROTOCOL_IMAP] = &starttls_imap,
    [PROTOCOL_SMTP] = &starttls_smtp, [PROTOCOL_NNTP] = &starttls_nntp,
    [PROTOCOL_LDAP] = &starttls_ldap, [PROTOCOL_SIEVE] = &starttls_sieve,
};

const struct starttls *starttls_of(enum protocol p)
{
    return table[p];
}

void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *to_client)
{
    if (table[p] != NULL)
        table[p]->refuse(why, hostname, to_client);
}
