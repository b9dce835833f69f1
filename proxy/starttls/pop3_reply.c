/* pop3_reply.c - the upstream's greeting, XCLIENT behind it, and the replies. See pop3.h. */
#include "proxy/starttls/pop3_inner.h"

#include <string.h>

/* ---- lines ---- */

enum pop3_status pop3_status_of(struct slice line)
{
    if (slice_begins(line, "+OK"))
        return POP3_OK;
    if (slice_begins(line, "-ERR"))
        return POP3_ERR;
    return slice_is(line_word(&line), "+") ? POP3_CONTINUE : POP3_NO_STATUS;
}

static void put(struct slice line, struct dialogue_out *out)
{
    step_put_line(out->to_client, line);
}

/* ---- greeting ---- */

bool pop3_announces_xclient(struct slice greeting)
{
    while (greeting.size > 0)
        if (slice_is(line_word(&greeting), "[XCLIENT]"))
            return true;
    return false;
}

/* A word of the greeting. APOP does not show the password, but whoever listens can try any number
 * of passwords against it, so its timestamp (RFC 1939, 7) goes where passwords are held back. */
static struct slice shown(const struct dialogue *t, struct slice word)
{
    const uint8_t *stamp = dialogue_withholds(t) ? memchr(word.data, '<', word.size) : NULL;
    if (slice_is(word, "[XCLIENT]"))
        word.size = 0;
    else if (stamp != NULL)
        word.size = (size_t)(stamp - word.data);
    return word;
}

void pop3_put_greeting(const struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    const char *blank = "";
    while (line.size > 0) {
        const struct slice word = shown(t, line_word(&line));
        if (word.size == 0)
            continue;
        buf_puts(out->to_client, blank);
        buf_put(out->to_client, word.data, word.size);
        blank = " ";
    }
    buf_puts(out->to_client, "\r\n");
}

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

/* RFC 2595, 4: there is no greeting after the upgrade. */
static enum step greeted(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    const enum pop3_status status = pop3_status_of(line);
    if (line.size == 0) /* some servers put empty lines between what they say */
        return STEP_TAKEN;
    if ((status != POP3_OK && status != POP3_ERR) || slice_has_controls(line))
        return pop3_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, line, out);
    if (t->facts.upgraded && status == POP3_ERR)
        return pop3_protocol_error(t, DIALOGUE_REFUSED, line, out);
    if (!t->facts.upgraded)
        pop3_put_greeting(t, line, out);
    if (status == POP3_ERR) {
        t->reason = DIALOGUE_SENT_AWAY;
        return STEP_CLOSING;
    }
    const bool identify = t->facts.client_address != NULL && pop3_announces_xclient(line);
    if (identify)
        send_xclient(t, out->to_upstream);
    t->awaited = identify ? "its answer to XCLIENT" : NULL;
    t->identity_refused = t->facts.client_address != NULL && !identify;
    pop3_of(t)->state = identify ? POP3_IDENTIFYING : POP3_COMMANDS;
    return STEP_TURN;
}

static enum step identified(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    (void)out;
    const enum pop3_status status = pop3_status_of(line);
    if (status != POP3_OK && status != POP3_ERR) /* no reply */
        return STEP_TAKEN;
    t->awaited = NULL;
    t->identity_refused = status == POP3_ERR;
    pop3_of(t)->state = POP3_COMMANDS;
    return STEP_TURN;
}

/* ---- multi-line replies ---- */

/* Ways into TLS are ours alone, and so is the word about who the client is. What is no capability
 * goes too: who knows how the client reads it. */
static bool is_hidden(const struct dialogue *t, struct slice line)
{
    struct slice rest = line;
    const struct slice word = line_first_word(&rest);
    if (slice_is(word, "STLS") || slice_is(word, "XCLIENT") || slice_has_controls(line))
        return true;
    return dialogue_withholds(t) &&
           (slice_is(word, "USER") || slice_is(word, "SASL") || slice_is(word, "APOP"));
}

static enum step list_line(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    struct pop3_dialogue *p = pop3_of(t);
    const bool capa = t->asked.kinds[0] == POP3_ASKED_CAPA;
    if (!slice_is(line, ".")) {
        if (!capa || !is_hidden(t, line))
            put(line, out);
        return STEP_TAKEN;
    }
    buf_puts(out->to_client, capa ? "STLS\r\n.\r\n" : ".\r\n");
    p->inside_list = false;
    asked_drop(&t->asked);
    return STEP_TURN;
}

/* ---- what a reply changes ---- */

static enum step other_replied(struct dialogue *t, enum pop3_status status, struct slice line,
                               struct dialogue_out *out)
{
    (void)status;
    put(line, out);
    asked_drop(&t->asked);
    return STEP_TURN;
}

static enum step unknown_replied(struct dialogue *t, enum pop3_status status, struct slice line,
                                 struct dialogue_out *out)
{
    other_replied(t, status, line, out);
    return status == POP3_ERR && dialogue_error(t) ? step_goodbye(out, POP3_GOODBYE) : STEP_TURN;
}

static enum step list_replied(struct dialogue *t, enum pop3_status status, struct slice line,
                              struct dialogue_out *out)
{
    if (status == POP3_ERR)
        return other_replied(t, status, line, out);
    put(line, out);
    pop3_of(t)->inside_list = true;
    return STEP_TAKEN;
}

/* A server too old for CAPA would leave the client without a way to learn of STLS. */
static enum step capa_replied(struct dialogue *t, enum pop3_status status, struct slice line,
                              struct dialogue_out *out)
{
    if (status == POP3_OK)
        return list_replied(t, status, line, out);
    pop3_put_own_list(t, out);
    asked_drop(&t->asked);
    return STEP_TURN;
}

static enum step login_replied(struct dialogue *t, enum pop3_status status, struct slice line,
                               struct dialogue_out *out)
{
    other_replied(t, status, line, out);
    pop3_of(t)->state = POP3_COMMANDS;
    return status == POP3_OK ? STEP_RELAYING : STEP_TURN;
}

static enum step continued(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    struct pop3_dialogue *p = pop3_of(t);
    put(line, out);
    t->asked.kinds[0] = POP3_ASKED_AUTH;
    p->state = POP3_RESPONSE;
    return STEP_TURN;
}

/* [MS-POP3], 2.2.2: +OK says that the exchange may begin. Others say "+ " there. */
static enum step ntlm_replied(struct dialogue *t, enum pop3_status status, struct slice line,
                              struct dialogue_out *out)
{
    return status == POP3_OK ? continued(t, line, out) : login_replied(t, status, line, out);
}

/* ---- one line ---- */

/* Nobody asked. A complaint is the upstream's last word to a client that was quiet too long;
 * anything else shows that it is out of step with us. */
static enum step unasked(struct dialogue *t, enum pop3_status status, struct slice line,
                         struct dialogue_out *out)
{
    if (status != POP3_ERR)
        return pop3_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, line, out);
    put(line, out);
    t->reason = DIALOGUE_SENT_AWAY;
    return STEP_CLOSING;
}

static enum step replied(struct dialogue *t, struct slice line, struct dialogue_out *out)
{
    static enum step (*const row[POP3_ASKED_KINDS])(struct dialogue *, enum pop3_status,
                                                    struct slice, struct dialogue_out *) = {
        [POP3_ASKED_OTHER] = other_replied, [POP3_ASKED_UNKNOWN] = unknown_replied,
        [POP3_ASKED_CAPA] = capa_replied,   [POP3_ASKED_LIST] = list_replied,
        [POP3_ASKED_LOGIN] = login_replied, [POP3_ASKED_AUTH] = login_replied,
        [POP3_ASKED_NTLM] = ntlm_replied,
    };
    struct pop3_dialogue *p = pop3_of(t);
    const enum pop3_status status = pop3_status_of(line);
    if (p->inside_list)
        return list_line(t, line, out);
    if (status == POP3_CONTINUE && p->state == POP3_WAITING)
        return continued(t, line, out);
    if (status != POP3_OK && status != POP3_ERR) { /* no reply: a text, as that of HELP */
        put(line, out);
        return STEP_TAKEN;
    }
    if (t->asked.count == 0)
        return unasked(t, status, line, out);
    return row[t->asked.kinds[0]](t, status, line, out);
}

enum step pop3_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct slice line;
    const enum line_result result = line_next(in, POP3_LINE_MAX, &line, NULL);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return pop3_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, *in, out);
    switch (pop3_of(t)->state) {
    case POP3_OPENING:
        return greeted(t, line, out);
    case POP3_IDENTIFYING:
        return identified(t, line, out);
    case POP3_COMMANDS:
    case POP3_WAITING:
    case POP3_RESPONSE:
        break;
    }
    return replied(t, line, out);
}
