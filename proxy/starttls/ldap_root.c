#include "proxy/starttls/ldap_root.h"

/* Attributes go by name or by number (RFC 4512, 2.5). */
enum attribute { ATTRIBUTE_EXTENSION, ATTRIBUTE_VERSION, ATTRIBUTE_MECHANISMS, ATTRIBUTES };

static const struct {
    const char *name, *oid;
} attributes[ATTRIBUTES] = {
    [ATTRIBUTE_EXTENSION] = {"supportedExtension", "1.3.6.1.4.1.1466.101.120.7"},
    [ATTRIBUTE_VERSION] = {"supportedLDAPVersion", "1.3.6.1.4.1.1466.101.120.15"},
    [ATTRIBUTE_MECHANISMS] = {"supportedSASLMechanisms", "1.3.6.1.4.1.1466.101.120.14"},
};

static bool is_attribute(struct slice type, enum attribute a)
{
    return slice_is(type, attributes[a].name) || slice_is(type, attributes[a].oid);
}

/* ---- what a search asks for ---- */

static uint8_t asked_by(struct slice selector)
{
    if (slice_is(selector, "*"))
        return ROOT_USER;
    if (slice_is(selector, "+")) /* RFC 3673 */
        return ROOT_EXTENSION | ROOT_VERSION;
    if (is_attribute(selector, ATTRIBUTE_EXTENSION))
        return ROOT_EXTENSION;
    return is_attribute(selector, ATTRIBUTE_VERSION) ? ROOT_VERSION : 0;
}

static bool read_selection(struct slice list, uint8_t *asked)
{
    struct slice selector;
    if (list.size == 0)
        *asked |= ROOT_USER; /* RFC 4511, 4.5.1.8 */
    while (list.size > 0) {
        if (!ber_expect(&list, BER_OCTETS, &selector))
            return false;
        *asked |= asked_by(selector);
    }
    return true;
}

bool ldap_root_asked(const struct ldap_message *m, uint8_t *asked_r)
{
    struct ldap_search s;
    struct slice list;
    if (!ldap_search_read(m, &s) || !ber_expect(&s.list, BER_SEQUENCE, &list))
        return false;

    uint8_t asked = ROOT_SEARCH;
    if (s.types_only != 0)
        asked |= ROOT_TYPES;
    if (!read_selection(list, &asked))
        return false;
    const bool root = s.base.size == 0 && s.scope == 0; /* baseObject */
    *asked_r = root ? asked : 0;
    return true;
}

/* ---- writing entries ---- */

/* PartialAttribute (RFC 4511, 4.1.7) with one value, or none where only types are asked for. */
static void put_attribute(struct buf *out, const char *type, const char *value, uint8_t asked)
{
    const size_t attribute = ber_open(out, BER_SEQUENCE);
    ber_puts(out, BER_OCTETS, type);
    const size_t values = ber_open(out, BER_SET);
    if ((asked & ROOT_TYPES) == 0)
        ber_puts(out, BER_OCTETS, value);
    ber_close(out, values);
    ber_close(out, attribute);
}

void ldap_root_entry(struct buf *out, int32_t id, uint8_t asked)
{
    const size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_number(out, BER_INTEGER, (uint32_t)id);
    const size_t entry = ber_open(out, LDAP_SEARCH_ENTRY);
    ber_puts(out, BER_OCTETS, ""); /* objectName */
    const size_t list = ber_open(out, BER_SEQUENCE);
    if ((asked & (ROOT_USER | ROOT_EXTENSION)) != 0)
        put_attribute(out, attributes[ATTRIBUTE_EXTENSION].name, LDAP_STARTTLS, asked);
    if ((asked & (ROOT_USER | ROOT_VERSION)) != 0)
        put_attribute(out, attributes[ATTRIBUTE_VERSION].name, "3", asked);
    ber_close(out, list);
    ber_close(out, entry);
    ber_close(out, message);
}

/* ---- the upstream's entry ---- */

static bool is_starttls(struct slice value)
{
    return slice_is(value, LDAP_STARTTLS);
}

/* How one attribute of the upstream changes. */
struct change {
    bool (*drops)(struct slice value);
    const char *adds; /* NULL: nothing */
};

/* The values but those that are dropped, and the added one. An attribute that would lose its last
 * value goes as a whole: one without values says that only types were asked for (RFC 4511,
 * 4.5.2). */
static bool put_changed(struct buf *out, struct slice type, struct slice values,
                        const struct change *c)
{
    const size_t start = out->size;
    const size_t attribute = ber_open(out, BER_SEQUENCE);
    ber_put(out, BER_OCTETS, type.data, type.size);
    const size_t set = ber_open(out, BER_SET);
    const bool had_some = values.size > 0;
    struct slice value;
    while (values.size > 0) {
        if (!ber_expect(&values, BER_OCTETS, &value))
            return false;
        if (!c->drops(value))
            ber_put(out, BER_OCTETS, value.data, value.size);
    }
    if (c->adds != NULL)
        ber_puts(out, BER_OCTETS, c->adds);
    if (had_some && out->size == set)
        out->size = start;
    else {
        ber_close(out, set);
        ber_close(out, attribute);
    }
    return true;
}

static bool put_edited(struct buf *out, struct slice type, struct slice values,
                       const struct ldap_root_edit *edit)
{
    const bool add = edit->starttls && (edit->asked & ROOT_TYPES) == 0;
    struct change change = {is_starttls, add ? LDAP_STARTTLS : NULL};
    if (!is_attribute(type, ATTRIBUTE_EXTENSION))
        change = (struct change){ldap_shows_password, NULL};
    return put_changed(out, type, values, &change);
}

static bool is_edited(struct slice type, const struct ldap_root_edit *edit)
{
    return is_attribute(type, ATTRIBUTE_EXTENSION) ||
           (edit->hide_passwords && is_attribute(type, ATTRIBUTE_MECHANISMS));
}

/* PartialAttributeList (RFC 4511, 4.5.2). */
static bool put_list(struct buf *out, struct slice list, const struct ldap_root_edit *edit)
{
    bool listed = false;
    while (list.size > 0) {
        struct slice attribute, type, values;
        if (!ber_expect(&list, BER_SEQUENCE, &attribute))
            return false;
        const struct slice whole = attribute;
        if (!ber_expect(&attribute, BER_OCTETS, &type) || !ber_expect(&attribute, BER_SET, &values))
            return false;
        listed |= is_attribute(type, ATTRIBUTE_EXTENSION);
        if (!is_edited(type, edit))
            ber_put(out, BER_SEQUENCE, whole.data, whole.size);
        else if (!put_edited(out, type, values, edit))
            return false;
    }
    if (edit->starttls && !listed && (edit->asked & ROOT_EXTENSION) != 0)
        put_attribute(out, attributes[ATTRIBUTE_EXTENSION].name, LDAP_STARTTLS, edit->asked);
    return true;
}

static bool put_entry(struct buf *out, struct slice body, const struct ldap_root_edit *edit)
{
    struct slice name, list;
    if (!ber_expect(&body, BER_OCTETS, &name) || !ber_expect(&body, BER_SEQUENCE, &list))
        return false;
    const size_t entry = ber_open(out, LDAP_SEARCH_ENTRY);
    ber_put(out, BER_OCTETS, name.data, name.size);
    const size_t mark = ber_open(out, BER_SEQUENCE);
    if (!put_list(out, list, edit))
        return false;
    ber_close(out, mark);
    buf_put(out, body.data, body.size);
    ber_close(out, entry);
    return true;
}

bool ldap_root_rewrite(struct buf *out, const struct ldap_message *m,
                       const struct ldap_root_edit *edit)
{
    const size_t start = out->size;
    const size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_number(out, BER_INTEGER, (uint32_t)m->id);
    if (!put_entry(out, m->body, edit)) {
        out->size = start;
        return false;
    }
    buf_put(out, m->rest.data, m->rest.size);
    ber_close(out, message);
    return true;
}

bool ldap_root_is_entry(const struct ldap_message *m)
{
    struct slice body = m->body, name;
    return ber_expect(&body, BER_OCTETS, &name) && name.size == 0;
}

static bool has_starttls(struct slice values)
{
    struct slice value;
    while (ber_expect(&values, BER_OCTETS, &value))
        if (is_starttls(value))
            return true;
    return false;
}

bool ldap_root_has_starttls(const struct ldap_message *m)
{
    struct slice body = m->body, name, list, attribute, type, values;
    if (!ber_expect(&body, BER_OCTETS, &name) || !ber_expect(&body, BER_SEQUENCE, &list))
        return false;
    while (ber_expect(&list, BER_SEQUENCE, &attribute))
        if (ber_expect(&attribute, BER_OCTETS, &type) && ber_expect(&attribute, BER_SET, &values) &&
            is_attribute(type, ATTRIBUTE_EXTENSION) && has_starttls(values))
            return true;
    return false;
}
