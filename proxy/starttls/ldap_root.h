/* ldap_root.h - the rootDSE (RFC 4512, 5.1), where a server says what it can do. */
#ifndef TLSFRONT_LDAP_ROOT_H
#define TLSFRONT_LDAP_ROOT_H

#include "proxy/starttls/ldap_message.h"

/* What a search of the rootDSE asks for; bits. */
enum ldap_root {
    ROOT_SEARCH = 1,    /* it is one; without this bit there are no others */
    ROOT_USER = 2,      /* all user attributes: "*", or no list */
    ROOT_EXTENSION = 4, /* supportedExtension, by name or with "+" */
    ROOT_VERSION = 8,   /* supportedLDAPVersion, in the same way */
    ROOT_TYPES = 16,    /* names of attributes only */
};

/* What a SearchRequest (RFC 4511, 4.5.1) asks for in *asked_r. The filter is not looked into: every
 * filter that clients send for the rootDSE means "there is one". `m` is whole. False: broken. */
bool ldap_root_asked(const struct ldap_message *m, uint8_t *asked_r);

/* Our own entry, for LDAP version 3 with StartTLS, as far as it was asked for. */
void ldap_root_entry(struct buf *out, int32_t id, uint8_t asked);

/* What becomes of the upstream's entry. */
struct ldap_root_edit {
    bool starttls;       /* StartTLS is listed in any case; otherwise in none */
    bool hide_passwords; /* no SASL mechanism is listed that shows the password */
    uint8_t asked;
};

/* Is the SearchResultEntry `m` that of the rootDSE? */
bool ldap_root_is_entry(const struct ldap_message *m);

/* Is there something in the SearchResultEntry `m`, which is whole, that has to go on TLS? */
bool ldap_root_has_starttls(const struct ldap_message *m);

/* The SearchResultEntry `m`, which is whole, with the edit done. False: not understood, and nothing
 * was written. */
bool ldap_root_rewrite(struct buf *out, const struct ldap_message *m,
                       const struct ldap_root_edit *edit);

#endif
