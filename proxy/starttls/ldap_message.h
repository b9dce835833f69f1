/* ldap_message.h - LDAP messages on the wire (RFC 4511, 4): where one begins and ends, and the few
 * requests whose contents matter. */
#ifndef TLSFRONT_LDAP_MESSAGE_H
#define TLSFRONT_LDAP_MESSAGE_H

#include "proxy/starttls/ber.h"

/* protocolOp, [APPLICATION n], as it stands on the wire. */
enum ldap_op {
    LDAP_BIND_REQUEST = 0x60,
    LDAP_BIND_RESPONSE = 0x61,
    LDAP_UNBIND_REQUEST = 0x42,
    LDAP_SEARCH_REQUEST = 0x63,
    LDAP_SEARCH_ENTRY = 0x64,
    LDAP_SEARCH_DONE = 0x65,
    LDAP_SEARCH_REFERENCE = 0x73,
    LDAP_MODIFY_REQUEST = 0x66,
    LDAP_MODIFY_RESPONSE = 0x67,
    LDAP_ADD_REQUEST = 0x68,
    LDAP_ADD_RESPONSE = 0x69,
    LDAP_DELETE_REQUEST = 0x4a,
    LDAP_DELETE_RESPONSE = 0x6b,
    LDAP_RENAME_REQUEST = 0x6c, /* ModifyDN */
    LDAP_RENAME_RESPONSE = 0x6d,
    LDAP_COMPARE_REQUEST = 0x6e,
    LDAP_COMPARE_RESPONSE = 0x6f,
    LDAP_ABANDON_REQUEST = 0x50,
    LDAP_EXTENDED_REQUEST = 0x77,
    LDAP_EXTENDED_RESPONSE = 0x78,
    LDAP_INTERMEDIATE_RESPONSE = 0x79,
};

/* The OIDs of StartTLS (RFC 4511, 4.14) and Password Modify (RFC 3062). */
#define LDAP_STARTTLS        "1.3.6.1.4.1.1466.20037"
#define LDAP_PASSWORD_MODIFY "1.3.6.1.4.1.4203.1.11.1"

enum {
    /* As much of a message as is waited for before anything is done with it. It holds the headers
     * of message, id and operation in their longest form, and what decides: a result code, or the
     * name of an extended operation as far as it can be StartTLS. */
    LDAP_HEAD = 96,

    /* Larger messages are never collected; they pass by with only their head looked at, or element
     * by element (ldap_secret.h). A Kerberos token and every known rootDSE fit. */
    LDAP_WHOLE = 65536,
};

struct ldap_message {
    struct slice in; /* all that is there, from the first byte of the message on */
    size_t size;     /* of the whole message with its header */
    bool whole;      /* body and rest are complete; otherwise body is as much as the head holds */
    int32_t id;
    uint8_t op;
    struct slice body; /* of the operation */
    size_t body_size;  /* of all of it */
    struct slice rest; /* behind it: the controls */
};

/* The head of the message at the front of `in`; the whole message when it is no longer than that.
 * BER_BAD: no message, whatever may follow (RFC 4511, 4.1.1). */
enum ber_result ldap_message_head(struct slice in, struct ldap_message *m);

/* All of a message whose head was read. BER_OK with m->whole still false: too large for that. */
enum ber_result ldap_message_whole(struct ldap_message *m);

enum ldap_bind {
    BIND_OPEN,     /* no secret in it that can be read */
    BIND_PASSWORD, /* a password for all to read, or something unknown that may be one */
    BIND_BROKEN,
};

/* What kind of BindRequest (RFC 4511, 4.2). `m` is whole. */
enum ldap_bind ldap_bind_kind(const struct ldap_message *m);

/* May it end with a security layer (RFC 4513, 5.2)? One that cannot be read may. */
bool ldap_bind_may_wrap(const struct ldap_message *m);

enum ldap_extended {
    EXTENDED_OTHER,
    EXTENDED_PASSWORD, /* Password Modify (RFC 3062) */
    EXTENDED_STARTTLS,
    EXTENDED_STARTTLS_VALUE, /* with a requestValue, which it must not have */
    EXTENDED_BROKEN,
};

/* What kind of ExtendedRequest (RFC 4511, 4.12). */
enum ldap_extended ldap_extended_kind(const struct ldap_message *m);

/* A SearchRequest (RFC 4511, 4.5.1), as far as it matters. */
struct ldap_search {
    struct slice base;
    int64_t scope, types_only;
    struct slice filter; /* with its header */
    struct slice list;   /* of attributes, with its header */
};

/* False: broken. `m` is whole. */
bool ldap_search_read(const struct ldap_message *m, struct ldap_search *s);

/* What a BindRequest shows a password with; empty for all other requests. */
struct slice ldap_mechanism(const struct ldap_message *m);

/* The id in an AbandonRequest (RFC 4511, 4.11); 0 when there is none. `m` is whole. */
int32_t ldap_abandoned(const struct ldap_message *m);

/* The result code of a response (RFC 4511, 4.1.9), or -1. */
int64_t ldap_result_code(const struct ldap_message *m);

/* Is `mechanism` a SASL mechanism that shows a password, or a token that does as well? All may but
 * those that are known not to. */
bool ldap_shows_password(struct slice mechanism);

#endif
