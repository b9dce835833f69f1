/* sieve_reply.c - the upstream's greeting, XCLIENT behind it, and the replies. See sieve.h. */
#include "proxy/starttls/sieve_inner.h"

#include <string.h>

static void put(const struct sieve_unit *u, struct talk_out *out)
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

static enum step put_capability(struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    const struct slice name = u->first.text;
    if (t->as.sieve.state == SIEVE_OPENING && slice_is(name, "XCLIENT"))
        t->as.sieve.takes_xclient = true;
    if (talk_holds_back(t) && slice_is(name, "SASL"))
        buf_puts(out->to_client, "\"SASL\" \"\"\r\n");
    else if (!is_hidden(name))
        put(u, out);
    return STEP_TAKEN;
}

/* The OK behind a list of capabilities. */
static void put_list_end(const struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    if (t->facts.mode == TALK_OPTIONAL)
        buf_puts(out->to_client, "\"STARTTLS\"\r\n");
    put(u, out);
}

/* ---- responses ---- */

enum response { RESPONSE_NONE, RESPONSE_STRING, RESPONSE_OK, RESPONSE_NO, RESPONSE_BYE };

static enum response response_of(const struct sieve_unit *u)
{
    if (sieve_is_string(&u->first))
        return RESPONSE_STRING;
    if (u->first.kind != SIEVE_ATOM)
        return RESPONSE_NONE;
    if (slice_is(u->first.text, "OK"))
        return RESPONSE_OK;
    if (slice_is(u->first.text, "NO"))
        return RESPONSE_NO;
    return slice_is(u->first.text, "BYE") ? RESPONSE_BYE : RESPONSE_NONE;
}

/* ---- greeting ---- */

/* Dovecot's own, in the form that its proxy sends; a server announces it to those that it
 * trusts. */
static void send_xclient(const struct talk *t, struct buf *out)
{
    const struct talk_facts *f = &t->facts;
    buf_printf(out, "XCLIENT ADDR=%s", f->client_address);
    if (f->client_port != 0)
        buf_printf(out, " PORT=%u", (unsigned)f->client_port);
    if (f->session_id != NULL)
        buf_printf(out, " SESSION=%s", f->session_id);
    buf_puts(out, "\r\n");
}

static enum step refused_at_greeting(struct talk *t, const struct sieve_unit *u,
                                     struct talk_out *out)
{
    if (t->facts.upgraded)
        return sieve_broken(t, out);
    put(u, out);
    return STEP_CLOSING;
}

/* RFC 5804, 2.2: after the upgrade the capabilities come again, as they do in this greeting. */
static enum step greeted(struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    struct sieve_talk *s = &t->as.sieve;
    switch (response_of(u)) {
    case RESPONSE_NONE:
        return sieve_broken(t, out);
    case RESPONSE_STRING:
        return put_capability(t, u, out);
    case RESPONSE_NO:
    case RESPONSE_BYE:
        return refused_at_greeting(t, u, out);
    case RESPONSE_OK:
        break;
    }
    put_list_end(t, u, out);
    const bool identify = t->facts.client_address != NULL && s->takes_xclient;
    if (identify)
        send_xclient(t, out->to_upstream);
    t->identity_refused = t->facts.client_address != NULL && !identify;
    s->state = identify ? SIEVE_IDENTIFYING : SIEVE_COMMANDS;
    return STEP_TAKEN;
}

static enum step identified(struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    const enum response response = response_of(u);
    if (response != RESPONSE_OK && response != RESPONSE_NO)
        return sieve_broken(t, out);
    t->identity_refused = response == RESPONSE_NO;
    t->as.sieve.state = SIEVE_COMMANDS;
    return STEP_TAKEN;
}

/* ---- replies ---- */

/* A string before the response itself. */
static enum step string_came(struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    struct sieve_talk *s = &t->as.sieve;
    switch ((enum sieve_asked)t->asked.kinds[0]) {
    case SIEVE_ASKED_CAPABILITY:
        return put_capability(t, u, out);
    case SIEVE_ASKED_AUTHENTICATE:
        if (s->state != SIEVE_WAITING)
            return sieve_broken(t, out);
        put(u, out);
        s->state = SIEVE_RESPONSE;
        return STEP_TAKEN;
    case SIEVE_ASKED_UNKNOWN:
        put(u, out);
        return STEP_TAKEN;
    case SIEVE_ASKED_OTHER:
        break;
    }
    return sieve_broken(t, out);
}

static enum step response_came(struct talk *t, const struct sieve_unit *u, bool ok,
                               struct talk_out *out)
{
    struct sieve_talk *s = &t->as.sieve;
    const enum sieve_asked asked = (enum sieve_asked)t->asked.kinds[0];
    asked_drop(&t->asked);
    if (ok && asked == SIEVE_ASKED_CAPABILITY)
        put_list_end(t, u, out);
    else
        put(u, out);
    if (asked == SIEVE_ASKED_AUTHENTICATE) {
        s->state = SIEVE_COMMANDS;
        return ok ? STEP_RELAYING : STEP_TAKEN;
    }
    return !ok && asked == SIEVE_ASKED_UNKNOWN && talk_error(t) ? step_goodbye(out, SIEVE_GOODBYE)
                                                                : STEP_TAKEN;
}

/* BYE may come at any time (RFC 5804, 1.3). Any other that nobody asked for shows that the upstream
 * is out of step with us. */
static enum step replied(struct talk *t, const struct sieve_unit *u, struct talk_out *out)
{
    const enum response response = response_of(u);
    if (response == RESPONSE_BYE) {
        put(u, out);
        return STEP_CLOSING;
    }
    if (t->asked.count == 0 || response == RESPONSE_NONE)
        return sieve_broken(t, out);
    if (response == RESPONSE_STRING)
        return string_came(t, u, out);
    return response_came(t, u, response == RESPONSE_OK, out);
}

enum step sieve_take_reply(struct talk *t, struct slice *in, struct talk_out *out)
{
    struct sieve_unit u;
    const enum sieve_result result = sieve_unit_next(in, &u);
    if (result == SIEVE_UNIT_MORE)
        return STEP_LEFT;
    if (result != SIEVE_UNIT_OK)
        return sieve_broken(t, out);
    switch (t->as.sieve.state) {
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
