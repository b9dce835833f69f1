#include "proxy/starttls/ber.h"
#include "proxy/starttls/ldap_inner.h"

/* ---- a visit ---- */

enum { MESSAGE_ID = 1 };

/* RFC 4511, 4.5.1.7: the filter that an attribute is there. */
enum { FILTER_PRESENT = 0x87 };

/* The root of the directory (RFC 4512, 5.1), without any of its attributes. A server may let nobody
 * look there; one that says so is well. */
static void begin(struct buf *out)
{
    const size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_number(out, BER_INTEGER, MESSAGE_ID);
    const size_t search = ber_open(out, LDAP_SEARCH_REQUEST);
    ber_puts(out, BER_OCTETS, "");
    ber_put_number(out, BER_ENUMERATED, 0); /* the base object alone */
    ber_put_number(out, BER_ENUMERATED, 0); /* no aliases */
    ber_put_number(out, BER_INTEGER, 0);    /* no limits */
    ber_put_number(out, BER_INTEGER, 0);
    ber_put(out, BER_BOOLEAN, "", 1);
    ber_puts(out, FILTER_PRESENT, "objectClass");
    const size_t attributes = ber_open(out, BER_SEQUENCE);
    ber_puts(out, BER_OCTETS, "1.1"); /* RFC 4511, 4.5.1.8: none */
    ber_close(out, attributes);
    ber_close(out, search);
    ber_close(out, message);
}

static enum probe_verdict done(struct slice contents)
{
    int64_t code;
    if (!ber_number(&contents, BER_ENUMERATED, &code))
        return PROBE_ILL;
    return code == LDAP_BUSY || code == LDAP_UNAVAILABLE ? PROBE_ILL : PROBE_WELL;
}

static enum probe_verdict judge_message(struct slice message)
{
    int64_t id;
    uint8_t tag;
    struct slice contents;
    if (!ber_number(&message, BER_INTEGER, &id) || id != MESSAGE_ID ||
        !ber_take(&message, &tag, &contents))
        return PROBE_ILL; /* a notice of disconnection has the number 0 */
    if (tag == LDAP_SEARCH_DONE)
        return done(contents);
    return tag == LDAP_SEARCH_ENTRY || tag == LDAP_SEARCH_REFERENCE ? PROBE_MORE : PROBE_ILL;
}

static enum probe_verdict judge(struct slice said)
{
    enum probe_verdict verdict = PROBE_MORE;
    while (verdict == PROBE_MORE) {
        struct slice at = said, message;
        uint8_t tag;
        size_t size;
        const enum ber_result head = ber_header(&at, &tag, &size);
        if (head == BER_MORE)
            return PROBE_MORE;
        if (head == BER_BAD || tag != BER_SEQUENCE)
            return PROBE_ILL;
        if (!ber_take(&said, &tag, &message))
            return size > PROBE_MAX ? PROBE_ILL : PROBE_MORE;
        verdict = judge_message(message);
    }
    return verdict;
}

/* unbindRequest (RFC 4511, 4.3), with the number behind ours */
const struct probe_rules ldap_probe = {
    .begin = begin, .judge = judge, PROBE_GOODBYE("\x30\x05\x02\x01\x02\x42\x00")};

/* ---- where a goodbye may stand ---- */

static enum boundary_follows behind_header(struct boundary *b, struct slice *in)
{
    uint8_t tag;
    size_t size;
    const enum ber_result head = ber_header(in, &tag, &size);
    if (head == BER_MORE)
        return FOLLOWS_MORE;
    if (head == BER_BAD || tag != BER_SEQUENCE)
        return FOLLOWS_UNKNOWN;
    b->bytes = size;
    return FOLLOWS_BYTES;
}

const struct boundary_rules ldap_boundary = {.header = behind_header};
