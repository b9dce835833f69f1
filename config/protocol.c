/* protocol.c - the facts table. Ports and ALPN ids are IANA's; SMTP and LDAP have no ALPN id. */
#include "config/protocol.h"

#include <stddef.h>
#include <string.h>

#define MINUTES (60u * 1000u)

/* Idle times: RFC 3501 5.4 and RFC 5804 1.2 want 30 minutes at least, RFC 1939 and RFC 5321 4.5.3.2
 * less, but people's mail programs hold sessions open that long. One more minute lets the server's
 * own timeout, and its own words, come first. */
static const struct protocol_facts pop3 = {
    .name = "pop3",
    .alpn = "pop3",
    .plain_port = 110,
    .implicit_port = 995,
    .idle_ms = 31 * MINUTES,
    .server_speaks_first = true,
    .has_starttls = true,
    .login_first = true,
    .has_xclient = true,
};

static const struct protocol_facts imap = {
    .name = "imap",
    .alpn = "imap",
    .plain_port = 143,
    .implicit_port = 993,
    .idle_ms = 35 * MINUTES,
    .server_speaks_first = true,
    .has_starttls = true,
    .login_first = true,
    .has_xclient = true,
};

static const struct protocol_facts smtp = {
    .name = "smtp",
    .plain_port = 25,
    .implicit_port = 465,
    .idle_ms = 31 * MINUTES,
    .server_speaks_first = true,
    .has_starttls = true,
    .has_xclient = true,
};

static const struct protocol_facts nntp = {
    .name = "nntp",
    .alpn = "nntp",
    .plain_port = 119,
    .implicit_port = 563,
    .idle_ms = 35 * MINUTES,
    .server_speaks_first = true,
    .has_starttls = true,
};

static const struct protocol_facts ldap = {
    .name = "ldap",
    .plain_port = 389,
    .implicit_port = 636,
    .idle_ms = 60 * MINUTES,
    .has_starttls = true,
};

static const struct protocol_facts sieve = {
    .name = "sieve",
    .alpn = "managesieve",
    .plain_port = 4190,
    .idle_ms = 35 * MINUTES,
    .server_speaks_first = true,
    .has_starttls = true,
    .login_first = true,
    .has_xclient = true,
};

static const struct protocol_facts tcp = {
    .name = "tcp",
    .idle_ms = 60 * MINUTES,
};

static const struct protocol_facts acme = {
    .name = "acme",
    .alpn = "acme-tls/1",
};

static const struct protocol_facts mta_sts = {
    .name = "mta-sts",
    .alpn = "http/1.1",
};

/* Not a table: the compiler names a protocol that lacks. */
const struct protocol_facts *protocol_facts(enum protocol p)
{
    switch (p) {
    case PROTOCOL_POP3:
        return &pop3;
    case PROTOCOL_IMAP:
        return &imap;
    case PROTOCOL_SMTP:
        return &smtp;
    case PROTOCOL_NNTP:
        return &nntp;
    case PROTOCOL_LDAP:
        return &ldap;
    case PROTOCOL_SIEVE:
        return &sieve;
    case PROTOCOL_TCP:
        return &tcp;
    case PROTOCOL_ACME:
        return &acme;
    case PROTOCOL_MTA_STS:
        return &mta_sts;
    case PROTOCOLS:
        break;
    }
    return NULL;
}

bool protocol_by_name(const char *name, enum protocol *p)
{
    for (int i = 0; i < PROTOCOLS; i++) {
        if (strcmp(protocol_facts((enum protocol)i)->name, name) == 0) {
            *p = (enum protocol)i;
            return true;
        }
    }
    return false;
}
