/* imap_show.c - how responses of the upstream are shown to the client, whoever asked. See imap.h.
 */
#include "proxy/starttls/imap_inner.h"

/* Nobody has a literal larger than a line to say to us. */
enum { OWN_DATA_MAX = LINE_MAX_IMAP };

static void put(struct buf *out, struct slice s)
{
    buf_put(out, s.data, s.size);
}

/* A control character could hide a part of the list from us and not from the client. */
enum step imap_put_response(struct dialogue *t, const struct imap_response *r, bool success,
                            struct dialogue_out *out)
{
    if (!r->has_list) {
        put(out->to_client, r->raw);
        return STEP_TAKEN;
    }
    if (slice_has_controls(r->line))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    const struct imap_edit edit = {
        .upgrade =
            t->facts.mode == DIALOGUE_OPTIONAL && !success, /* RFC 9051, 6.2.1: not after login */
        .hide_passwords = dialogue_withholds(t),
    };
    imap_put_list(out->to_client, &r->list, &edit);
    imap_of(t)->listed = true;
    return STEP_TAKEN;
}

/* Literals are in responses that carry data, and not in words for people (RFC 9051, 7). */
enum step imap_on_data(struct dialogue *t, const struct imap_response *r, bool ours,
                       struct dialogue_out *out)
{
    struct imap_dialogue *i = imap_of(t);
    const enum imap_literal literal = imap_literal_at(r->line, &i->data);
    if (literal == IMAP_DOUBTFUL || literal == IMAP_NONSYNC || (ours && i->data > OWN_DATA_MAX))
        return imap_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, r->raw, out);
    i->data_rest = literal == IMAP_SYNC;
    i->data_ours = ours;
    if (!ours)
        put(out->to_client, r->raw);
    return STEP_TAKEN;
}
