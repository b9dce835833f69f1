/* ldap_response.c - what becomes of the upstream's messages. */
#include "proxy/starttls/ldap_inner.h"

static enum step on_root_entry(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out,
                               uint8_t asked)
{
    const bool optional = t->facts.mode == DIALOGUE_OPTIONAL;
    const struct ldap_root_edit edit = {.starttls = optional,
                                        .hide_passwords = optional && !t->facts.plaintext_login,
                                        .asked = asked};
    const enum step step = ldap_need_whole(m);
    if (step != STEP_PASS || !m->whole || (!optional && !ldap_root_has_starttls(m)))
        return step;
    return ldap_root_rewrite(out->to_client, m, &edit) ? STEP_TAKEN : STEP_PASS;
}

/* What is not known any more is the rootDSE if it has its name. */
static uint8_t known_of(const struct ldap_dialogue *l, const struct ldap_message *m)
{
    const uint8_t known = ldap_operation_known(l, m->id);
    return known == 0 && l->root_lost && ldap_root_is_entry(m) ? ROOT_SEARCH : known;
}

static enum step on_entry(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out)
{
    struct ldap_dialogue *l = ldap_of(t);
    const uint8_t known = known_of(l, m);
    if ((known & ROOT_SEARCH) == 0)
        return STEP_PASS;
    ldap_operation_learn(l, m->id, OPERATION_SHOWN);
    return on_root_entry(t, m, out, known);
}

static enum step on_end(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out)
{
    (void)out;
    ldap_operation_end(ldap_of(t), m->id);
    return STEP_PASS;
}

/* Not the last word; a referral is for the client to follow. */
static enum step on_reference(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out)
{
    (void)out;
    ldap_operation_learn(ldap_of(t), m->id, OPERATION_SHOWN);
    return STEP_PASS;
}

/* By these a server says, without an entry, that it has no rootDSE, or not for a client that has
 * not logged in yet. By others it says that the search is at fault, or that it cannot now. */
static bool hides_root(int64_t code)
{
    switch (code) {
    case LDAP_SUCCESS:
    case LDAP_OPERATIONS_ERROR: /* Active Directory: bind first */
    case LDAP_STRONGER_AUTH_REQUIRED:
    case LDAP_CONFIDENTIALITY_REQUIRED:
    case LDAP_NO_SUCH_OBJECT:
    case LDAP_INAPPROPRIATE_AUTHENTICATION:
    case LDAP_INSUFFICIENT_ACCESS:
    case LDAP_UNWILLING_TO_PERFORM:
        return true;
    default:
        return false;
    }
}

/* A client that looks there for StartTLS, before it logs in, must find it all the same. */
static enum step on_search_done(struct dialogue *t, struct ldap_message *m,
                                struct dialogue_out *out)
{
    const uint8_t known = ldap_operation_known(ldap_of(t), m->id);
    const bool ours = t->facts.mode == DIALOGUE_OPTIONAL && (known & ROOT_EXTENSION) != 0 &&
                      (known & OPERATION_SHOWN) == 0 && hides_root(ldap_result_code(m));
    const enum step step = ours ? ldap_need_whole(m) : STEP_PASS;
    if (step != STEP_PASS)
        return step;
    ldap_operation_end(ldap_of(t), m->id);
    if (!ours || !m->whole)
        return STEP_PASS;
    ldap_root_entry(out->to_client, m->id, known & (ROOT_SEARCH | ROOT_EXTENSION | ROOT_TYPES));
    ldap_result(out->to_client, m->id, LDAP_SEARCH_DONE, LDAP_SUCCESS, "");
    return STEP_TAKEN;
}

static enum step on_bind_response(struct dialogue *t, struct ldap_message *m,
                                  struct dialogue_out *out)
{
    (void)out;
    struct ldap_dialogue *l = ldap_of(t);
    const int64_t code = ldap_result_code(m);
    if (t->facts.mode == DIALOGUE_INSIDE)
        return STEP_PASS;
    if (code < 0)
        return STEP_BROKEN;
    if (code == LDAP_SUCCESS)
        l->layer = (ldap_operation_known(l, m->id) & OPERATION_MAY_WRAP) != 0;
    l->negotiating = code == LDAP_SASL_BIND_IN_PROGRESS;
    ldap_operation_end(l, m->id);
    return STEP_PASS;
}

static const struct response {
    enum ldap_op op;
    enum step (*handler)(struct dialogue *, struct ldap_message *, struct dialogue_out *);
} responses[] = {
    {LDAP_SEARCH_ENTRY, on_entry},      {LDAP_SEARCH_REFERENCE, on_reference},
    {LDAP_SEARCH_DONE, on_search_done}, {LDAP_BIND_RESPONSE, on_bind_response},
    {LDAP_MODIFY_RESPONSE, on_end},     {LDAP_ADD_RESPONSE, on_end},
    {LDAP_DELETE_RESPONSE, on_end},     {LDAP_RENAME_RESPONSE, on_end},
    {LDAP_COMPARE_RESPONSE, on_end},    {LDAP_EXTENDED_RESPONSE, on_end},
};

enum step ldap_on_response(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out)
{
    for (size_t i = 0; i < sizeof responses / sizeof *responses; i++)
        if (responses[i].op == m->op)
            return responses[i].handler(t, m, out);
    return STEP_PASS; /* intermediate responses: not the last word */
}

/* Directories answer in thousands of small entries. On TLS only those of the rootDSE are changed.
 */
size_t ldap_passes(const struct dialogue *t, struct slice in)
{
    size_t passed = 0;
    const struct ldap_dialogue *l = ldap_of(t);
    if (t->facts.mode != DIALOGUE_INSIDE || ldap_operation_any(l) || l->root_lost)
        return 0;
    while (passed < in.size && in.data[passed] == BER_SEQUENCE) {
        struct slice rest = {in.data + passed, in.size - passed};
        uint8_t tag;
        size_t size;
        if (ber_header(&rest, &tag, &size) != BER_OK)
            break;
        passed = (size_t)(rest.data - in.data) + size;
    }
    return passed;
}
