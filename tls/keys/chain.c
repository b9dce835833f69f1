/* chain.c - the chain to send with a key, out of certificates in any order, and what is to be said
 * about it */
#include "tls/extensions.h"
#include "tls/issuing.h"
#include "tls/key.h"
#include "tls/keys/inner.h"
#include "tls/memory.h"
#include "tls/text.h"

#include <mbedtls/pem.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CHAIN_MAX = 10, DN_SIZE = 256, URL_SIZE = 128, PEM_PER_DER_NUM = 2, PEM_EXTRA = 128 };

struct chain {
    const struct keys_pool *pool;
    const struct keys_judge *judge;
    const mbedtls_x509_crt *member[CHAIN_MAX];
    size_t count;
    const mbedtls_x509_crt *root; /* where it ends; not a member. NULL: it is not there */
    bool failed;
};

static void tell(struct chain *c, enum keys_gravity gravity, const char *cure, const char *format,
                 ...) __attribute__((format(printf, 4, 5)));

static void tell(struct chain *c, enum keys_gravity gravity, const char *cure, const char *format,
                 ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->failed = c->failed || gravity == KEYS_ERROR;
    c->judge->report(c->judge->arg, gravity, text, cure);
}

static const char *dn(const mbedtls_x509_name *name, char text[DN_SIZE])
{
    text_name_shown(name, text, DN_SIZE);
    return text;
}

static bool is_authority(const mbedtls_x509_crt *crt)
{
    return mbedtls_x509_crt_get_ca_istrue(crt) == 1;
}

static bool valid_at(const mbedtls_x509_crt *crt, time_t now)
{
    return identity_time(&crt->valid_from) <= now && now <= identity_time(&crt->valid_to);
}

/* ---- what is there ---- */

static void show(const mbedtls_x509_crt *crt, struct keys_certificate *out)
{
    dn(&crt->subject, out->subject);
    dn(&crt->issuer, out->issuer);
    key_kind(&crt->pk, out->key);
    out->not_before = identity_time(&crt->valid_from);
    out->not_after = identity_time(&crt->valid_to);
    out->authority = is_authority(crt);
    out->self_issued = issuing_self(crt);
}

void keys_pool_show(const struct keys_pool *p, size_t index, struct keys_certificate *out)
{
    show(p->certificates[index], out);
}

/* Of several for one key (a renewal comes with what went before) the one that is good now, and for
 * longest. */
static bool better(const mbedtls_x509_crt *a, const mbedtls_x509_crt *b, time_t now)
{
    if (b == NULL)
        return true;
    if (valid_at(a, now) != valid_at(b, now))
        return valid_at(a, now);
    return identity_time(&a->valid_to) > identity_time(&b->valid_to);
}

/* Authorities that log what they issue may send that, too (RFC 6962 3.1). */
static bool is_precertificate(const mbedtls_x509_crt *crt)
{
    struct extension x;
    for (struct der rest = extensions_begin(crt); extensions_next(&rest, &x);)
        if (extension_kind(&x) == EXTENSION_POISON)
            return true;
    return false;
}

static bool better_leaf(const mbedtls_x509_crt *a, const mbedtls_x509_crt *b, time_t now)
{
    if (b != NULL && is_precertificate(a) != is_precertificate(b))
        return is_precertificate(b);
    return better(a, b, now);
}

static const mbedtls_x509_crt *leaf_for(const struct keys_pool *p, const struct keys_private *k,
                                        time_t now)
{
    const mbedtls_x509_crt *best = NULL;
    for (size_t i = 0; i < p->count; i++)
        if (keys_same_pair(&p->certificates[i]->pk, k) &&
            better_leaf(p->certificates[i], best, now))
            best = p->certificates[i];
    return best;
}

bool keys_pool_has(const struct keys_pool *p, const struct keys_private *k)
{
    return leaf_for(p, k, 0) != NULL;
}

bool keys_pool_has_digest(const struct keys_pool *p, const char *key_digest)
{
    char text[TLS_DIGEST_TEXT];
    for (size_t i = 0; i < p->count; i++)
        if (keys_digest(&p->certificates[i]->pk, text) && strcmp(text, key_digest) == 0)
            return true;
    return false;
}

void keys_pool_show_for(const struct keys_pool *p, const struct keys_private *k,
                        struct keys_certificate *out)
{
    show(leaf_for(p, k, 0), out);
}

/* ---- one step up ---- */

static bool is_member(const struct chain *c, const mbedtls_x509_crt *crt)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->member[i] == crt)
            return true;
    return false;
}

/* A root ends the chain at once, and everybody who trusts it has it; else as better() says. */
static bool better_issuer(const mbedtls_x509_crt *a, const mbedtls_x509_crt *b, time_t now)
{
    if (b != NULL && valid_at(a, now) == valid_at(b, now) && issuing_self(a) != issuing_self(b))
        return issuing_self(a);
    return better(a, b, now);
}

/* What else was found on the way to an issuer; NULL: nothing. */
struct others {
    const mbedtls_x509_crt *impostor; /* has the name, but not the key */
    const mbedtls_x509_crt *late;     /* would be the one, outside of its validity */
};

/* Nobody can use it: a chain over it verifies nowhere. A root is trusted as it is. */
static bool is_late(const mbedtls_x509_crt *crt, time_t now)
{
    return !valid_at(crt, now) && !issuing_self(crt);
}

/* Whose signature `crt` bears. */
static const mbedtls_x509_crt *find_issuer(const struct chain *c, const struct keys_pool *among,
                                           const mbedtls_x509_crt *crt, struct others *others)
{
    const mbedtls_x509_crt *best = NULL;
    for (size_t i = 0; among != NULL && i < among->count; i++) {
        const mbedtls_x509_crt *candidate = among->certificates[i];
        if (!issuing_named(crt, candidate) || is_member(c, candidate))
            continue;
        if (!issuing_signed(crt, candidate))
            others->impostor = candidate;
        else if (is_late(candidate, c->judge->now))
            others->late = candidate;
        else if (better_issuer(candidate, best, c->judge->now))
            best = candidate;
    }
    return best;
}

/* It is a root that clients have, in the form in which another root vouches for it as well. */
static bool is_trusted_itself(const struct chain *c, const mbedtls_x509_crt *crt)
{
    const struct keys_pool *roots = c->judge->trusted;
    for (size_t i = 0; roots != NULL && i < roots->count; i++)
        if (issuing_same_key(crt, roots->certificates[i]))
            return true;
    return false;
}

static void check_issuer(struct chain *c, const mbedtls_x509_crt *issuer)
{
    char name[DN_SIZE];
    const char *why = issuing_forbidden(issuer, (unsigned)c->count);
    if (why != NULL)
        tell(c, KEYS_ERROR, "ask the authority for the chain that it meant",
             "%s has signed, but %s", dn(&issuer->subject, name), why);
}

/* ---- where it stops ---- */

static void tell_impostor(struct chain *c, const mbedtls_x509_crt *top,
                          const mbedtls_x509_crt *impostor)
{
    char name[DN_SIZE], issuer[DN_SIZE];
    tell(c, KEYS_ERROR,
         "get the authority's current certificate: there is another of the same name, with another "
         "key",
         "%s was not signed by the %s that is given: the signature does not fit",
         dn(&top->subject, name), dn(&impostor->subject, issuer));
}

/* `namesake`: a root has the issuer's name, and did not sign. */
static void tell_missing(struct chain *c, const mbedtls_x509_crt *top, bool namesake)
{
    char name[DN_SIZE], issuer[DN_SIZE], url[URL_SIZE], cure[768];
    const bool has_url = issuing_url(top, url, sizeof url) && *url != '\0';
    const char *where = namesake ? "is not given, and the root of that name that this machine "
                                   "trusts has another key (or what is given is damaged)"
                                 : "is neither given nor among the roots that this machine trusts";
    dn(&top->issuer, issuer);
    dn(&top->subject, name);
    if (c->count > 1) {
        tell(c, KEYS_WARNING, NULL,
             "the chain ends with %s; its issuer %s %s, so whether it is complete cannot be told",
             name, issuer, where);
        return;
    }
    snprintf(cure, sizeof cure,
             "get the certificate of %s%s%s and give it as well; if it is a root that your clients "
             "have, give it all the same: it is checked with, and left out",
             issuer, has_url ? " from " : " from the authority", has_url ? url : "");
    tell(c, c->judge->incomplete_is_fine ? KEYS_WARNING : KEYS_ERROR, cure,
         "an intermediate certificate is missing: %s was issued by %s, which %s", name, issuer,
         where);
}

static const char *time_of(const mbedtls_x509_crt *crt, time_t now, char text[64])
{
    const bool over = identity_time(&crt->valid_to) < now;
    const mbedtls_x509_time *t = over ? &crt->valid_to : &crt->valid_from;
    snprintf(text, 64, "%s %04d-%02d-%02d", over ? "expired on" : "is not valid before", t->year,
             t->mon, t->day);
    return text;
}

static void tell_late(struct chain *c, const mbedtls_x509_crt *late)
{
    char name[DN_SIZE], when[64];
    tell(c, c->judge->incomplete_is_fine ? KEYS_WARNING : KEYS_ERROR,
         "get the authority's present one and give it instead",
         "the intermediate certificate %s %s", dn(&late->subject, name),
         time_of(late, c->judge->now, when));
}

/* The chain goes no further. */
static void stop(struct chain *c, const mbedtls_x509_crt *top, const struct others *others,
                 const struct others *roots)
{
    if (is_trusted_itself(c, top))
        return;
    if (others->impostor != NULL)
        tell_impostor(c, top, others->impostor);
    else if (others->late != NULL && c->count == 1)
        tell_late(c, others->late);
    else
        tell_missing(c, top, roots->impostor != NULL);
}

static void end_at_root(struct chain *c, const mbedtls_x509_crt *root, bool given)
{
    char name[DN_SIZE];
    c->root = root;
    if (given && c->judge->keep_root && c->count < CHAIN_MAX)
        c->member[c->count++] = root;
    else if (given)
        tell(c, KEYS_NOTE, NULL, "the root %s is left out: clients have it or will not trust it",
             dn(&c->root->subject, name));
}

/* ---- the walk ---- */

/* False: `top` is the last. */
static bool climb(struct chain *c, const mbedtls_x509_crt *top)
{
    struct others others = {NULL, NULL}, roots = {NULL, NULL};
    const mbedtls_x509_crt *issuer = find_issuer(c, c->pool, top, &others);
    const bool given = issuer != NULL;
    if (!given)
        issuer = find_issuer(c, c->judge->trusted, top, &roots);
    if (issuer == NULL) {
        stop(c, top, &others, &roots);
        return false;
    }
    check_issuer(c, issuer);
    if (!given || issuing_self(issuer)) {
        end_at_root(c, issuer, given);
        return false;
    }
    if (c->count == CHAIN_MAX) {
        tell(c, KEYS_ERROR, "ask the authority for a shorter chain",
             "the chain is longer than %d certificates", CHAIN_MAX);
        return false;
    }
    c->member[c->count++] = issuer;
    return true;
}

static void tell_surplus(struct chain *c)
{
    char name[DN_SIZE], when[64];
    for (size_t i = 0; i < c->pool->count; i++) {
        const mbedtls_x509_crt *crt = c->pool->certificates[i];
        if (is_member(c, crt) || crt == c->root)
            continue;
        if (is_authority(crt) && is_late(crt, c->judge->now))
            tell(c, KEYS_NOTE, NULL, "%s %s, so nobody can use it; it is left out",
                 dn(&crt->subject, name), time_of(crt, c->judge->now, when));
        else
            tell(c, KEYS_WARNING, NULL, "%s does not belong to this chain; it is left out",
                 dn(&crt->subject, name));
    }
}

/* ---- as text ---- */

static char *write_chain(struct chain *c)
{
    size_t room = 1, used = 0;
    for (size_t i = 0; i < c->count; i++)
        room += PEM_PER_DER_NUM * c->member[i]->raw.len + PEM_EXTRA;
    char *text = memory_calloc(1, room);
    for (size_t i = 0; text != NULL && i < c->count; i++) {
        size_t written = 0;
        const mbedtls_x509_buf *raw = &c->member[i]->raw;
        if (mbedtls_pem_write_buffer("-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n",
                                     raw->p, raw->len, (unsigned char *)text + used, room - used,
                                     &written) != 0) {
            keys_free_text(text);
            text = NULL;
        } else {
            used += written - 1; /* the NUL is counted */
        }
    }
    if (text == NULL)
        tell(c, KEYS_ERROR, NULL, "out of memory");
    return text;
}

char *keys_chain_make(const struct keys_pool *p, const struct keys_private *k,
                      const struct keys_judge *judge)
{
    struct chain c = {.pool = p, .judge = judge};
    memory_failed();
    const mbedtls_x509_crt *leaf = leaf_for(p, k, judge->now);
    if (leaf == NULL) {
        tell(&c, KEYS_ERROR, NULL, "none of the certificates belongs to the key");
        return NULL;
    }
    c.member[c.count++] = leaf;
    if (issuing_self(leaf) && issuing_signed(leaf, leaf))
        c.root = leaf;
    while (c.root == NULL && climb(&c, c.member[c.count - 1]))
        ;
    tell_surplus(&c);
    if (memory_failed()) /* then a signature may only seem wrong */
        tell(&c, KEYS_ERROR, NULL, "out of memory");
    return c.failed ? NULL : write_chain(&c);
}
