/* ldap_inner.h - what the files of LDAP share; nobody else includes it. */
#ifndef TLSFRONT_LDAP_INNER_H
#define TLSFRONT_LDAP_INNER_H

#include "proxy/starttls/boundary.h"
#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/ldap.h"
#include "proxy/starttls/ldap_reply.h"
#include "proxy/starttls/ldap_root.h"
#include "proxy/starttls/probe.h"

DIALOGUE_KEPT(ldap)

/* What is to be done with the message in hand. */
enum step {
    STEP_PASS,    /* hand it to the other side */
    STEP_HEADER,  /* hand on what stands in front of its contents, which pass by elements */
    STEP_TAKEN,   /* it was answered, or needs no answer */
    STEP_WAIT,    /* leave it until the other side has moved, or more of it has come */
    STEP_UPGRADE, /* it was answered, and TLS begins */
    STEP_CLOSE,   /* the goodbye is written */
    STEP_BROKEN,  /* no LDAP */
};

/* A message of the client (ldap_request.c), of the upstream (ldap_response.c); its head is read. */
enum step ldap_on_request(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out);
enum step ldap_on_response(struct dialogue *t, struct ldap_message *m, struct dialogue_out *out);

/* What is next of the client's message that passes by elements. STEP_PASS: so many bytes of it. */
enum step ldap_on_element(struct dialogue *t, struct slice in, size_t *passes_r,
                          struct dialogue_out *out);

/* How much of the upstream's bytes, from the front and up to the end of a message, is nothing to us
 * whatever stands in the messages; more than is there, where the last is not. */
size_t ldap_passes(const struct dialogue *t, struct slice in);

/* Wait for all of the message, as far as it is ever collected: STEP_PASS when that is there. */
enum step ldap_need_whole(struct ldap_message *m);

/* True when a message of the upstream is on its way to the client, so that nothing may be put in
 * between. The upstream then stops at the end of that message to let the client's side go on. */
bool ldap_wait_turn(struct ldap_dialogue *l);

/* On TLS: say behind the upstream's message what could not be said in its middle. */
void ldap_pay(struct dialogue *t, struct dialogue_out *out);

/* ---- operations without an answer (ldap_operations.c) ---- */

/* What is known of one: enum ldap_root bits of a search of the rootDSE, and these. */
enum {
    OPERATION_SHOWN = 0x40,    /* an answer to it was more than its end */
    OPERATION_MAY_WRAP = 0x80, /* a bind that may end with a SASL security layer */
};

void ldap_operation_begin(struct ldap_dialogue *l, int32_t id, uint8_t known);
uint8_t ldap_operation_known(const struct ldap_dialogue *l, int32_t id);
void ldap_operation_learn(struct ldap_dialogue *l, int32_t id, uint8_t known);

/* Its answer has come, or the client wants none any more. */
void ldap_operation_end(struct ldap_dialogue *l, int32_t id);

/* Is there one? Those that found the table full do not count. */
bool ldap_operation_any(const struct ldap_dialogue *l);

/* May StartTLS not be taken now? (RFC 4511, 4.14.1) */
bool ldap_is_busy(const struct ldap_dialogue *l);

/* ---- apart from dialogues (ldap_apart.c) ---- */

extern const struct probe_rules ldap_probe;
extern const struct boundary_rules ldap_boundary;

#endif
