#include "proxy/starttls/ldap_reply.h"

/* LDAPResult (RFC 4511, 4.1.9), with the responseName [10] of an ExtendedResponse (4.12) if any. */
static void put_response(struct buf *out, int32_t id, enum ldap_op op, enum ldap_code code,
                         const char *text, const char *name)
{
    const size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_number(out, BER_INTEGER, (uint32_t)id);
    const size_t response = ber_open(out, (uint8_t)op);
    ber_put_number(out, BER_ENUMERATED, (uint32_t)code);
    ber_puts(out, BER_OCTETS, ""); /* matchedDN */
    ber_puts(out, BER_OCTETS, text);
    if (name != NULL)
        ber_puts(out, 0x8a, name);
    ber_close(out, response);
    ber_close(out, message);
}

void ldap_result(struct buf *out, int32_t id, enum ldap_op op, enum ldap_code code,
                 const char *text)
{
    put_response(out, id, op, code, text, NULL);
}

void ldap_starttls_result(struct buf *out, int32_t id, enum ldap_code code, const char *text)
{
    put_response(out, id, LDAP_EXTENDED_RESPONSE, code, text, LDAP_STARTTLS);
}

void ldap_notice(struct buf *out, enum ldap_code code, const char *text)
{
    put_response(out, 0, LDAP_EXTENDED_RESPONSE, code, text, "1.3.6.1.4.1.1466.20036");
}
