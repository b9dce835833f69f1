/* ldap.c - LDAP around StartTLS (RFC 4511, 4.14; RFC 4513, 3).
 *
 * Both directions are cut into messages by their heads alone; a message that passes is handed on as
 * it comes. Whole messages are waited for only where their contents decide: binds, extended
 * requests, searches, what could hold a password, and the answers to searches of the rootDSE.
 * Answers carry the id of their request, so ours need not wait for those of the upstream, only for
 * the end of a message. */
#include "proxy/starttls/ldap_inner.h"
#include "proxy/starttls/starttls.h"

/* One of the two: whose bytes, what to do with a message, where it goes, and what is said when the
 * bytes are none. */
struct direction {
    struct ldap_flow *flow;
    enum step (*on_message)(struct dialogue *, struct ldap_message *, struct dialogue_out *);
    /* Of a message that passes by elements; NULL: none does. */
    enum step (*on_element)(struct dialogue *, struct slice, size_t *, struct dialogue_out *);
    size_t (*passes)(const struct dialogue *, struct slice); /* NULL: each message is looked at */
    struct buf *to;
    enum dialogue_reason reason; /* of the end, when they are none; and what is said then */
    enum ldap_code broken;
    const char *broken_text;
};

/* Move the message under way along, as far as it is there. */
static void move(const struct direction *d, struct slice *in)
{
    const size_t n = d->flow->left < in->size ? d->flow->left : in->size;
    if (!d->flow->dropped)
        buf_borrow(d->to, in->data, n);
    d->flow->left -= n;
    in->data += n;
    in->size -= n;
}

/* Is it in the middle of a message that passes by elements? */
static bool is_within(const struct dialogue *t, const struct direction *d)
{
    return d->on_element != NULL && ldap_of(t)->secret.place != SECRET_OVER;
}

static enum step read_one(struct dialogue *t, const struct direction *d, struct slice in,
                          struct ldap_message *m, struct dialogue_out *out)
{
    if (is_within(t, d))
        return d->on_element(t, in, &m->size, out);
    switch (ldap_message_head(in, m)) {
    case BER_OK:
        return d->on_message(t, m, out);
    case BER_MORE:
        return STEP_WAIT;
    case BER_BAD:
        break;
    }
    return STEP_BROKEN;
}

/* The end of the watch, behind what is owed. */
static enum dialogue_verdict relay(struct dialogue *t)
{
    struct ldap_dialogue *l = ldap_of(t);
    return l->owed_count > 0 && ldap_wait_turn(l) ? DIALOGUE_MORE : DIALOGUE_RELAY;
}

/* Bytes that are no LDAP. On TLS that is between the two of them. */
static enum dialogue_verdict end(struct dialogue *t, const struct direction *d, struct slice in,
                                 struct dialogue_out *out)
{
    if (t->facts.mode == DIALOGUE_INSIDE)
        return relay(t);
    if (ldap_wait_turn(ldap_of(t)))
        return DIALOGUE_MORE;
    if (d->reason == DIALOGUE_PROTOCOL_ERROR)
        dialogue_blame(t, d->reason, in);
    else
        t->reason = d->reason;
    ldap_notice(out->to_client, d->broken, d->broken_text);
    return DIALOGUE_CLOSE;
}

/* Only the client can be made to wait. */
static bool is_full(const struct direction *d, const struct dialogue_out *out)
{
    return d->to != out->to_client && dialogue_is_full(out);
}

/* A security layer frames what it wraps with four octets of size (RFC 4422, 3.7), and no
 * mechanism's buffer is so large that the first could be 0x30. So it shows, in each direction by
 * itself, whether one was installed; without one the rules go on. */
static bool is_wrapped(const struct dialogue *t, const struct direction *d, struct slice in)
{
    const bool may_be = ldap_of(t)->layer || t->facts.mode == DIALOGUE_INSIDE;
    return may_be && in.data[0] != BER_SEQUENCE && !is_within(t, d);
}

static enum dialogue_verdict run(struct dialogue *t, const struct direction *d, struct slice *in,
                                 struct dialogue_out *out)
{
    for (;;) {
        struct ldap_message m;
        move(d, in);
        ldap_pay(t, out);
        if (in->size == 0 || ldap_of(t)->client_waits || is_full(d, out))
            return DIALOGUE_MORE;
        if (is_wrapped(t, d, *in))
            return relay(t);
        const size_t passed = d->passes != NULL ? d->passes(t, *in) : 0;
        if (passed > 0) {
            *d->flow = (struct ldap_flow){.left = passed};
            continue;
        }
        const enum step step = read_one(t, d, *in, &m, out);
        switch (step) {
        case STEP_PASS:
        case STEP_TAKEN:
        case STEP_UPGRADE:
            *d->flow = (struct ldap_flow){m.size, step != STEP_PASS};
            break;
        case STEP_HEADER:
            *d->flow = (struct ldap_flow){.left = (size_t)(m.body.data - in->data)};
            break;
        case STEP_WAIT:
            return DIALOGUE_MORE;
        case STEP_CLOSE:
            return DIALOGUE_CLOSE;
        case STEP_BROKEN:
            return end(t, d, *in, out);
        }
        if (step == STEP_UPGRADE) {
            move(d, in);
            return DIALOGUE_UPGRADE;
        }
    }
}

static enum dialogue_verdict client(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    ldap_of(t)->client_waits = false;
    const struct direction d = {.flow = &ldap_of(t)->from_client,
                                .on_message = ldap_on_request,
                                .on_element = ldap_on_element,
                                .to = out->to_upstream,
                                .reason = DIALOGUE_NOT_LDAP,
                                .broken = LDAP_PROTOCOL_ERROR,
                                .broken_text = "Not an LDAP message"};
    return run(t, &d, in, out);
}

/* In clear the client's bytes that wait here may be a password, so the upstream alone never ends
 * the watch: its side passes as it is from now on, and the client's first wrapped byte does the
 * rest. */
static enum dialogue_verdict upstream(struct dialogue *t, struct slice *in,
                                      struct dialogue_out *out)
{
    const struct direction d = {.flow = &ldap_of(t)->from_upstream,
                                .on_message = ldap_on_response,
                                .passes = ldap_passes,
                                .to = out->to_client,
                                .reason = DIALOGUE_PROTOCOL_ERROR,
                                .broken = LDAP_UNAVAILABLE,
                                .broken_text = "Service not available, try again later"};
    const enum dialogue_verdict verdict = run(t, &d, in, out);
    if (verdict != DIALOGUE_RELAY || t->facts.mode == DIALOGUE_INSIDE)
        return verdict;
    ldap_of(t)->from_upstream = (struct ldap_flow){.left = SIZE_MAX};
    move(&d, in);
    return DIALOGUE_MORE;
}

static void refuse(enum starttls_refusal why, const char *hostname, struct buf *to_client)
{
    (void)hostname;
    const bool busy = why == REFUSE_TOO_MANY || why == REFUSE_TOO_FAST;
    ldap_notice(to_client, busy ? LDAP_BUSY : LDAP_UNAVAILABLE, dialogue_refusal_words(why));
}

static bool cut_short(struct slice left)
{
    uint8_t tag;
    size_t size;
    const enum ber_result head = ber_header(&left, &tag, &size);
    return head == BER_MORE || (head == BER_OK && size > left.size);
}

const struct starttls starttls_ldap = {
    .client = client,
    .upstream = upstream,
    .cut_short = cut_short,
    .refuse = refuse,
    .probe = &ldap_probe,
    .boundary = &ldap_boundary,
};
