/* ldap_secret.h - passwords in what is written to a directory, compared or looked for.
 *
 * The contents of an AddRequest, ModifyRequest or CompareRequest (RFC 4511, 4.6, 4.7, 4.10) are
 * read element by element, so that large ones pass as they come. Servers go by the place of an
 * element and hardly by its tag, and some look at few lengths: what is not exactly as the RFC has
 * it may be a password to them. */
#ifndef TLSFRONT_LDAP_SECRET_H
#define TLSFRONT_LDAP_SECRET_H

#include "proxy/starttls/ldap_message.h"

/* As much of an element as is waited for: the headers of a change in their longest form, and the
 * name of its attribute. */
enum { LDAP_SECRET_HEAD = 512 };

enum ldap_secret_place {
    SECRET_OVER, /* behind all of it */
    SECRET_ENTRY,
    SECRET_LIST, /* of attributes or changes, or the assertion that is compared */
    SECRET_ATTRIBUTE,
};

/* How far it has come. Zero: there is nothing to look into. */
struct ldap_secret {
    uint8_t op; /* enum ldap_op */
    enum ldap_secret_place place;
    size_t left;   /* of the contents, behind the attribute in hand */
    size_t values; /* of that attribute, which are to come */
    size_t behind; /* of the message, behind the contents */
};

enum ldap_secret_verdict {
    SECRET_NONE,
    SECRET_MORE, /* more of it has to be there first */
    SECRET_FOUND,
    SECRET_BROKEN,
};

/* Begin with the contents of `m`, of which the head is read. */
struct ldap_secret ldap_secret_begin(const struct ldap_message *m);

/* What is next of them is at the front of `in`. SECRET_NONE: *passes_r bytes may pass, which need
 * not be there yet; behind the last of the contents, the rest of the message is among them. Nothing
 * is changed by the other verdicts. */
enum ldap_secret_verdict ldap_secret_next(struct ldap_secret *s, struct slice in, size_t *passes_r);

/* All of `m`, which is whole. */
enum ldap_secret_verdict ldap_secret_in(const struct ldap_message *m);

/* Does the filter of the SearchRequest `m`, which is whole, compare a password? One that cannot be
 * read is taken to compare none. */
bool ldap_secret_in_filter(const struct ldap_message *m);

#endif
