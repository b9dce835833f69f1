/* protocol.c - the facts table. Ports and ALPN ids are IANA's; SMTP and LDAP have no ALPN id. */
#include "config/protocol.h"

#include <stddef.h>
#include <string.h>

#define MINUTES (60u * 1000u)

/* Idle times: RFC 3501 5.4 and RFC 5804 1.2 want 30 minutes at least, RFC 1939 and RFC 5321 4.5.3.2
 * less, but people's mail programs hold sessions open that long. One more minute lets the server's
 * own timeout, and its own words, come first. */
static const struct protocol_facts facts[PROTOCOLS] = {
    [PROTOCOL_POP3] = {.name = "pop3",
                       .alpn = "pop3",
                       .plain_port = 110,
                       .implicit_port = 995,
                       .idle_ms = 31 * MINUTES,
                       .server_speaks_first = true,
                       .has_starttls = true,
                       .login_first = true,
                       .has_xclient = true},
    [PROTOCOL_IMAP] = {.name = "imap",
                       .alpn = "imap",
                       .plain_port = 143,
                       .implicit_port = 993,
                       .idle_ms = 35 * MINUTES,
                       .server_speaks_first = true,
                       .has_starttls = true,
                       .login_first = true,
                       .has_xclient = true},
    [PROTOCOL_SMTP] = {.name = "smtp",
                       .plain_port = 25,
                       .implicit_port = 465,
                       .idle_ms = 31 * MINUTES,
                       .server_speaks_first = true,
                       .has_starttls = true,
                       .has_xclient = true},
    [PROTOCOL_NNTP] = {.name = "nntp",
                       .alpn = "nntp",
                       .plain_port = 119,
                       .implicit_port = 563,
                       .idle_ms = 35 * MINUTES,
                       .server_speaks_first = true,
                       .has_starttls = true},
    [PROTOCOL_LDAP] = {.name = "ldap",
                       .plain_port = 389,
                       .implicit_port = 636,
                       .idle_ms = 60 * MINUTES,
                       .has_starttls = true},
    [PROTOCOL_SIEVE] = {.name = "sieve",
                        .alpn = "managesieve",
                        .plain_port = 4190,
                        .idle_ms = 35 * MINUTES,
                        .server_speaks_first = true,
                        .has_starttls = true,
                        .login_first = true,
                        .has_xclient = true},
    [PROTOCOL_TCP] = {.name = "tcp", .idle_ms = 60 * MINUTES},
    [PROTOCOL_ACME] = {.name = "acme", .alpn = "acme-tls/1"},
    [PROTOCOL_MTA_STS] = {.name = "mta-sts", .alpn = "http/1.1"},
};

const struct protocol_facts *protocol_facts(enum protocol p)
{
    return &facts[p];
}

bool protocol_by_name(const char *name, enum protocol *p)
{
    for (int i = 0; i < PROTOCOLS; i++) {
        if (strcmp(facts[i].name, name) == 0) {
            *p = (enum protocol)i;
            return true;
        }
    }
    return false;
}
