#include "proxy/starttls/ldap_message.h"

#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/step.h"

/* What may stand behind the operation: controls, or elements of the future, which RFC 4511, 4 wants
 * ignored. Anything that is no element is garbage. */
static bool is_elements(struct slice in)
{
    uint8_t tag;
    struct slice contents;
    while (in.size > 0)
        if (!ber_take(&in, &tag, &contents))
            return false;
    return true;
}

/* Id and operation. `view` is what there is of the message's contents, `size` what there should
 * be. */
static bool read_contents(struct slice view, size_t size, struct ldap_message *m)
{
    const struct slice all = view;
    int64_t id;
    if (!ber_number(&view, BER_INTEGER, &id) || id < 0 || id > INT32_MAX)
        return false;
    /* The head is long enough for this header: a lack of bytes means that the message is too
     * short. */
    if (ber_header(&view, &m->op, &m->body_size) != BER_OK ||
        m->body_size > size - (all.size - view.size))
        return false;
    m->id = (int32_t)id;
    m->body = (struct slice){view.data, m->body_size < view.size ? m->body_size : view.size};
    m->rest = (struct slice){view.data + m->body.size, view.size - m->body.size};
    return !m->whole || is_elements(m->rest);
}

/* A message, of which `want` bytes are enough. */
static enum ber_result read_message(struct slice in, size_t want, struct ldap_message *m)
{
    struct slice view = in;
    uint8_t tag;
    size_t size;
    if (in.size > 0 && in.data[0] != BER_SEQUENCE)
        return BER_BAD;
    const enum ber_result result = ber_header(&view, &tag, &size);
    if (result != BER_OK)
        return result;

    const size_t header = in.size - view.size;
    *m = (struct ldap_message){.in = in, .size = header + size};
    m->whole = m->size <= want;
    const size_t need = m->whole ? m->size : want;
    if (in.size < need)
        return BER_MORE;
    view.size = need - header; /* never more, so that the outcome does not depend on the cut */
    return read_contents(view, size, m) ? BER_OK : BER_BAD;
}

enum ber_result ldap_message_head(struct slice in, struct ldap_message *m)
{
    return read_message(in, LDAP_HEAD, m);
}

enum ber_result ldap_message_whole(struct ldap_message *m)
{
    if (m->whole || m->size > LDAP_WHOLE)
        return BER_OK;
    return read_message(m->in, LDAP_WHOLE, m);
}

/* An empty name ends a negotiation (RFC 4513, 5.2.1.2). Some servers read no further than to a sign
 * that no name has. */
bool ldap_shows_password(struct slice mechanism)
{
    static const char *const names[] = {
        "",     "EXTERNAL", "ANONYMOUS",  "CRAM-MD5",    "DIGEST-MD5",  "NTLM", "OTP",
        "SKEY", "GSSAPI",   "GSS-SPNEGO", "KERBEROS_V4", "KERBEROS_V5", "SRP",  NULL};
    if (line_is_listed(names, mechanism))
        return false;
    return !verb_is_sound(mechanism) ||
           (!slice_begins(mechanism, "SCRAM-") && !slice_begins(mechanism, "GS2-"));
}

/* The authentication choice of a BindRequest, and its contents; nothing may stand behind it. */
static bool read_bind(const struct ldap_message *m, uint8_t *tag_r, struct slice *auth_r)
{
    struct slice in = m->body, name;
    int64_t version;
    return ber_number(&in, BER_INTEGER, &version) && ber_expect(&in, BER_OCTETS, &name) &&
           ber_take(&in, tag_r, auth_r) && in.size == 0;
}

/* AuthenticationChoice. The numbers that RFC 4511 leaves out: 1 and 2 are the Kerberos tickets of
 * LDAPv2 (RFC 1777, 4.1), 9 to 11 are Microsoft's Sicily (NTLM, MS-ADTS 5.1.1.1.3), which may seal.
 * A constructed [0] is how the oldest clients wrote a password. */
enum {
    AUTH_SIMPLE = 0x80,
    AUTH_KERBEROS_LDAP = 0x81,
    AUTH_KERBEROS_DSA = 0x82,
    AUTH_SICILY_FIRST = 0x89,
    AUTH_SICILY_LAST = 0x8b,
    AUTH_SASL = 0xa3,
};

static bool is_sicily(uint8_t tag)
{
    return tag >= AUTH_SICILY_FIRST && tag <= AUTH_SICILY_LAST;
}

static enum ldap_bind sasl_kind(struct slice credentials)
{
    struct slice mechanism;
    if (!ber_expect(&credentials, BER_OCTETS, &mechanism))
        return BIND_BROKEN;
    return ldap_shows_password(mechanism) ? BIND_PASSWORD : BIND_OPEN;
}

enum ldap_bind ldap_bind_kind(const struct ldap_message *m)
{
    struct slice auth;
    uint8_t tag;
    if (!read_bind(m, &tag, &auth))
        return BIND_BROKEN;
    if (tag == AUTH_SASL)
        return sasl_kind(auth);
    /* anonymous or unauthenticated without a password (RFC 4513, 5.1) */
    const bool open = (tag == AUTH_SIMPLE && auth.size == 0) || tag == AUTH_KERBEROS_LDAP ||
                      tag == AUTH_KERBEROS_DSA || is_sicily(tag);
    return open ? BIND_OPEN : BIND_PASSWORD;
}

bool ldap_bind_may_wrap(const struct ldap_message *m)
{
    struct slice auth, mechanism;
    uint8_t tag;
    if (!read_bind(m, &tag, &auth))
        return true;
    if (tag == AUTH_SASL)
        return !ber_expect(&auth, BER_OCTETS, &mechanism) || sasl_may_wrap(mechanism);
    return is_sicily(tag);
}

/* LDAPOID (RFC 4511, 4.1.2). Some servers read no further than to a sign that none has. */
static bool is_oid(struct slice name)
{
    for (size_t i = 0; i < name.size; i++)
        if (name.data[i] != '.' && (name.data[i] < '0' || name.data[i] > '9'))
            return false;
    return true;
}

/* The name at the front of an ExtendedRequest, which moves behind it; as much of one as is there,
 * if it is longer than any that matters. */
static bool read_name(const struct ldap_message *m, struct slice *in, struct slice *name_r)
{
    uint8_t tag;
    size_t size;
    if (ber_header(in, &tag, &size) != BER_OK || tag != 0x80 || (m->whole && size > in->size))
        return false;
    *name_r = (struct slice){in->data, size < in->size ? size : in->size};
    in->data += name_r->size;
    in->size -= name_r->size;
    return is_oid(*name_r);
}

enum ldap_extended ldap_extended_kind(const struct ldap_message *m)
{
    struct slice in = m->body, name, value;
    if (!read_name(m, &in, &name))
        return EXTENDED_BROKEN;
    if (slice_is(name, LDAP_PASSWORD_MODIFY))
        return EXTENDED_PASSWORD;
    if (!slice_is(name, LDAP_STARTTLS))
        return EXTENDED_OTHER;
    /* One that is too large to be collected has something behind its name in any case. */
    if (!m->whole || ber_expect(&in, 0x81, &value))
        return EXTENDED_STARTTLS_VALUE;
    return EXTENDED_STARTTLS;
}

bool ldap_search_read(const struct ldap_message *m, struct ldap_search *s)
{
    struct slice in = m->body, filter;
    int64_t dereference, sizes, seconds;
    uint8_t tag;
    if (!ber_expect(&in, BER_OCTETS, &s->base) || !ber_number(&in, BER_ENUMERATED, &s->scope) ||
        !ber_number(&in, BER_ENUMERATED, &dereference) || !ber_number(&in, BER_INTEGER, &sizes) ||
        !ber_number(&in, BER_INTEGER, &seconds) || !ber_number(&in, BER_BOOLEAN, &s->types_only))
        return false;
    s->filter = in;
    if (!ber_take(&in, &tag, &filter))
        return false;
    s->filter.size -= in.size;
    s->list = in;
    return true;
}

struct slice ldap_mechanism(const struct ldap_message *m)
{
    static const struct slice simple = {(const uint8_t *)"SIMPLE", 6};
    struct slice auth, mechanism = {m->body.data, 0};
    uint8_t tag;
    if (m->op != LDAP_BIND_REQUEST || !read_bind(m, &tag, &auth))
        return mechanism;
    if (tag != AUTH_SASL)
        return simple;
    ber_expect(&auth, BER_OCTETS, &mechanism);
    return mechanism;
}

/* AbandonRequest is an INTEGER under the operation's own tag. */
int32_t ldap_abandoned(const struct ldap_message *m)
{
    int64_t id;
    if (!m->whole || !ber_value(m->body, &id) || id < 0 || id > INT32_MAX)
        return 0;
    return (int32_t)id;
}

int64_t ldap_result_code(const struct ldap_message *m)
{
    struct slice in = m->body;
    int64_t code;
    return ber_number(&in, BER_ENUMERATED, &code) ? code : -1;
}
