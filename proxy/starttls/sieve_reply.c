/* sieve_reply.c - the upstream's greeting, XCLIENT behind it, and the replies. See sieve.h. */
#include "proxy/starttls/sieve_inner.h"

#include <string.h>

static void put(const struct sieve_unit *u, struct dialogue_out *out)
{
    buf_put(out->to_client, u->raw.data, u->raw.size);
}

/* ---- capabilities ---- */

/* Ways into TLS are ours alone, and so is the word about who the client is. What is escaped needs
 * no escape: who knows how the client reads it. */
static bool is_hidden(struct slice name)
{
    return slice_is(name, "STARTTLS") || slice_is(name, "XCLIENT") ||
           memchr(name.data, '\\', name.size) != NULL;
}

static enum step put_capability(struct dialogue *t, const struct sieve_unit *u,
                                struct dialogue_out *out)
{
    const struct slice name = u->first.text;
    if (sieve_of(t)->state == SIEVE_OPENING && slice_is(name, "XCLIENT"))
        sieve_of(t)->takes_xclient = true;
    if (dialogue_withholds(t) && slice_is(name, "SASL"))
        buf_puts(out->to_client, "\"SASL\" \"\"\r\n");
    else if (!is_hidden(name))
        put(u, out);
    return STEP_TAKEN;
}

/* The OK behind a list of capabilities. */
static void put_list_end(const struct dialogue *t, const struct sieve_unit *u,
                         struct dialogue_out *out)
{
    if (t->facts.mode == DIALOGUE_OPTIONAL)
        buf_puts(out->to_client, "\"STARTTLS\"\r\n");
    put(u, out);
}

/* ---- responses ---- */

enum sieve_response sieve_response_of(const struct sieve_token *first)
{
    if (sieve_is_string(first))
        return SIEVE_STRING;
    if (first->kind != SIEVE_ATOM)
        return SIEVE_NO_RESPONSE;
    if (slice_is(first->text, "OK"))
        return SIEVE_OK;
    if (slice_is(first->text, "NO"))
        return SIEVE_NO;
    return slice_is(first->text, "BYE") ? SIEVE_BYE : SIEVE_NO_RESPONSE;
}

/* ---- greeting ---- */

/* Dovecot's own, in the form that its proxy sends; a server announces it to those that it
 * trusts. */
static void send_xclient(const struct dialogue *t, struct buf *out)
{
    const struct dialogue_facts *f = &t->facts;
    buf_printf(out, "XCLIENT ADDR=%s", f->client_address);
    if (f->client_port != 0)
        buf_printf(out, " PORT=%u", (unsigned)f->client_port);
    if (f->session_id != NULL)
        buf_printf(out, " SESSION=%s", f->session_id);
    buf_puts(out, "\r\n");
}

static enum step refused_at_greeting(struct dialogue *t, const struct sieve_unit *u,
                                     struct dialogue_out *out)
{
    if (t->facts.upgraded)
        return sieve_protocol_error(t, DIALOGUE_REFUSED, u->raw, out);
    put(u, out);
    t->reason = DIALOGUE_SENT_AWAY;
    return STEP_CLOSING;
}

/* RFC 5804, 2.2: after the upgrade the capabilities come again, as they do in this greeting. */
static enum step greeted(struct dialogue *t, const struct sieve_unit *u, struct dialogue_out *out)
{
    struct sieve_dialogue *s = sieve_of(t);
    t->awaited = "the end of its greeting";
    switch (sieve_response_of(&u->first)) {
    case SIEVE_NO_RESPONSE:
        if (u->first.kind != SIEVE_END) /* some servers put empty lines between what they say */
            return sieve_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, u->raw, out);
        put(u, out);
        return STEP_TAKEN;
    case SIEVE_STRING:
        return put_capability(t, u, out);
    case SIEVE_NO:
    case SIEVE_BYE:
        return refused_at_greeting(t, u, out);
    case SIEVE_OK:
        break;
    }
    put_list_end(t, u, out);
    const bool identify = t->facts.client_address != NULL && s->takes_xclient;
    if (identify)
        send_xclient(t, out->to_upstream);
    t->awaited = identify ? "its answer to XCLIENT" : NULL;
    t->identity_refused = t->facts.client_address != NULL && !identify;
    s->state = identify ? SIEVE_IDENTIFYING : SIEVE_COMMANDS;
    return STEP_TURN;
}

static enum step identified(struct dialogue *t, const struct sieve_unit *u,
                            struct dialogue_out *out)
{
    const enum sieve_response response = sieve_response_of(&u->first);
    if (response == SIEVE_BYE)
        return refused_at_greeting(t, u, out);
    if (response != SIEVE_OK && response != SIEVE_NO) /* no reply */
        return STEP_TAKEN;
    t->awaited = NULL;
    t->identity_refused = response == SIEVE_NO;
    sieve_of(t)->state = SIEVE_COMMANDS;
    return STEP_TURN;
}

/* ---- replies ---- */

/* A string before the response itself. */
static enum step string_came(struct dialogue *t, const struct sieve_unit *u,
                             struct dialogue_out *out)
{
    struct sieve_dialogue *s = sieve_of(t);
    const bool any = t->asked.count > 0;
    if (any && t->asked.kinds[0] == SIEVE_ASKED_CAPABILITY)
        return put_capability(t, u, out);
    put(u, out);
    if (!any || t->asked.kinds[0] != SIEVE_ASKED_AUTHENTICATE || s->state != SIEVE_WAITING)
        return STEP_TAKEN;
    s->state = SIEVE_RESPONSE;
    return STEP_TURN;
}

static enum step response_came(struct dialogue *t, const struct sieve_unit *u, bool ok,
                               struct dialogue_out *out)
{
    struct sieve_dialogue *s = sieve_of(t);
    const enum sieve_asked asked = (enum sieve_asked)t->asked.kinds[0];
    asked_drop(&t->asked);
    if (ok && asked == SIEVE_ASKED_CAPABILITY)
        put_list_end(t, u, out);
    else
        put(u, out);
    if (asked == SIEVE_ASKED_AUTHENTICATE) {
        s->state = SIEVE_COMMANDS;
        return ok ? STEP_RELAYING : STEP_TURN;
    }
    return !ok && asked == SIEVE_ASKED_UNKNOWN && dialogue_error(t)
               ? step_goodbye(out, SIEVE_GOODBYE)
               : STEP_TURN;
}

/* BYE may come at any time (RFC 5804, 1.3). Any other that nobody asked for shows that the upstream
 * is out of step with us. */
static enum step replied(struct dialogue *t, const struct sieve_unit *u, struct dialogue_out *out)
{
    const enum sieve_response response = sieve_response_of(&u->first);
    if (response == SIEVE_BYE) {
        put(u, out);
        t->reason = DIALOGUE_SENT_AWAY;
        return STEP_CLOSING;
    }
    if (response == SIEVE_STRING)
        return string_came(t, u, out);
    if (response == SIEVE_NO_RESPONSE) {
        put(u, out);
        return STEP_TAKEN;
    }
    if (t->asked.count == 0)
        return sieve_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, u->raw, out);
    return response_came(t, u, response == SIEVE_OK, out);
}

enum step sieve_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    const struct slice all = *in;
    struct sieve_unit u;
    switch (sieve_unit_next(in, &u)) {
    case SIEVE_UNIT_MORE:
        return STEP_LEFT;
    case SIEVE_UNIT_TOO_LONG:
        return sieve_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, all, out);
    case SIEVE_UNIT_BAD:
        u = (struct sieve_unit){.raw = {all.data, all.size - in->size}, .first.kind = SIEVE_BAD};
        break;
    case SIEVE_UNIT_OK:
        break;
    }
    switch (sieve_of(t)->state) {
    case SIEVE_OPENING:
        return greeted(t, &u, out);
    case SIEVE_IDENTIFYING:
        return identified(t, &u, out);
    case SIEVE_COMMANDS:
    case SIEVE_WAITING:
    case SIEVE_RESPONSE:
        break;
    }
    return replied(t, &u, out);
}
