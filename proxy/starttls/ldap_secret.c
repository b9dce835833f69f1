#include "proxy/starttls/ldap_secret.h"

#include "proxy/starttls/step.h"

/* What is there of an element, and how much is to come from there to its end. */
struct part {
    struct slice in;
    size_t left;
};

/* Enter the element at the front, which has to end within the part. */
static bool enter(struct part *p, uint8_t tag)
{
    const size_t before = p->in.size;
    uint8_t found;
    size_t size;
    if (ber_header(&p->in, &found, &size) != BER_OK || found != tag)
        return false;
    const size_t header = before - p->in.size;
    if (header > p->left || size > p->left - header)
        return false;
    p->left = size;
    return true;
}

/* The same for one that has to end with the part. */
static bool enter_last(struct part *p, uint8_t tag)
{
    const struct part all = *p;
    return enter(p, tag) && all.in.size - p->in.size + p->left == all.left;
}

/* Take the element at the front. */
static bool take(struct part *p, uint8_t tag, struct slice *contents_r)
{
    const size_t before = p->in.size;
    if (!ber_expect(&p->in, tag, contents_r) || before - p->in.size > p->left)
        return false;
    p->left -= before - p->in.size;
    return true;
}

static bool is_sign_of_name(const uint8_t *c)
{
    return *c == '.' || verb_is_sound((struct slice){c, 1});
}

/* RFC 4519, 2.41; RFC 3112; Active Directory. Options (";lang-de") may follow the name. Some
 * servers read no further than to a sign that no name has; what begins with one may be anything. */
static bool is_password(struct slice type)
{
    static const char *const names[] = {
        "userPassword",          "2.5.4.35", "authPassword", "1.3.6.1.4.1.4203.1.3.4", "unicodePwd",
        "1.2.840.113556.1.4.90", NULL};
    struct slice name = {type.data, 0};
    while (name.size < type.size && is_sign_of_name(type.data + name.size))
        name.size++;
    return name.size == 0 || line_is_listed(names, name);
}

/* Of each of these the part begins with the element in hand. */

static enum ldap_secret_verdict read_entry(struct ldap_secret *s, struct part p, size_t *passes_r)
{
    const struct part all = p;
    if (!enter(&p, BER_OCTETS))
        return SECRET_BROKEN;
    *passes_r = all.in.size - p.in.size + p.left;
    s->left -= *passes_r;
    s->place = SECRET_LIST;
    return SECRET_NONE;
}

/* AttributeValueAssertion (RFC 4511, 4.1.6) */
static enum ldap_secret_verdict read_assertion(struct ldap_secret *s, struct part p)
{
    struct slice type;
    if (!take(&p, BER_OCTETS, &type))
        return SECRET_BROKEN;
    if (is_password(type))
        return SECRET_FOUND;
    s->place = SECRET_OVER;
    return enter_last(&p, BER_OCTETS) ? SECRET_NONE : SECRET_BROKEN;
}

static enum ldap_secret_verdict read_list(struct ldap_secret *s, struct part p, size_t *passes_r)
{
    const struct part all = p;
    if (!enter_last(&p, BER_SEQUENCE))
        return SECRET_BROKEN;
    *passes_r = all.in.size - p.in.size;
    if (s->op == LDAP_COMPARE_REQUEST) {
        *passes_r += p.left;
        return read_assertion(s, p);
    }
    s->left = p.left;
    s->place = SECRET_ATTRIBUTE;
    return SECRET_NONE;
}

/* Attribute or change, where a number stands in front of it, up to the values. */
static enum ldap_secret_verdict read_attribute(struct ldap_secret *s, struct part p,
                                               size_t *passes_r)
{
    const struct part all = p;
    struct slice operation, type;
    if (!enter(&p, BER_SEQUENCE))
        return SECRET_BROKEN;
    const size_t size = all.in.size - p.in.size + p.left;
    if (s->op == LDAP_MODIFY_REQUEST &&
        (!take(&p, BER_ENUMERATED, &operation) || !enter_last(&p, BER_SEQUENCE)))
        return SECRET_BROKEN;
    if (!take(&p, BER_OCTETS, &type))
        return SECRET_BROKEN;
    if (is_password(type))
        return SECRET_FOUND;
    if (!enter_last(&p, BER_SET))
        return SECRET_BROKEN;
    *passes_r = all.in.size - p.in.size;
    s->left -= size;
    s->values = p.left;
    return SECRET_NONE;
}

static enum ldap_secret_verdict read_value(struct ldap_secret *s, struct part p, size_t *passes_r)
{
    const struct part all = p;
    if (!enter(&p, BER_OCTETS))
        return SECRET_BROKEN;
    *passes_r = all.in.size - p.in.size + p.left;
    s->values -= *passes_r;
    return SECRET_NONE;
}

static enum ldap_secret_verdict read_element(struct ldap_secret *s, struct part p, size_t *passes_r)
{
    if (s->values > 0)
        return read_value(s, p, passes_r);
    if (s->place == SECRET_ENTRY)
        return read_entry(s, p, passes_r);
    return s->place == SECRET_LIST ? read_list(s, p, passes_r) : read_attribute(s, p, passes_r);
}

/* Narrow the part to as much of its first element as is looked at, so that the outcome does not
 * depend on what else is there. */
static enum ldap_secret_verdict need_head(struct part *p)
{
    if (p->in.size > p->left)
        p->in.size = p->left;
    struct slice rest = p->in;
    uint8_t tag;
    size_t size;
    const enum ber_result head = ber_header(&rest, &tag, &size);
    if (head == BER_BAD || (head == BER_MORE && p->in.size == p->left))
        return SECRET_BROKEN;
    if (head == BER_MORE)
        return SECRET_MORE;
    size += p->in.size - rest.size;
    const size_t want = size < LDAP_SECRET_HEAD ? size : LDAP_SECRET_HEAD;
    if (want > p->in.size)
        return p->in.size == p->left ? SECRET_BROKEN : SECRET_MORE;
    p->in.size = want;
    return SECRET_NONE;
}

struct ldap_secret ldap_secret_begin(const struct ldap_message *m)
{
    const size_t front = (size_t)(m->body.data - m->in.data);
    return (struct ldap_secret){.op = m->op,
                                .place = SECRET_ENTRY,
                                .left = m->body_size,
                                .behind = m->size - front - m->body_size};
}

enum ldap_secret_verdict ldap_secret_next(struct ldap_secret *s, struct slice in, size_t *passes_r)
{
    struct part p = {in, s->values > 0 ? s->values : s->left};
    struct ldap_secret next = *s;
    enum ldap_secret_verdict verdict = need_head(&p);
    if (verdict == SECRET_NONE)
        verdict = read_element(&next, p, passes_r);
    if (verdict != SECRET_NONE)
        return verdict;
    if (next.place == SECRET_ATTRIBUTE && next.left == 0 && next.values == 0)
        next.place = SECRET_OVER;
    if (next.place == SECRET_OVER)
        *passes_r += next.behind;
    *s = next;
    return SECRET_NONE;
}

enum ldap_secret_verdict ldap_secret_in(const struct ldap_message *m)
{
    struct ldap_secret s = ldap_secret_begin(m);
    struct slice in = {m->body.data, m->body.size + m->rest.size};
    enum ldap_secret_verdict verdict = SECRET_NONE;
    while (verdict == SECRET_NONE && s.place != SECRET_OVER) {
        size_t passes = 0;
        verdict = ldap_secret_next(&s, in, &passes);
        in.data += passes;
        in.size -= passes;
    }
    return verdict;
}

/* ---- filters (RFC 4511, 4.5.1.7) ---- */

enum { FILTER_AND = 0xa0, FILTER_OR, FILTER_NOT, FILTER_PRESENT = 0x87, FILTER_EXTENSIBLE = 0xa9 };

/* Of FILTER_EXTENSIBLE. */
enum { MATCHING_TYPE = 0x82 };

/* The first of an assertion is the type, but of an extensible one. */
static bool compares_password(uint8_t filter, struct slice assertion)
{
    const bool extensible = filter == FILTER_EXTENSIBLE;
    uint8_t tag;
    struct slice type;
    bool found = ber_take(&assertion, &tag, &type);
    while (found && extensible && tag != MATCHING_TYPE)
        found = ber_take(&assertion, &tag, &type);
    return found && is_password(type);
}

/* However deep they are, filters stand one behind the other. */
bool ldap_secret_in_filter(const struct ldap_message *m)
{
    struct ldap_search search;
    if (!ldap_search_read(m, &search))
        return false;
    struct slice in = search.filter, assertion;
    uint8_t tag;
    size_t size;
    while (in.size > 0) {
        if (in.data[0] >= FILTER_AND && in.data[0] <= FILTER_NOT) {
            if (ber_header(&in, &tag, &size) != BER_OK)
                return false;
        } else if (!ber_take(&in, &tag, &assertion)) {
            return false;
        } else if (tag != FILTER_PRESENT && compares_password(tag, assertion)) {
            return true;
        }
    }
    return false;
}
