/* keys.h - the core of the key manager: private keys, requests, and what an authority answers.
 *
 * Bytes in, bytes out: no file, no socket, no log. Texts that are returned are PEM, end with a NUL
 * and belong to the caller, who gives them to keys_free_text(), which wipes. tls_init() first. */
#ifndef TLSFRONT_TLS_KEYS_H
#define TLSFRONT_TLS_KEYS_H

#include "tls/tls.h"

/* ---- private keys ---- */

enum keys_kind {
    KEYS_EC_P256,
    KEYS_EC_P384,
    KEYS_RSA_2048,
    KEYS_RSA_3072,
    KEYS_RSA_4096,
    KEYS_KINDS,
};

const char *keys_kind_name(enum keys_kind kind); /* "ec-p256", "rsa-2048" */
bool keys_kind_by_name(const char *name, enum keys_kind *kind);
const char *keys_kind_names(void); /* all of them, "ec-p256, ec-p384, ..." */

/* The one to make in the place of such a key: the same, or the next that is no weaker, if any. */
enum keys_kind keys_kind_like(enum tls_key_type type, unsigned bits);

struct keys_private;

/* Takes up to some seconds with RSA. For keys_private_free(), as the next; NULL with the reason. */
struct keys_private *keys_private_make(enum keys_kind kind, struct err *e);

/* PEM, which may stand among other things, or DER; unencrypted. */
struct keys_private *keys_private_read(struct tls_slice file, const char *path, struct err *e);

/* What a file seems to hold: for whom it is, before it is parsed. */
struct keys_found {
    bool private_key, encrypted; /* `encrypted`: that key is */
    bool certificate;            /* PEM */
    bool pkcs12;
    bool der; /* the private key is, and all there is */
};
struct keys_found keys_inspect(struct tls_slice file);

/* Tell of each private key in a file, as a file of its own; where none can be told apart, once of
 * all of it, so that reading it says why. */
typedef void keys_private_fn(void *arg, struct tls_slice file, bool encrypted);
void keys_private_each(struct tls_slice file, keys_private_fn *found, void *arg);

/* Wipes; NULL is fine. */
void keys_private_free(struct keys_private *k);

/* Open, as PKCS#8. NULL: out of memory. */
char *keys_private_pem(const struct keys_private *k, struct err *e);

/* ---- private keys under a passphrase (PKCS#8 with PBES2, RFC 8018) ---- */

enum { KEYS_PASSPHRASE_SIZE = 1024 }; /* as much of a line as openssl(1) takes */

/* The first line of a passphrase's file, of which `bytes` are the beginning. -1: it is none. */
int keys_passphrase_line(struct tls_slice bytes, const char *path, char out[KEYS_PASSPHRASE_SIZE],
                         struct err *e);

/* Without the byte order mark that some editors put before a text. keys_encrypt() leaves it out;
 * keys_decrypt() tries it without and with: openssl(1) takes it for a part. */
const char *keys_passphrase(const char *line);

/* PEM: PBKDF2 with HMAC-SHA-256, AES-256-CBC. */
char *keys_encrypt(const struct keys_private *k, const char *passphrase, struct err *e);

/* The PEM of the key in an "ENCRYPTED PRIVATE KEY" block, which may stand among other things, or in
 * DER. Opens
 * PBKDF2 with HMAC-SHA-1 and SHA-2, AES-CBC. -> NULL: another scheme, damaged, or not the
 * passphrase. Takes a good part of a second. */
char *keys_decrypt(struct tls_slice file, const char *path, const char *passphrase, struct err *e);

/* "ec-p256", "rsa-2048" and their like. */
void keys_private_describe(const struct keys_private *k, char text[16]);

/* The SHA-256 of its SubjectPublicKeyInfo, as in tls_identity_facts. False: it cannot be told. */
bool keys_private_digest(const struct keys_private *k, char text[TLS_DIGEST_TEXT]);

void keys_free_text(char *text); /* wipes; NULL is fine */

/* ---- names ---- */

/* A host name, "*." and a host name, or an IP address. -1 with the reason and the cure. */
int keys_check_name(const char *name, struct err *e);

/* A subject as in struct keys_names. -1 with the reason and the cure. */
int keys_check_subject(const char *subject, struct err *e);

struct keys_names {
    const char *subject;      /* "CN=mail.example, O=Example"; NULL: CN= the first name */
    const char *const *names; /* for subjectAltName; at least one */
    size_t count;
};

/* ---- requests (PKCS#10, RFC 2986) and self-signed certificates ---- */

char *keys_request_make(const struct keys_private *k, const struct keys_names *names,
                        struct err *e);

char *keys_self_signed_make(const struct keys_private *k, const struct keys_names *names,
                            time_t now, unsigned days, struct err *e);

/* A request read back. */
struct keys_request {
    char *subject;
    char **names;
    size_t count;
    char key_digest[TLS_DIGEST_TEXT]; /* of the key that is to be certified, as in
                                       * tls_identity_facts */
};

/* PEM or DER. For keys_request_free(); NULL: it is none, or damaged. */
struct keys_request *keys_request_read(struct tls_slice file, const char *path, struct err *e);
void keys_request_free(struct keys_request *r); /* NULL is fine */

/* Is it a request, made with that key? */
bool keys_request_fits(struct tls_slice file, const struct keys_private *k);

/* ---- what an authority answers ---- */

/* Certificates in no particular order. */
struct keys_pool;

struct keys_pool *keys_pool_new(struct err *e); /* empty; NULL: out of memory */
void keys_pool_free(struct keys_pool *p);       /* NULL is fine */

/* Take the certificates of a file: PEM with any number of blocks, DER, or PKCS#7 in either form.
 * Doubles are taken once. -1: there is none, or one of them is damaged. */
int keys_pool_add(struct keys_pool *p, struct tls_slice file, const char *path, struct err *e);

/* Likewise, of the roots that this machine trusts; what cannot be used is passed over. */
void keys_pool_add_trusted(struct keys_pool *p, struct tls_slice file);

size_t keys_pool_count(const struct keys_pool *p);

/* What one looks like; `index` counts in the order they came, below keys_pool_count(). */
struct keys_certificate {
    char subject[256], issuer[256];
    char key[16]; /* as keys_private_describe() */
    time_t not_before, not_after;
    bool authority, self_issued;
};
void keys_pool_show(const struct keys_pool *p, size_t index, struct keys_certificate *out);

/* Is the certificate for this key among them? */
bool keys_pool_has(const struct keys_pool *p, const struct keys_private *k);

bool keys_pool_has_digest(const struct keys_pool *p, const char *key_digest);

/* What it looks like, if it is. */
void keys_pool_show_for(const struct keys_pool *p, const struct keys_private *k,
                        struct keys_certificate *out);

enum keys_gravity { KEYS_NOTE, KEYS_WARNING, KEYS_ERROR };

/* One finding; `cure` may be NULL. */
typedef void keys_report_fn(void *arg, enum keys_gravity gravity, const char *text,
                            const char *cure);

struct keys_judge {
    const struct keys_pool *trusted; /* roots that clients may be taken to have; may be NULL */
    time_t now;
    bool incomplete_is_fine; /* a missing issuer is a warning */
    bool keep_root;          /* where it is given */
    keys_report_fn *report;
    void *arg;
};

/* From the certificate for `k`, which keys_pool_has(), up through its issuers as far as they are
 * there, each signature verified. NULL: an error was reported. */
char *keys_chain_make(const struct keys_pool *p, const struct keys_private *k,
                      const struct keys_judge *judge);

#endif
