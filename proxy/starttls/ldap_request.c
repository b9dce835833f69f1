/* ldap_request.c - what becomes of the client's messages, by mode. */
#include "proxy/starttls/ldap_inner.h"

/* Larger requests make no sense before TLS, where all but StartTLS is refused. */
enum { REQUIRED_MAX = 256 * 1024 };

/* ---- what we say ourselves: never in the middle of a message of the upstream ---- */

static const char tls_required[] = "TLS is required, send StartTLS first";

static enum step goodbye(struct dialogue_out *out)
{
    ldap_notice(out->to_client, LDAP_UNAVAILABLE, "Too many errors, closing connection");
    return STEP_CLOSE;
}

/* Count a request that was refused. */
static enum step refused(struct dialogue *t, struct dialogue_out *out)
{
    return dialogue_error(t) ? goodbye(out) : STEP_TAKEN;
}

/* Count one that was answered and leads nowhere. */
static enum step courtesy(struct dialogue *t, struct dialogue_out *out)
{
    return dialogue_courtesy(t) ? goodbye(out) : STEP_TAKEN;
}

/* The response that a request has. */
static enum ldap_op response_to(uint8_t request);

static enum step refuse_plain(struct dialogue *t, const struct ldap_message *m,
                              struct dialogue_out *out)
{
    if (ldap_wait_turn(ldap_of(t)))
        return STEP_WAIT;
    ldap_result(out->to_client, m->id, response_to(m->op), LDAP_CONFIDENTIALITY_REQUIRED,
                tls_required);
    return refused(t, out);
}

/* One that shows a password: a bind, or the setting of a new one. */
static enum step refuse_secret(struct dialogue *t, const struct ldap_message *m,
                               const char *command, struct dialogue_out *out)
{
    if (ldap_wait_turn(ldap_of(t)))
        return STEP_WAIT;
    dialogue_login_refused(t, command, ldap_mechanism(m));
    return refuse_plain(t, m, out);
}

static enum step refuse_bind(struct dialogue *t, const struct ldap_message *m,
                             struct dialogue_out *out)
{
    return m->whole && ldap_bind_kind(m) == BIND_PASSWORD ? refuse_secret(t, m, "bind", out)
                                                          : refuse_plain(t, m, out);
}

static enum step refuse_entry(struct dialogue *t, const struct ldap_message *m,
                              struct dialogue_out *out)
{
    return m->whole && ldap_secret_in(m) == SECRET_FOUND ? refuse_secret(t, m, "password", out)
                                                         : refuse_plain(t, m, out);
}

static enum step refuse_starttls(struct dialogue *t, const struct ldap_message *m,
                                 struct dialogue_out *out, enum ldap_code code, const char *text)
{
    if (ldap_wait_turn(ldap_of(t)))
        return STEP_WAIT;
    ldap_starttls_result(out->to_client, m->id, code, text);
    return refused(t, out);
}

static enum step upgrade(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    if (ldap_wait_turn(ldap_of(t)))
        return STEP_WAIT;
    ldap_starttls_result(out->to_client, m->id, LDAP_SUCCESS, "");
    return STEP_UPGRADE;
}

/* ---- requests before required TLS ---- */

static enum step take(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    (void)m;
    return courtesy(t, out);
}

/* RFC 4511, 4.3: there is no answer to an unbind but the end. */
static enum step hang_up(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    (void)t, (void)m, (void)out;
    return STEP_CLOSE;
}

static enum step search_required(struct dialogue *t, const struct ldap_message *m,
                                 struct dialogue_out *out)
{
    uint8_t asked = 0;
    if (m->whole && !ldap_root_asked(m, &asked))
        return STEP_BROKEN;
    if (asked == 0)
        return m->whole && ldap_secret_in_filter(m) ? refuse_secret(t, m, "password", out)
                                                    : refuse_plain(t, m, out);
    ldap_root_entry(out->to_client, m->id, asked);
    ldap_result(out->to_client, m->id, LDAP_SEARCH_DONE, LDAP_SUCCESS, "");
    return courtesy(t, out);
}

static enum step extended_required(struct dialogue *t, const struct ldap_message *m,
                                   struct dialogue_out *out)
{
    switch (ldap_extended_kind(m)) {
    case EXTENDED_STARTTLS:
        return upgrade(t, m, out);
    case EXTENDED_STARTTLS_VALUE:
        return refuse_starttls(t, m, out, LDAP_PROTOCOL_ERROR, "StartTLS takes no value");
    case EXTENDED_PASSWORD:
        return refuse_secret(t, m, "password", out);
    case EXTENDED_OTHER:
        return refuse_plain(t, m, out);
    case EXTENDED_BROKEN:
        break;
    }
    return STEP_BROKEN;
}

/* ---- requests to the upstream ---- */

static enum step pass(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    (void)t, (void)m, (void)out;
    return STEP_PASS;
}

static enum step follow(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    (void)out;
    ldap_operation_begin(ldap_of(t), m->id, 0);
    return STEP_PASS;
}

/* An abandoned operation is not outstanding any more (RFC 4511, 4.11 and 4.14.1). */
static enum step abandon(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    (void)out;
    ldap_operation_end(ldap_of(t), ldap_abandoned(m));
    return STEP_PASS;
}

/* A search that is broken or too large is the upstream's to judge. Inside TLS nothing but the
 * rootDSE is of interest. */
static enum step search(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    uint8_t asked = 0;
    if (dialogue_withholds(t) && m->whole && ldap_secret_in_filter(m))
        return refuse_secret(t, m, "password", out);
    if (m->whole && !ldap_root_asked(m, &asked))
        asked = 0;
    if (asked != 0 || t->facts.mode == DIALOGUE_OPTIONAL)
        ldap_operation_begin(ldap_of(t), m->id, asked);
    return STEP_PASS;
}

/* What cannot be read may hold a password. */
static enum step bind(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    const enum ldap_bind kind = m->whole ? ldap_bind_kind(m) : BIND_BROKEN;
    if (dialogue_withholds(t) && kind == BIND_BROKEN)
        return STEP_BROKEN;
    if (dialogue_withholds(t) && kind == BIND_PASSWORD)
        return refuse_secret(t, m, "bind", out);
    ldap_operation_begin(ldap_of(t), m->id, ldap_bind_may_wrap(m) ? OPERATION_MAY_WRAP : 0);
    return STEP_PASS;
}

/* One that is too large to be collected. */
static enum step pass_by_elements(struct dialogue *t, const struct ldap_message *m,
                                  struct dialogue_out *out)
{
    ldap_of(t)->secret = ldap_secret_begin(m);
    follow(t, m, out);
    return STEP_HEADER;
}

/* A new password, in clear, or an old one that is compared (RFC 4519, 2.41). What cannot be read
 * may hold one. */
static enum step secret(struct dialogue *t, const struct ldap_message *m, struct dialogue_out *out)
{
    if (!dialogue_withholds(t))
        return follow(t, m, out);
    if (!m->whole)
        return pass_by_elements(t, m, out);
    const enum ldap_secret_verdict verdict = ldap_secret_in(m);
    if (verdict == SECRET_FOUND)
        return refuse_secret(t, m, "password", out);
    return verdict == SECRET_NONE ? follow(t, m, out) : STEP_BROKEN;
}

/* The upstream has the front of the message, and must not get the rest: no other end is left. */
static enum step end_at_secret(struct dialogue *t, struct dialogue_out *out)
{
    if (ldap_wait_turn(ldap_of(t)))
        return STEP_WAIT;
    dialogue_login_refused(t, "password", (struct slice){NULL, 0});
    ldap_notice(out->to_client, LDAP_CONFIDENTIALITY_REQUIRED, tls_required);
    return STEP_CLOSE;
}

enum step ldap_on_element(struct dialogue *t, struct slice in, size_t *passes_r,
                          struct dialogue_out *out)
{
    switch (ldap_secret_next(&ldap_of(t)->secret, in, passes_r)) {
    case SECRET_NONE:
        return STEP_PASS;
    case SECRET_MORE:
        return STEP_WAIT;
    case SECRET_FOUND:
        return end_at_secret(t, out);
    case SECRET_BROKEN:
        break;
    }
    return STEP_BROKEN;
}

static enum step extended_optional(struct dialogue *t, const struct ldap_message *m,
                                   struct dialogue_out *out)
{
    switch (ldap_extended_kind(m)) {
    case EXTENDED_STARTTLS:
        if (ldap_is_busy(ldap_of(t)))
            return refuse_starttls(t, m, out, LDAP_OPERATIONS_ERROR, "Operations are outstanding");
        return upgrade(t, m, out);
    case EXTENDED_STARTTLS_VALUE:
        return refuse_starttls(t, m, out, LDAP_PROTOCOL_ERROR, "StartTLS takes no value");
    case EXTENDED_PASSWORD: /* RFC 3062 */
        return dialogue_withholds(t) ? refuse_secret(t, m, "password", out) : follow(t, m, out);
    case EXTENDED_OTHER:
        return follow(t, m, out);
    case EXTENDED_BROKEN:
        break;
    }
    return STEP_BROKEN;
}

static void put_refusal_inside(struct buf *out, int32_t id)
{
    ldap_starttls_result(out, id, LDAP_OPERATIONS_ERROR, "TLS already established");
}

void ldap_pay(struct dialogue *t, struct dialogue_out *out)
{
    struct ldap_dialogue *l = ldap_of(t);
    if (l->from_upstream.left > 0)
        return;
    for (unsigned i = 0; i < l->owed_count; i++)
        put_refusal_inside(out->to_client, l->owed[i]);
    l->owed_count = 0;
}

/* The client does not wait for the end of the upstream's message, unless it asks again and again.
 */
static enum step refuse_inside(struct dialogue *t, const struct ldap_message *m,
                               struct dialogue_out *out)
{
    struct ldap_dialogue *l = ldap_of(t);
    if (l->owed_count == LDAP_OWED && ldap_wait_turn(l))
        return STEP_WAIT;
    if (l->from_upstream.left == 0)
        put_refusal_inside(out->to_client, m->id);
    else
        l->owed[l->owed_count++] = m->id;
    return STEP_TAKEN;
}

static enum step extended_inside(struct dialogue *t, const struct ldap_message *m,
                                 struct dialogue_out *out)
{
    const enum ldap_extended kind = ldap_extended_kind(m);
    if (kind == EXTENDED_STARTTLS || kind == EXTENDED_STARTTLS_VALUE)
        return refuse_inside(t, m, out);
    return STEP_PASS;
}

/* ---- the client's messages ---- */

static const struct request {
    enum ldap_op op, response;
    bool whole; /* the handler looks into it */
    /* By enum dialogue_mode. */
    enum step (*handler[3])(struct dialogue *, const struct ldap_message *, struct dialogue_out *);
} requests[] = {
    {LDAP_BIND_REQUEST, LDAP_BIND_RESPONSE, true, {refuse_bind, bind, pass}},
    {LDAP_UNBIND_REQUEST, 0, false, {hang_up, pass, pass}},
    {LDAP_SEARCH_REQUEST, LDAP_SEARCH_DONE, true, {search_required, search, search}},
    {LDAP_MODIFY_REQUEST, LDAP_MODIFY_RESPONSE, true, {refuse_entry, secret, pass}},
    {LDAP_ADD_REQUEST, LDAP_ADD_RESPONSE, true, {refuse_entry, secret, pass}},
    {LDAP_DELETE_REQUEST, LDAP_DELETE_RESPONSE, false, {refuse_plain, follow, pass}},
    {LDAP_RENAME_REQUEST, LDAP_RENAME_RESPONSE, false, {refuse_plain, follow, pass}},
    {LDAP_COMPARE_REQUEST, LDAP_COMPARE_RESPONSE, true, {refuse_entry, secret, pass}},
    {LDAP_ABANDON_REQUEST, 0, true, {take, abandon, abandon}},
    {LDAP_EXTENDED_REQUEST,
     LDAP_EXTENDED_RESPONSE,
     true,
     {extended_required, extended_optional, extended_inside}},
};

static const struct request *request_of(uint8_t op)
{
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        if (requests[i].op == op)
            return &requests[i];
    return NULL;
}

static enum ldap_op response_to(uint8_t op)
{
    return request_of(op)->response;
}

enum step ldap_on_request(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out)
{
    const enum dialogue_mode mode = t->facts.mode;
    /* RFC 4511, 4.1.1.1 reserves 0 for unsolicited notifications. Not every server minds, so on TLS
     * such a request is one like any other. */
    if (m->id == 0 && mode != DIALOGUE_INSIDE)
        return STEP_BROKEN;
    if (mode == DIALOGUE_REQUIRED && m->size > REQUIRED_MAX) {
        t->reason = DIALOGUE_TOO_LARGE;
        ldap_notice(out->to_client, LDAP_ADMIN_LIMIT_EXCEEDED, "The request is too large");
        return STEP_CLOSE;
    }
    /* RFC 4511, 4.1.1 wants the end of the session. On TLS there is nothing to protect, and the
     * upstream may know better. */
    const struct request *r = request_of(m->op);
    if (r == NULL)
        return mode == DIALOGUE_INSIDE ? STEP_PASS : STEP_BROKEN;
    if (mode == DIALOGUE_REQUIRED || (r->whole && r->handler[mode] != pass)) {
        const enum step step = ldap_need_whole(m);
        if (step != STEP_PASS)
            return step;
    }
    return r->handler[mode](t, m, out);
}
