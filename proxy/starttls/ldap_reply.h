/* ldap_reply.h - the LDAP messages that we write ourselves. */
#ifndef TLSFRONT_LDAP_REPLY_H
#define TLSFRONT_LDAP_REPLY_H

#include "proxy/starttls/ldap_message.h"

/* resultCode (RFC 4511, 4.1.9). */
enum ldap_code {
    LDAP_SUCCESS = 0,
    LDAP_OPERATIONS_ERROR = 1,
    LDAP_PROTOCOL_ERROR = 2,
    LDAP_STRONGER_AUTH_REQUIRED = 8,
    LDAP_ADMIN_LIMIT_EXCEEDED = 11,
    LDAP_CONFIDENTIALITY_REQUIRED = 13,
    LDAP_SASL_BIND_IN_PROGRESS = 14,
    LDAP_NO_SUCH_OBJECT = 32,
    LDAP_INAPPROPRIATE_AUTHENTICATION = 48,
    LDAP_INSUFFICIENT_ACCESS = 50,
    LDAP_BUSY = 51,
    LDAP_UNAVAILABLE = 52,
    LDAP_UNWILLING_TO_PERFORM = 53,
};

/* A response that is an LDAPResult and no more, to the request `id`. */
void ldap_result(struct buf *out, int32_t id, enum ldap_op op, enum ldap_code code,
                 const char *text);

/* The response to StartTLS, which carries its name (RFC 4511, 4.14.2). */
void ldap_starttls_result(struct buf *out, int32_t id, enum ldap_code code, const char *text);

/* The notice of disconnection (RFC 4511, 4.4.1). */
void ldap_notice(struct buf *out, enum ldap_code code, const char *text);

#endif
