/* starttls.c - see starttls.h.
 *
 * Replies: SMTP 421 (RFC 5321, 3.8 and 4.2.3), POP3 -ERR [SYS/TEMP] (RFC 3206), IMAP * BYE
 * [UNAVAILABLE] (RFC 9051, 7.1.5; RFC 5530), NNTP 400 (RFC 3977, 3.2.1), ManageSieve BYE (TRYLATER)
 * (RFC 5804, 1.3), LDAP notice of disconnection (RFC 4511, 4.4.1). */
#include "proxy/starttls/starttls.h"

#include <string.h>

static const char *const words[] = {
    [REFUSE_UPSTREAM_DOWN] = "Service not available, try again later",
    [REFUSE_TOO_MANY] = "Too many connections, try again later",
    [REFUSE_DRAINING] = "Service is shutting down, try again later",
};

/* What stands around the words. */
static const struct {
    const char *before;
    bool hostname; /* follows `before`, with a space behind it */
    const char *after;
} lines[PROTOCOLS] = {
    [PROTOCOL_POP3] = {"-ERR [SYS/TEMP] ", false, "\r\n"},
    [PROTOCOL_IMAP] = {"* BYE [UNAVAILABLE] ", false, "\r\n"},
    [PROTOCOL_SMTP] = {"421 ", true, "\r\n"},
    [PROTOCOL_NNTP] = {"400 ", false, "\r\n"},
    [PROTOCOL_SIEVE] = {"BYE (TRYLATER) \"", false, "\"\r\n"},
};

/* ExtendedResponse with message id 0 and the OID of the notice. Everything is shorter than 128
 * bytes, so each length is one byte (X.690, 8.1.3.4). */
static void ldap_notice(enum starttls_refusal why, struct buf *out)
{
    static const char oid[] = "1.3.6.1.4.1.1466.20036";
    const uint8_t result = why == REFUSE_TOO_MANY ? 51 : 52; /* busy, unavailable */
    const char *text = words[why];
    const uint8_t text_size = (uint8_t)strlen(text), oid_size = sizeof oid - 1;
    const uint8_t op_size = (uint8_t)(3 + 2 + 2 + text_size + 2 + oid_size);

    const uint8_t head[] = {0x30,   (uint8_t)(3 + 2 + op_size), /* LDAPMessage */
                            0x02,   0x01,
                            0x00,            /* messageID 0 */
                            0x78,   op_size, /* [APPLICATION 24] ExtendedResponse */
                            0x0a,   0x01,
                            result,             /* resultCode */
                            0x04,   0x00,       /* matchedDN "" */
                            0x04,   text_size}; /* diagnosticMessage */
    const uint8_t name[] = {0x8a, oid_size};    /* responseName [10] */
    buf_put(out, head, sizeof head);
    buf_puts(out, text);
    buf_put(out, name, sizeof name);
    buf_puts(out, oid);
}

void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *out)
{
    if (p == PROTOCOL_LDAP)
        ldap_notice(why, out);
    else if (lines[p].before != NULL)
        buf_printf(out, "%s%s%s%s%s", lines[p].before, lines[p].hostname ? hostname : "",
                   lines[p].hostname ? " " : "", words[why], lines[p].after);
}
