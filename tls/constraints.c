#include "tls/constraints.h"

#include "tls/extensions.h"
#include "tls/text.h"

#include <string.h>

/* ---- parts of names ---- */

static bool same_bytes(struct tls_slice a, struct tls_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static struct tls_slice behind(struct tls_slice s, size_t skip)
{
    return (struct tls_slice){s.data + skip, s.size - skip};
}

/* ".example.org" is all below that; of "example.org" that is so only where `deep`, else it is that
 * host alone. */
static bool host_within(struct tls_slice host, struct tls_slice base, bool deep)
{
    if (base.size == 0)
        return true;
    if (host.size < base.size || !text_same_letters(behind(host, host.size - base.size), base))
        return false;
    if (base.data[0] == '.' || host.size == base.size)
        return host.size > base.size || base.data[0] != '.';
    return deep && host.data[host.size - base.size - 1] == '.';
}

/* A name in full, "a.example.org.", is the same host, and allow.c takes it for that. */
static struct tls_slice without_dot(struct tls_slice host)
{
    host.size -= host.size > 1 && host.data[host.size - 1] == '.';
    return host;
}

/* Is the host (a constraint) one of those that a wildcard is for? */
static bool wildcard_covers(struct tls_slice name, struct tls_slice base)
{
    if (name.size < 3 || name.data[0] != '*' || name.data[1] != '.' || base.size == 0)
        return false;
    const uint8_t *dot = memchr(base.data, '.', base.size);
    return dot != NULL && dot != base.data &&
           text_same_letters(behind(name, 1), behind(base, (size_t)(dot - base.data)));
}

/* Up to the last @, which is a part of it; 0: there is none. */
static size_t local_size(struct tls_slice mailbox)
{
    size_t size = mailbox.size;
    while (size > 0 && mailbox.data[size - 1] != '@')
        size--;
    return size;
}

static bool mailbox_within(struct tls_slice mailbox, struct tls_slice base)
{
    const size_t local = local_size(mailbox), base_local = local_size(base);
    const struct tls_slice host = behind(mailbox, local);
    if (base_local == 0)
        return host_within(host, base, false);
    return same_bytes((struct tls_slice){mailbox.data, local},
                      (struct tls_slice){base.data, base_local}) &&
           text_same_letters(host, behind(base, base_local));
}

/* False: it has none that is a name (RFC 5280: such a URI cannot be within anything). */
static bool host_of(struct tls_slice uri, struct tls_slice *host)
{
    const uint8_t *p = uri.size > 0 ? memmem(uri.data, uri.size, "://", 3) : NULL;
    if (p == NULL)
        return false;
    struct tls_slice s = behind(uri, (size_t)(p - uri.data) + 3);
    size_t size = 0;
    while (size < s.size && memchr("/?#", s.data[size], 3) == NULL)
        size++;
    s = behind((struct tls_slice){s.data, size}, local_size((struct tls_slice){s.data, size}));
    const uint8_t *colon = s.size > 0 ? memchr(s.data, ':', s.size) : NULL;
    *host = (struct tls_slice){s.data, colon != NULL ? (size_t)(colon - s.data) : s.size};
    return host->size > 0 && host->data[0] != '[';
}

/* An address and its mask. */
static bool address_within(struct tls_slice address, struct tls_slice base)
{
    for (size_t i = 0; i < address.size; i++)
        if (((address.data[i] ^ base.data[i]) & base.data[address.size + i]) != 0)
            return false;
    return true;
}

/* Whatever kind of string it is. */
static bool same_attribute(struct der *a, struct der *b)
{
    struct der x, y;
    struct tls_slice type, type_b, value, value_b;
    return der_enter(a, &x, DER_SEQUENCE) && der_enter(b, &y, DER_SEQUENCE) &&
           der_take(&x, &type, MBEDTLS_ASN1_OID) && der_take(&y, &type_b, MBEDTLS_ASN1_OID) &&
           der_take(&x, &value, der_next(&x)) && der_take(&y, &value_b, der_next(&y)) &&
           same_bytes(type, type_b) && text_same_letters(value, value_b);
}

static bool same_rdn(struct der *a, struct der *b)
{
    struct der x, y;
    if (!der_enter(a, &x, DER_SET) || !der_enter(b, &y, DER_SET))
        return false;
    while (x.p < x.end && y.p < y.end)
        if (!same_attribute(&x, &y))
            return false;
    return x.p == x.end && y.p == y.end;
}

static bool is_sequence(struct tls_slice s)
{
    struct der all = der_begin(s), inside;
    return der_enter(&all, &inside, DER_SEQUENCE) && all.p == all.end;
}

static bool directory_within(struct tls_slice name, struct tls_slice base)
{
    struct der all = der_begin(name), all_base = der_begin(base), rest, rest_base;
    if (!der_enter(&all, &rest, DER_SEQUENCE) || !der_enter(&all_base, &rest_base, DER_SEQUENCE))
        return false;
    while (rest_base.p < rest_base.end)
        if (!same_rdn(&rest, &rest_base))
            return false;
    return true;
}

/* ---- one name ---- */

/* A GeneralName: the number of its kind, MBEDTLS_X509_SAN_..., and what it says. */
struct general_name {
    int kind;
    struct tls_slice text;
};

enum place { OUTSIDE, WITHIN, NOT_UNDERSTOOD };

static enum place place_of(const struct general_name *n, struct tls_slice base)
{
    struct tls_slice host;
    bool within;
    switch (n->kind) {
    case MBEDTLS_X509_SAN_DNS_NAME:
        host = without_dot(n->text);
        if (wildcard_covers(host, without_dot(base)))
            return NOT_UNDERSTOOD; /* in part, so neither permitted nor free of what is excluded */
        within = host_within(host, without_dot(base), true);
        break;
    case MBEDTLS_X509_SAN_RFC822_NAME:
        within = mailbox_within(n->text, base);
        break;
    case MBEDTLS_X509_SAN_UNIFORM_RESOURCE_IDENTIFIER:
        if (!host_of(n->text, &host))
            return NOT_UNDERSTOOD;
        within = host_within(host, base, false);
        break;
    case MBEDTLS_X509_SAN_IP_ADDRESS:
        if (base.size != 8 && base.size != 32)
            return NOT_UNDERSTOOD;
        within = base.size == 2 * n->text.size && address_within(n->text, base);
        break;
    case MBEDTLS_X509_SAN_DIRECTORY_NAME:
        if (!is_sequence(base))
            return NOT_UNDERSTOOD;
        within = directory_within(n->text, base);
        break;
    default:
        return NOT_UNDERSTOOD;
    }
    return within ? WITHIN : OUTSIDE;
}

/* GeneralSubtree ::= SEQUENCE { base GeneralName, and nothing else (RFC 5280) } */
static bool next_subtree(struct der *rest, struct general_name *base)
{
    enum { KIND_MASK = 0x1f };
    struct der one;
    if (!der_enter(rest, &one, DER_SEQUENCE))
        return false;
    base->kind = der_next(&one) & KIND_MASK;
    return der_take(&one, &base->text, der_next(&one)) && one.p == one.end;
}

/* As far as one of them is about names of this kind. */
static bool permitted(struct der rest, const struct general_name *n)
{
    struct general_name base;
    bool any = false, within = false;
    while (rest.p < rest.end) {
        if (!next_subtree(&rest, &base))
            return false;
        any = any || base.kind == n->kind;
        within = within || (base.kind == n->kind && place_of(n, base.text) == WITHIN);
    }
    return within || !any;
}

static bool excluded(struct der rest, const struct general_name *n)
{
    struct general_name base;
    while (rest.p < rest.end)
        if (!next_subtree(&rest, &base) ||
            (base.kind == n->kind && place_of(n, base.text) != OUTSIDE))
            return true;
    return false;
}

/* ---- one authority ---- */

/* NameConstraints ::= SEQUENCE { permitted [0], excluded [1] GeneralSubtrees OPTIONAL } */
struct constraints {
    struct der permitted, excluded;
};

/* How many there are, and the last of them. */
static unsigned find(const mbedtls_x509_crt *crt, struct extension *found)
{
    unsigned count = 0;
    struct extension x;
    for (struct der rest = extensions_begin(crt); extensions_next(&rest, &x);)
        if (extension_is_constraints(&x)) {
            *found = x;
            count++;
        }
    return count;
}

static bool read_constraints(const struct extension *x, struct constraints *c)
{
    struct der all = der_begin(x->value), inside;
    if (!der_enter(&all, &inside, DER_SEQUENCE) || all.p != all.end)
        return false;
    c->permitted = c->excluded = (struct der){inside.p, inside.p};
    if (der_next(&inside) == DER_CONTEXT_0 && !der_enter(&inside, &c->permitted, DER_CONTEXT_0))
        return false;
    return inside.p == inside.end ||
           (der_enter(&inside, &c->excluded, DER_CONTEXT_0 + 1) && inside.p == inside.end);
}

static bool allowed(const struct constraints *c, struct general_name n)
{
    return permitted(c->permitted, &n) && !excluded(c->excluded, &n);
}

/* RFC 5280 4.2.1.10: addresses in the subject count as well. */
static bool allowed_emails(const struct constraints *c, const mbedtls_x509_name *name)
{
    for (; name != NULL; name = name->next)
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_PKCS9_EMAIL, &name->oid) == 0 &&
            !allowed(c, (struct general_name){MBEDTLS_X509_SAN_RFC822_NAME,
                                              {name->val.p, name->val.len}}))
            return false;
    return true;
}

bool constraints_any(const mbedtls_x509_crt *authority)
{
    struct extension x;
    return find(authority, &x) > 0;
}

bool constraints_allow(const mbedtls_x509_crt *authority, const mbedtls_x509_crt *crt)
{
    enum { KIND_MASK = 0x1f };
    struct extension x;
    struct constraints c;
    const unsigned count = find(authority, &x);
    if (count != 1) /* of several nobody knows which is meant (RFC 5280 4.2) */
        return count == 0;
    const struct general_name subject = {MBEDTLS_X509_SAN_DIRECTORY_NAME,
                                         {crt->subject_raw.p, crt->subject_raw.len}};
    if (!read_constraints(&x, &c) || (crt->subject.oid.p != NULL && !allowed(&c, subject)) ||
        !allowed_emails(&c, &crt->subject))
        return false;
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next)
        if (s->buf.p != NULL &&
            !allowed(&c, (struct general_name){s->buf.tag & KIND_MASK, {s->buf.p, s->buf.len}}))
            return false;
    return true;
}
