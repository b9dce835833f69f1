/* tls.h - TLS without I/O: ciphertext in, plaintext out, and the other way.
 *
 * Nothing here knows a socket, an event loop, a log or mbedTLS's types. Five kinds of object:
 *
 *   tls_identity   a certificate chain and its private key; immutable, reference counted
 *   tls_server     the policy of one route: identities, versions, suites, client certificates;
 *                  immutable, reference counted; every connection holds a reference
 *   tls_dialer     the same for connections to servers: how they are known, and who we are
 *   tls_engine     what one worker shares among its connections: scratch buffers, random numbers,
 *                  ticket keys, sessions to resume. One thread only.
 *   tls_conn       one connection, with a client, or with a server (tls_conn_dial())
 *
 * Output lies in the engine's scratch buffers and is valid until the next call on the same engine,
 * so an idle connection owns no record buffer; plaintext also outlasts tls_conn_send(), so that it
 * can be sent from where it is, and an answer before it. No call ever refuses output: the caller
 * applies back-pressure by not calling. */
#ifndef TLSFRONT_TLS_H
#define TLSFRONT_TLS_H

#include "config/config.h"
#include "config/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

struct tls_slice {
    const uint8_t *data;
    size_t size;
};

/* ---- the library ---- */

/* Once per process, after fork. -1 when the random source or self-checks fail. */
int tls_init(struct err *e);

/* "mbedTLS 3.6.7" and one phrase per crypto back end, for --version. */
const char *tls_version_text(void);

/* ---- identities ---- */

enum tls_key_type { TLS_KEY_RSA, TLS_KEY_EC };

/* SHA-256 in hexadecimal, lower case, with its NUL. */
enum { TLS_DIGEST_TEXT = 65 };

struct tls_identity_facts {
    const char *subject, *issuer; /* RFC 4514-like text */
    const char *serial;           /* hex, upper case, no separators */
    const char *fingerprint;      /* SHA-256 of the leaf's DER, hex, lower case */
    const char *const *names;     /* DNS names and IP addresses of subjectAltName; the common name
                                   * where there is no subjectAltName */
    size_t name_count;
    size_t other_count; /* entries of subjectAltName that are neither: addresses of mail, URIs */
    time_t not_before, not_after;
    enum tls_key_type key_type;
    unsigned key_bits;
    char key[16]; /* "ec-p256", "rsa-2048" */
    size_t chain_length;
    bool self_signed;
    /* Of the SubjectPublicKeyInfo of the leaf, and of its issuer's where the chain has that (empty:
     * it has not): what TLSA records 3 1 1 and 2 1 1 hold (RFC 6698). */
    char key_digest[TLS_DIGEST_TEXT], issuer_key_digest[TLS_DIGEST_TEXT];
};

/* Which input tls_identity_load, tls_server_new and tls_dialer_new blame (err.h). */
enum tls_input {
    TLS_INPUT_NONE,
    TLS_INPUT_CHAIN,
    TLS_INPUT_KEY,
    TLS_INPUT_CIPHERS,
    TLS_INPUT_GROUPS,
    TLS_INPUT_ALPN,
    TLS_INPUT_CLIENT_CA,
    TLS_INPUT_CLIENT_CRL,
    TLS_INPUT_UPSTREAM_CA,
};

struct tls_identity;

/* What the certificates of a chain may take together: a handshake message of ours is one record,
 * and each certificate takes five bytes more in it. */
#define TLS_CHAIN_MAX 16376

/* Parse a PEM chain (leaf first) and its PEM key. `key.data` NULL: the key is in the chain file.
 * Refused, with a sentence that names both paths where both matter: no certificate, no key, an
 * encrypted key, a key that does not match the leaf, a key type or curve that we cannot serve, a
 * chain that is too large. */
struct tls_identity *tls_identity_load(struct tls_slice chain, const char *chain_path,
                                       struct tls_slice key, const char *key_path, struct err *e);

/* A chain alone, for its facts, its findings and the names it covers. Served, its signatures have
 * to come from elsewhere: see tls_conn_unsigned(). */
struct tls_identity *tls_identity_inspect(struct tls_slice chain, const char *path, struct err *e);

/* The same for a challenge of tls-alpn-01 (RFC 8737): one certificate, whose extension
 * acmeIdentifier all others must do without, for exactly that name. */
struct tls_identity *tls_identity_load_challenge(const char *name, struct tls_slice chain,
                                                 const char *chain_path, struct tls_slice key,
                                                 const char *key_path, struct err *e);

/* One reference more, for tls_identity_free(). Returns `id`. */
struct tls_identity *tls_identity_ref(struct tls_identity *id);
void tls_identity_free(struct tls_identity *id); /* drops a reference; NULL is fine */

/* What its first certificate says. Lives as long as the identity. */
const struct tls_identity_facts *tls_identity_facts(const struct tls_identity *id);

/* ---- signatures made elsewhere ---- */

/* The SHA-256 of its certificate's SubjectPublicKeyInfo tells which key is meant. */
enum { TLS_KEY_ID_SIZE = 32, TLS_SIGN_CONTENT_MAX = 204, TLS_SIGNATURE_MAX = 1024 };

/* In which handshake, and at which end of it. A client's in TLS 1.2 is not there: what it signs is
 * a hash, and nobody could see of what. */
enum tls_sign_form { TLS_SIGN_SERVER_12, TLS_SIGN_SERVER_13, TLS_SIGN_CLIENT_13 };

/* What is to be signed in a handshake, less what is the same in all of them. Plain bytes, for
 * another process. */
struct tls_sign_request {
    uint8_t key[TLS_KEY_ID_SIZE];
    uint16_t scheme; /* SignatureScheme (RFC 8446 4.2.3), which are the pairs of TLS 1.2, too */
    uint8_t form;    /* enum tls_sign_form */
    uint8_t size;
    /* TLS 1.3: the transcript's hash. TLS 1.2: client_random, server_random, ServerECDHParams. */
    uint8_t content[TLS_SIGN_CONTENT_MAX];
};
struct tls_signature {
    uint32_t size;
    uint8_t bytes[TLS_SIGNATURE_MAX];
};

/* The private key of an identity that has one, as DER in `der`, and its id. The size, or 0: out of
 * memory. The caller wipes. */
enum { TLS_KEY_DER_MAX = 8192 };
size_t tls_identity_export_key(const struct tls_identity *id, uint8_t key[TLS_KEY_ID_SIZE],
                               uint8_t der[TLS_KEY_DER_MAX]);

/* Take the private keys out of a file of certificates, revocation lists or keys, in place. What is
 * left of its size: 0 where it was a key, or is none of these. */
size_t tls_file_keyless(uint8_t *data, size_t size);

/* Private keys by their ids, for the process that signs. */
struct tls_keyring;
struct tls_keyring *tls_keyring_new(void);       /* NULL: out of memory */
void tls_keyring_free(struct tls_keyring *ring); /* wipes; NULL is fine */

/* What a key may be used for. */
enum tls_key_use { TLS_KEY_SERVES = 1, TLS_KEY_CALLS = 2 /* as a client, upstream */ };

/* Put in a key, as DER, for those uses; one that is there stays, and gets them. -1 with the
 * reason. */
int tls_keyring_add(struct tls_keyring *ring, const uint8_t key[TLS_KEY_ID_SIZE], unsigned uses,
                    struct tls_slice der, struct err *e);

/* Nothing but what a TLS server signs in a handshake, or a client, as the key's use allows: the
 * signed bytes are put together here, from parts whose form is checked. */
enum tls_signed {
    TLS_SIGNED,
    TLS_SIGNED_BY_NOBODY, /* no such key */
    TLS_SIGNED_NEVER,     /* not of that form, or by a scheme or for a use that is not the key's */
};
enum tls_signed tls_keyring_sign(const struct tls_keyring *ring, const struct tls_sign_request *r,
                                 struct tls_signature *out);

/* Seconds before its end from which on a certificate is to be renewed: 30 days, or the last third
 * of its validity, where that is less. */
time_t tls_renew_before(time_t not_before, time_t not_after);
bool tls_renew_due(const struct tls_identity_facts *f, time_t now);

/* What an operator should hear about a loaded identity at time `now`. Each finding is one call;
 * `place` is that of the certificate in the chain, from 1, where it is about one. */
enum tls_finding {
    TLS_FINDING_EXPIRED,
    TLS_FINDING_ISSUER_EXPIRED, /* one that is sent behind the leaf */
    TLS_FINDING_NOT_YET_VALID,
    TLS_FINDING_NEVER_VALID,      /* it ends before it begins */
    TLS_FINDING_EXPIRES_SOON,     /* as tls_renew_before() says */
    TLS_FINDING_CHAIN_ORDER,      /* a certificate is not followed by its issuer */
    TLS_FINDING_CHAIN_BROKEN,     /* its issuer did not sign it, or may not sign */
    TLS_FINDING_DAMAGED,          /* self-signed, not with its own key; a name that none can read */
    TLS_FINDING_CHAIN_INCOMPLETE, /* the leaf is alone, but tells where its issuer is to be had */
    TLS_FINDING_WEAK_KEY,         /* RSA below 2048 bits */
    TLS_FINDING_WEAK_SIGNATURE,   /* SHA-1 or MD5 in the chain */
    TLS_FINDING_COMPRESSED_KEY,   /* an EC point of half its size: clients cannot read it */
    TLS_FINDING_NO_NAMES,         /* no subjectAltName, or nothing in it that today's clients
                                   * compare */
    TLS_FINDING_NOT_FOR_SERVERS,  /* extendedKeyUsage without serverAuth, an issuer's included, or
                                   * keyUsage without digitalSignature: no client takes it */
    TLS_FINDING_AUTHORITY,        /* a CA as leaf */
    TLS_FINDING_MUST_STAPLE,      /* wants an OCSP answer with the handshake */
    TLS_FINDING_UNKNOWN_CRITICAL, /* an extension for which all clients refuse it */
    TLS_FINDING_PRECERTIFICATE,   /* ... the poison of RFC 6962 */
    TLS_FINDING_CHALLENGE,        /* ... acmeIdentifier, out of place */
    TLS_FINDING_SOME_REFUSE,      /* a purpose or extension that not all clients take */
    TLS_FINDINGS,
};
typedef void tls_finding_fn(void *arg, enum tls_finding finding, unsigned place, const char *text);
void tls_identity_check(const struct tls_identity *id, time_t now, tls_finding_fn *report,
                        void *arg);

/* Why servers refuse it from a client; NULL: they do not. */
const char *tls_identity_no_client(const struct tls_identity *id);

/* What ends one day: every certificate of a chain, every authority and revocation list by which a
 * route judges its clients, and of those by which it judges its upstreams the last. */
enum tls_expiry_kind {
    TLS_EXPIRY_LEAF,
    TLS_EXPIRY_INTERMEDIATE, /* any that is sent behind the leaf */
    TLS_EXPIRY_CLIENT_CA,
    TLS_EXPIRY_CLIENT_CRL,
    TLS_EXPIRY_UPSTREAM_CA,
};
struct tls_expiry {
    enum tls_expiry_kind kind;
    const char *subject; /* of a revocation list: the issuer's; lives as long as the call */
    const char *serial;  /* hex, as in tls_identity_facts; of a revocation list "" */
    time_t from, until;  /* both included; `until` 0: a list without nextUpdate, never in force */
    uint8_t digest[32];  /* SHA-256 of its DER */
};
typedef void tls_expiry_fn(void *arg, const struct tls_expiry *x);

enum { TLS_SHA256_SIZE = 32 };
/* False: out of memory. */
bool tls_sha256(const void *data, size_t size, uint8_t out[TLS_SHA256_SIZE]);

/* One call each, the leaf first. */
void tls_identity_expiries(const struct tls_identity *id, tls_expiry_fn *report, void *arg);

/* True when the certificate covers the DNS name: exactly, or by a wildcard for one label. */
bool tls_identity_covers(const struct tls_identity *id, const char *name);

/* ---- policy ---- */

/* What clients are shown who ask for a name. */
struct tls_server_name {
    const char *name; /* in lower case; may begin with "*." for exactly one label */
    struct tls_identity *const *identities; /* the first is their default; none: the server's */
    size_t identity_count;
};

struct tls_server_options {
    const char *context; /* what is spoken: sessions do not resume across contexts */
    struct tls_identity *const *identities; /* the first is the default */
    size_t identity_count;
    const struct tls_server_name *names; /* an exact one wins over a wildcard */
    size_t name_count;
    bool challenges; /* no identities: only tls-alpn-01 is answered, see tls_conn_wanted() */
    enum tls_min_version min_version;
    enum client_auth client_auth;
    struct tls_slice client_ca, client_crl;    /* PEM or DER; data NULL: none */
    const struct string_list *client_subjects; /* allow.h; both NULL or empty: all who verify */
    const struct client_name_list *client_names;
    bool strict_sni; /* what is in no identity and none of `names` gets unrecognized_name */
    const struct string_list *alpn;             /* empty: ALPN is ignored */
    const struct string_list *groups, *ciphers; /* empty: the defaults */
};

struct tls_server;

/* Identities are referenced, everything else is copied. NULL with the reason: an unknown group or
 * cipher (the sentence lists those that exist), a CA file without a certificate... */
struct tls_server *tls_server_new(const struct tls_server_options *o, struct err *e);
struct tls_server *tls_server_ref(struct tls_server *s); /* one reference more; returns `s` */
void tls_server_free(struct tls_server *s);              /* drops a reference; NULL is fine */

/* True: TLS 1.2 is allowed, but none of the groups is for it. */
bool tls_server_lacks_group(const struct tls_server *s);

/* What an operator should hear about the certificates and lists by which clients are judged; one
 * call each. */
enum tls_client_finding {
    TLS_CLIENT_CA_USELESS,    /* nobody whom it vouches for is let in */
    TLS_CLIENT_CA_NONE,       /* ... and there is no other */
    TLS_CLIENT_CRL_USELESS,   /* all clients of its authority are refused */
    TLS_CLIENT_CRL_OF_NOBODY, /* its authority is not in client_ca */
    TLS_CLIENT_CRL_LACKING,   /* there are lists, but none of an authority in client_ca */
    TLS_CLIENT_FINDINGS,
};
typedef void tls_client_finding_fn(void *arg, enum tls_client_finding finding, const char *text);
void tls_server_check(const struct tls_server *s, tls_client_finding_fn *report, void *arg);

/* One call for each certificate of client_ca and each list of client_crl. NULL, as of a route
 * without TLS, has none. */
void tls_server_expiries(const struct tls_server *s, tls_expiry_fn *report, void *arg);

/* ---- the same towards servers ---- */

enum { TLS_PIN_SIZE = 32 };

struct tls_dialer_options {
    const char *context; /* sessions do not resume across contexts */
    /* By whom servers are vouched for, PEM or DER; data NULL: by nobody. Then `pins` has to hold
     * the SHA-256 of the SubjectPublicKeyInfo of every server's certificate, whatever else is in
     * it: its names, its dates and who signed it are not looked at (as in RFC 7671 5.1). */
    struct tls_slice ca;
    const uint8_t (*pins)[TLS_PIN_SIZE];
    size_t pin_count;
    struct tls_identity *identity; /* whom to be, where a server asks, in TLS 1.3; NULL: nobody */
};

struct tls_dialer;

/* The identity is referenced, everything else is copied. With an identity only TLS 1.3 is offered:
 * see tls_sign_form. NULL with the reason. */
struct tls_dialer *tls_dialer_new(const struct tls_dialer_options *o, struct err *e);
struct tls_dialer *tls_dialer_ref(struct tls_dialer *k); /* one reference more; returns `k` */
void tls_dialer_free(struct tls_dialer *k);              /* drops a reference; NULL is fine */

/* One call, for the certificate of `ca` that ends last: until then there is one to verify by, and
 * those that have ended before are common in a file of public authorities. NULL has none. */
void tls_dialer_expiry(const struct tls_dialer *k, tls_expiry_fn *report, void *arg);

/* True: none of `ca` can vouch for a server; in words, why the first cannot. */
bool tls_dialer_useless(const struct tls_dialer *k, char *words, size_t size);

/* How many there are in `ca`, and what `now` is to them. NULL has none. */
struct tls_authorities {
    unsigned count, in_force, expired;
};
struct tls_authorities tls_dialer_authorities(const struct tls_dialer *k, time_t now);

/* ---- tickets ---- */

enum {
    TLS_TICKET_SECRETS = CONFIG_TICKET_KEYS_MAX,
    TLS_TICKET_KEYS = 4 * TLS_TICKET_SECRETS, /* see tls_ticket_keys_derive() */
    TLS_TICKET_KEYS_KEPT = 4,                 /* see tls_ticket_keys_rotate() */
    TLS_TICKET_NAME_SIZE = 16,
    TLS_TICKET_SECRET_SIZE = 32,
};

/* Plain bytes, so that the supervisor can hand them to the workers as they are. The first seals;
 * all open. Keys per TLS version and context are derived from the secret. */
struct tls_ticket_key {
    uint8_t name[TLS_TICKET_NAME_SIZE];
    uint8_t secret[TLS_TICKET_SECRET_SIZE];
};
struct tls_ticket_keys {
    uint32_t count;
    struct tls_ticket_key key[TLS_TICKET_KEYS];
};

/* Make a fresh key the first, drop the oldest beyond TLS_TICKET_KEYS_KEPT. -1: no random numbers.
 */
int tls_ticket_keys_rotate(struct tls_ticket_keys *k, struct err *e);

/* Seconds that a ticket is good for, and after which a new key has to become the first: no ticket
 * outlives its key. */
#define TLS_TICKET_LIFETIME (12 * 3600)
#define TLS_TICKET_PERIOD   (TLS_TICKET_LIFETIME / 2)

/* What machines that take each other's tickets have in common: made from a file of random bytes. */
struct tls_ticket_secret {
    uint8_t bytes[TLS_TICKET_SECRET_SIZE];
};
struct tls_ticket_secrets {
    uint32_t count;
    struct tls_ticket_secret item[TLS_TICKET_SECRETS];
};

/* The bytes of a new file. -1: no random numbers. The caller wipes. */
enum { TLS_TICKET_FILE_SIZE = 48 };
int tls_ticket_file_make(uint8_t file[TLS_TICKET_FILE_SIZE], struct err *e);

/* -1: shorter than 32 bytes, or longer than a mebibyte. */
int tls_ticket_secret_load(struct tls_slice file, struct tls_ticket_secret *secret, struct err *e);

/* A short text that tells one secret from another and helps nobody to find it: as the names of
 * keys, which stand in every ticket, it is derived from it. "" where memory is out. */
enum { TLS_TICKET_FINGERPRINT_SIZE = 17 };
void tls_ticket_fingerprint(const struct tls_ticket_secret *secret,
                            char out[TLS_TICKET_FINGERPRINT_SIZE]);

/* The keys that all who know the secrets agree on at the time `now`, give or take a period: for
 * each secret, those of this period, of the next, and of the two before. The first secret's seal.
 * They change at multiples of TLS_TICKET_PERIOD since the epoch. The secrets cannot be found from
 * them. `secrets` has one at least. -1: out of memory. */
int tls_ticket_keys_derive(struct tls_ticket_keys *k, const struct tls_ticket_secrets *secrets,
                           time_t now, struct err *e);

/* ---- engine ---- */

struct tls_engine;

/* With a ticket key that nobody else knows. NULL: out of memory, or no random numbers. */
struct tls_engine *tls_engine_new(struct err *e);
void tls_engine_free(struct tls_engine *e); /* after its last connection; wipes; NULL is fine */

/* From now on these seal and open tickets; they are copied. */
void tls_engine_set_ticket_keys(struct tls_engine *e, const struct tls_ticket_keys *k);

/* ---- connections ---- */

/* The largest `size` that tls_conn_receive and tls_conn_send take at once. */
#define TLS_CHUNK_MAX ((size_t)64 << 10)

enum tls_status {
    TLS_HANDSHAKE, /* more of the client's bytes are needed before application data can flow */
    TLS_OPEN,      /* both directions are open */
    TLS_EOF,       /* the client sent close_notify: no more plaintext; sending is still legal */
    TLS_FAILED, /* sticky; tls_conn_failure() tells why. The alert, if any is due, is in `wire` */
};

struct tls_io {
    struct tls_slice plain; /* decrypted: for the upstream */
    struct tls_slice wire;  /* encrypted: for the client */
};

struct tls_conn;

/* The engine is borrowed and has to live longer; the server is referenced. NULL: out of memory. */
struct tls_conn *tls_conn_new(struct tls_engine *engine, struct tls_server *server);
void tls_conn_free(struct tls_conn *c); /* wipes; NULL is fine */

/* The other end: begin a connection to a server, whose ClientHello is in io->wire. From here on all
 * that is said of the client is true of the server. `name` is how the server's certificate has to
 * call it: a DNS name, which it is told (RFC 6066 3), or an IPv4 or IPv6 address; NULL: it is known
 * by its pins, and told nothing. `place` is where it was reached: a session is resumed there only.
 * The engine is borrowed and has to live longer; the policy is referenced. It may have failed
 * already. NULL: out of memory. */
struct tls_conn *tls_conn_dial(struct tls_engine *engine, struct tls_dialer *client,
                               const char *name, const char *place, struct tls_io *io);

/* Give the client's next bytes. All are taken; an incomplete record (at most 16.25 KiB) is kept. */
enum tls_status tls_conn_receive(struct tls_conn *c, const uint8_t *data, size_t size,
                                 struct tls_io *io);

/* Where the policy answers challenges: the name that the client wants a challenge certificate for,
 * once its ClientHello is there. Until tls_conn_answer() the client may send nothing
 * more. NULL: no answer is due. */
const char *tls_conn_wanted(const struct tls_conn *c);

/* Go on with that certificate, which is referenced; NULL: there is no such challenge, and the
 * client is told so. */
enum tls_status tls_conn_answer(struct tls_conn *c, struct tls_identity *id, struct tls_io *io);

/* Where the identity that is shown has no key here: what has to be signed, as long as the
 * connection lives and tls_conn_sign() was not called. The client's bytes wait until then, so it is
 * better not read from. NULL: nothing has to be. */
const struct tls_sign_request *tls_conn_unsigned(const struct tls_conn *c);

/* Go on with that signature; NULL: there is none, and the connection fails. */
enum tls_status tls_conn_sign(struct tls_conn *c, const struct tls_signature *signature,
                              struct tls_io *io);

/* The client's transport ended. Before TLS_EOF this is a truncation: TLS_FAILED. */
enum tls_status tls_conn_transport_eof(struct tls_conn *c);

/* Encrypt. Legal in TLS_OPEN and TLS_EOF, before tls_conn_close(). data[size] must exist too and be
 * writable: TLS 1.3 wants a byte behind the data of each record for as long as it is encrypted.
 * Afterwards all is as it was. */
enum tls_status tls_conn_send(struct tls_conn *c, uint8_t *data, size_t size, struct tls_io *io);

/* close_notify into `wire`. Receiving stays possible. Does nothing the second time, before the end
 * of the handshake, and after TLS_FAILED. */
enum tls_status tls_conn_close(struct tls_conn *c, struct tls_io *io);

/* Give up from our side, with the alert of RFC 8446 6.2 for the case; TLS_FAILED afterwards. */
enum tls_abort {
    TLS_ABORT_HANDSHAKE_TIMEOUT,
    TLS_ABORT_INTERNAL,
    TLS_ABORT_DENIED,
    TLS_ABORT_CHALLENGE /* there is one, which cannot be shown: the client is told as if not */
};
void tls_conn_abort(struct tls_conn *c, enum tls_abort why, struct tls_io *io);

/* What the last call returned, or would have. */
enum tls_status tls_conn_status(const struct tls_conn *c);

/* The group for TLS 1.3 that a quantum computer does not open. */
#define TLS_GROUP_HYBRID "X25519MLKEM768"

/* Facts for the log. Strings live as long as the connection; NULL or "" where not (yet) known. */
struct tls_info {
    const char *version; /* "TLSv1.2", "TLSv1.3" */
    const char *cipher;  /* IANA name, "TLS1-3-" style names mapped to "TLS_AES_128_GCM_SHA256" */
    const char *group;   /* TLS_GROUP_HYBRID, "x25519", "secp256r1" */
    const char *sni;     /* as the client sent it; only [A-Za-z0-9._-], else NULL */
    const char *alpn;
    const char *client_subject; /* a verified client certificate's; NULL without one */
    const char *client_cn; /* its common name, the last where it has several; NULL: none, or not
                            * UTF-8, or with control characters */
    bool resumed;
    unsigned cipher_number, group_number; /* for counters: see below */
};
/* Ciphers and groups are numbered from 1 on; 0 is none, or one that is not ours. There may be fewer
 * than these have room for. NULL: no such number. */
enum { TLS_CIPHER_NUMBERS = 12, TLS_GROUP_NUMBERS = 9 };
const char *tls_cipher_name(unsigned number);
const char *tls_cipher_version(unsigned number);
const char *tls_group_name(unsigned number);

/* Does the list name ciphers of TLS 1.2 alone, by any of their names? False of an empty one. */
bool tls_ciphers_of_12(const struct string_list *names);
void tls_conn_info(const struct tls_conn *c, struct tls_info *info);

/* Which of the policy's `names` the client has asked for, once its ClientHello is there;
 * TLS_NO_NAME: another one, or none. */
#define TLS_NO_NAME SIZE_MAX
size_t tls_conn_server_name(const struct tls_conn *c);

enum tls_fault {
    TLS_FAULT_CLIENT, /* it, or the server at the other end, broke the protocol, offered nothing
                         usable, or went away */
    TLS_FAULT_LOCAL,  /* out of memory, random numbers, an internal error; a client_crl by which
                         nobody can be judged */
};
struct tls_failure {
    enum tls_fault fault;
    const char *reason; /* words for the log: "no shared cipher suite" */
    int alert_sent;     /* RFC 8446 6 number; -1: none */
    int alert_received; /* likewise */
    bool truncated;     /* the transport ended without close_notify */
};
const struct tls_failure *tls_conn_failure(const struct tls_conn *c); /* NULL unless TLS_FAILED */

#endif
