/* smtp_open.c - the upstream's greeting, and XCLIENT behind it. See smtp.h.
 *
 * The greeting stays in the upstream's slice, with the replies to our own commands behind it, until
 * it is known which greeting the client is to see. Each call reads them again from the first: there
 * is nothing to remember but how many commands were sent. */
#include "proxy/starttls/smtp_inner.h"

#include <string.h>

/* Each of the replies that are left lying here. */
enum { OPENING_MAX = 4 * SMTP_LINE_MAX };

/* A whole reply. */
struct reply {
    struct slice raw;
    unsigned code;
};

struct opening {
    struct dialogue *t;
    struct dialogue_out *out;
    struct slice rest; /* what is not read yet */
    unsigned asked;    /* commands of ours that were met on the way through `rest` */
    bool greeted;      /* the greeting is behind us */
};

/* Empty lines are between what some servers say; others that are no reply show another protocol, in
 * a greeting. */
static bool may_skip(const struct opening *o, const struct smtp_reply_line *r)
{
    return o->greeted || r->raw.size <= 2;
}

static enum line_result next_reply(struct opening *o, struct reply *r)
{
    struct slice *in = &o->rest;
    struct slice rest = *in;
    struct smtp_reply_line line = {0};
    while (!line.final) {
        const enum line_result result = smtp_reply_next(&rest, &line);
        if (result != LINE_OK)
            return result;
        if (in->size - rest.size > OPENING_MAX || (line.code == 0 && !may_skip(o, &line)))
            return LINE_TOO_LONG;
    }
    *r = (struct reply){{in->data, in->size - rest.size}, line.code};
    *in = rest;
    return LINE_OK;
}

static bool is_good(const struct reply *r)
{
    return r->code / 100 == 2;
}

/* ---- XCLIENT (Postfix' XCLIENT_README; Dovecot adds SESSION) ---- */

enum {
    OFFERS_ADDR = 1 << 0,
    OFFERS_PORT = 1 << 1,
    OFFERS_NAME = 1 << 2,
    OFFERS_SESSION = 1 << 3,
};

static unsigned attributes_of(struct slice parameters)
{
    static const char *const names[] = {"ADDR", "PORT", "NAME", "SESSION"};
    unsigned offered = 0;
    while (parameters.size > 0) {
        const struct slice word = line_word(&parameters);
        for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
            if (slice_is(word, names[i]))
                offered |= 1U << i;
    }
    return offered;
}

/* The attributes that a reply to EHLO offers. */
static unsigned offered_by(const struct reply *r)
{
    struct slice rest = r->raw, parameters;
    struct smtp_reply_line line;
    unsigned offered = 0;
    if (!is_good(r) || smtp_reply_next(&rest, &line) != LINE_OK) /* the first is its name */
        return 0;
    while (smtp_reply_next(&rest, &line) == LINE_OK)
        if (slice_is(smtp_keyword(line.text, &parameters), "XCLIENT"))
            offered |= attributes_of(parameters);
    return offered;
}

/* RFC 3461, 4. */
static void put_xtext(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c > ' ' && c < 0x7f && c != '+' && c != '=')
            buf_put(out, &c, 1);
        else
            buf_printf(out, "+%02X", c);
    }
}

static void put_attribute(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, " %s=", name);
    put_xtext(out, value);
}

/* NAME goes with ADDR, or the upstream would keep the name that belongs to our own address. */
static void send_xclient(const struct dialogue *t, unsigned offered, struct buf *out)
{
    const struct dialogue_facts *f = &t->facts;
    buf_puts(out, "XCLIENT");
    if (offered & OFFERS_NAME)
        put_attribute(out, "NAME", "[UNAVAILABLE]");
    const bool v6 = strchr(f->client_address, ':') != NULL;
    buf_printf(out, " ADDR=%s", v6 ? "IPV6:" : "");
    put_xtext(out, f->client_address);
    if ((offered & OFFERS_PORT) && f->client_port != 0)
        buf_printf(out, " PORT=%u", (unsigned)f->client_port);
    if ((offered & OFFERS_SESSION) && f->session_id != NULL)
        put_attribute(out, "SESSION", f->session_id);
    buf_puts(out, "\r\n");
}

/* ---- the order of things ---- */

/* The next command of ours is to be sent now, in this call. */
static bool is_due(struct opening *o, const char *reply)
{
    struct smtp_dialogue *s = smtp_of(o->t);
    if (o->asked++ < s->own)
        return false;
    s->own++;
    o->t->awaited = reply;
    return true;
}

static enum line_result ask_hello(struct opening *o, const char *verb, const char *reply,
                                  struct reply *r)
{
    if (is_due(o, reply))
        buf_printf(o->out->to_upstream, "%s %s\r\n", verb, o->t->facts.hostname);
    return next_reply(o, r);
}

/* An LMTP server does not take EHLO (RFC 2033, 4.1). */
static enum line_result ask_offered(struct opening *o, unsigned *offered_r)
{
    struct reply r = {0};
    enum line_result result = ask_hello(o, "EHLO", "its answer to EHLO", &r);
    if (result == LINE_OK && smtp_is_syntax(r.code))
        result = ask_hello(o, "LHLO", "its answer to LHLO", &r);
    if (result == LINE_OK)
        *offered_r = offered_by(&r);
    return result;
}

/* The reply is the greeting for the client that it was told of, with its own decision whether that
 * client may come in. Postfix before 2.3 says 250 instead; a complaint of the command, or that we
 * may not use it (550), leaves us with the first greeting. */
static enum line_result ask_xclient(struct opening *o, unsigned offered, struct reply *greeting)
{
    struct reply r = {0};
    if (is_due(o, "its answer to XCLIENT"))
        send_xclient(o->t, offered, o->out->to_upstream);
    const enum line_result result = next_reply(o, &r);
    if (result != LINE_OK)
        return result;
    if (smtp_is_syntax(r.code) || r.code == 550)
        o->t->identity_refused = true;
    else if (!is_good(&r) || r.code == 220)
        *greeting = r;
    return LINE_OK;
}

static enum line_result read_greeting(struct opening *o, struct reply *greeting)
{
    unsigned offered = 0;
    enum line_result result = next_reply(o, greeting);
    o->greeted = true;
    if (result == LINE_OK && o->t->facts.client_address != NULL && is_good(greeting))
        result = ask_offered(o, &offered);
    if (result == LINE_OK && (offered & OFFERS_ADDR))
        result = ask_xclient(o, offered, greeting);
    else if (result == LINE_OK && o->t->facts.client_address != NULL && is_good(greeting))
        o->t->identity_refused = true;
    return result;
}

/* RFC 3207, 4.2: there is no greeting after the upgrade. */
enum step smtp_open(struct dialogue *t, struct slice *in, struct dialogue_out *out)
{
    struct opening o = {.t = t, .out = out, .rest = *in};
    struct reply greeting = {0};
    const enum line_result result = read_greeting(&o, &greeting);
    if (result == LINE_MORE)
        return STEP_LEFT;
    if (result == LINE_TOO_LONG)
        return smtp_protocol_error(t, DIALOGUE_PROTOCOL_ERROR, *in, out);
    if (t->facts.upgraded && !is_good(&greeting))
        return smtp_protocol_error(t, DIALOGUE_REFUSED, greeting.raw, out);
    if (!t->facts.upgraded)
        buf_put(out->to_client, greeting.raw.data, greeting.raw.size);
    *in = o.rest;
    t->awaited = NULL;
    smtp_of(t)->state = SMTP_COMMANDS;
    return STEP_TURN;
}
