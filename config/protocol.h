/* protocol.h - one row of facts per protocol that tlsfront fronts. Behaviour (dialogues, refusals)
 * lives in proxy/starttls/; what a configuration needs to know is here. */
#ifndef TLSFRONT_PROTOCOL_H
#define TLSFRONT_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

enum protocol {
    PROTOCOL_POP3,
    PROTOCOL_IMAP,
    PROTOCOL_SMTP,
    PROTOCOL_NNTP,
    PROTOCOL_LDAP,
    PROTOCOL_SIEVE,
    PROTOCOL_TCP,
    PROTOCOL_ACME,    /* answered here, from a directory: there is no server behind it */
    PROTOCOL_MTA_STS, /* answered here, with one file, over HTTPS (RFC 8461) */
    PROTOCOLS
};

struct protocol_facts {
    const char *name;       /* as in `protocol = NAME` */
    const char *alpn;       /* registered ALPN id, NULL when there is none */
    uint16_t plain_port;    /* the port that speaks in clear and may offer STARTTLS; 0: none */
    uint16_t implicit_port; /* the port that begins with TLS; 0: none */
    unsigned idle_ms;       /* default idle-timeout */
    bool server_speaks_first;
    bool has_starttls;
    bool login_first; /* without a login there is nothing to be had */
    bool has_xclient; /* its servers can be told who the client is: XCLIENT, or IMAP's ID */
};

/* The row; it lives for ever. */
const struct protocol_facts *protocol_facts(enum protocol p);

/* False when no protocol has that name. */
bool protocol_by_name(const char *name, enum protocol *p);

#endif
