/* facts.c - what a certificate says about itself, and which names it covers. */
#include "tls/facts.h"

#include "tls/issuing.h"
#include "tls/memory.h"
#include "tls/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { TAG_DNS = 2, TAG_IP = 7, TAG_MASK = 0x1f, NAME_MAX_SIZE = 255 };

time_t identity_time(const mbedtls_x509_time *t)
{
    struct tm tm = {.tm_year = t->year - 1900,
                    .tm_mon = t->mon - 1,
                    .tm_mday = t->day,
                    .tm_hour = t->hour,
                    .tm_min = t->min,
                    .tm_sec = t->sec};
    return timegm(&tm);
}

static char *hex(const uint8_t *data, size_t size, const char *digits)
{
    char *text = memory_calloc(1, 2 * size + 1);
    for (size_t i = 0; text != NULL && i < size; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    return text;
}

static char *serial_of(const mbedtls_x509_crt *leaf)
{
    const size_t size = 2 * leaf->serial.len + 1;
    char *text = memory_calloc(1, size);
    if (text != NULL)
        text_serial(&leaf->serial, text, size);
    return text;
}

static char *fingerprint_of(const mbedtls_x509_crt *leaf)
{
    uint8_t digest[32];
    if (mbedtls_sha256(leaf->raw.p, leaf->raw.len, digest, 0) != 0)
        return NULL;
    return hex(digest, sizeof digest, "0123456789abcdef");
}

/* ---- names ---- */

/* A DNS name as a certificate may hold it; NULL for one with bytes that no host name has: it could
 * only match by a trick. */
static char *plain_name(const mbedtls_x509_buf *b)
{
    const char *p = (const char *)b->p;
    bool wildcard = b->len > 2 && p[0] == '*' && p[1] == '.';
    size_t skip = wildcard ? 2 : 0;
    if (b->len > NAME_MAX_SIZE || !names_plain(p + skip, b->len - skip))
        return NULL;
    char *name = memory_calloc(1, b->len + 1);
    if (name != NULL)
        memcpy(name, p, b->len);
    return name;
}

static char *address_name(const mbedtls_x509_buf *b)
{
    char text[INET6_ADDRSTRLEN];
    int family = b->len == 4 ? AF_INET : AF_INET6;
    if ((b->len != 4 && b->len != 16) || inet_ntop(family, b->p, text, sizeof text) == NULL)
        return NULL;
    return memory_text(text);
}

static void add_name(struct tls_identity *id, char *name)
{
    if (name != NULL)
        id->names[id->facts.name_count++] = name;
}

char *facts_alt_name(const mbedtls_x509_buf *b)
{
    if ((b->tag & TAG_MASK) == TAG_DNS)
        return plain_name(b);
    return (b->tag & TAG_MASK) == TAG_IP ? address_name(b) : NULL;
}

static void read_alt_names(struct tls_identity *id)
{
    size_t count = 0;
    for (const mbedtls_x509_sequence *s = &id->chain.subject_alt_names; s != NULL; s = s->next) {
        add_name(id, facts_alt_name(&s->buf));
        count += s->buf.p != NULL;
    }
    id->facts.other_count = count - id->facts.name_count;
}

static void read_common_name(struct tls_identity *id)
{
    for (const mbedtls_x509_name *n = &id->chain.subject; n != NULL; n = n->next)
        if (MBEDTLS_OID_CMP(MBEDTLS_OID_AT_CN, &n->oid) == 0 && id->facts.name_count == 0)
            add_name(id, plain_name(&n->val));
}

static int read_names(struct tls_identity *id)
{
    size_t room = 1;
    for (const mbedtls_x509_sequence *s = &id->chain.subject_alt_names; s != NULL; s = s->next)
        room++;
    id->names = memory_calloc(room, sizeof *id->names);
    if (id->names == NULL)
        return -1;
    if (mbedtls_x509_crt_has_ext_type(&id->chain, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        read_alt_names(id);
    else
        read_common_name(id);
    id->facts.names = (const char *const *)id->names;
    return 0;
}

enum names_match identity_match(const struct tls_identity *id, const char *name)
{
    enum names_match best = NAMES_DIFFER;
    for (size_t i = 0; i < id->facts.name_count; i++) {
        enum names_match m = names_match(id->facts.names[i], name);
        best = m > best ? m : best;
    }
    return best;
}

bool tls_identity_covers(const struct tls_identity *id, const char *name)
{
    return identity_match(id, name) != NAMES_DIFFER;
}

static bool has_name(const struct tls_identity *id, const char *name)
{
    for (size_t i = 0; i < id->facts.name_count; i++)
        if (strcasecmp(id->facts.names[i], name) == 0)
            return true;
    return false;
}

bool identity_same_names(const struct tls_identity *a, const struct tls_identity *b)
{
    if (a->facts.name_count == 0 || a->facts.name_count != b->facts.name_count)
        return false;
    for (size_t i = 0; i < a->facts.name_count; i++)
        if (!has_name(b, a->facts.names[i]))
            return false;
    return true;
}

/* ---- public keys ---- */

bool facts_digest(const uint8_t *data, size_t size, char text[TLS_DIGEST_TEXT])
{
    uint8_t digest[32];
    if (mbedtls_sha256(data, size, digest, 0) != 0)
        return false;
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return true;
}

/* NULL: the chain has it not. */
static const mbedtls_x509_crt *issuer_of(const mbedtls_x509_crt *leaf)
{
    for (const mbedtls_x509_crt *c = leaf->next; c != NULL; c = c->next)
        if (c->subject_raw.len == leaf->issuer_raw.len &&
            memcmp(c->subject_raw.p, leaf->issuer_raw.p, c->subject_raw.len) == 0)
            return c;
    return NULL;
}

static bool read_key_digests(struct tls_identity *id)
{
    const mbedtls_x509_crt *leaf = &id->chain, *issuer = issuer_of(leaf);
    struct tls_identity_facts *f = &id->facts;
    return facts_digest(leaf->pk_raw.p, leaf->pk_raw.len, f->key_digest) &&
           (issuer == NULL ||
            facts_digest(issuer->pk_raw.p, issuer->pk_raw.len, f->issuer_key_digest));
}

/* ---- the whole ---- */

int facts_read(struct tls_identity *id, const char *path, struct err *e)
{
    const mbedtls_x509_crt *leaf = &id->chain;
    struct tls_identity_facts *f = &id->facts;
    f->subject = text_name_copy(&leaf->subject);
    f->issuer = text_name_copy(&leaf->issuer);
    f->serial = serial_of(leaf);
    f->fingerprint = fingerprint_of(leaf);
    f->not_before = identity_time(&leaf->valid_from);
    f->not_after = identity_time(&leaf->valid_to);
    f->self_signed = issuing_self(leaf);
    memory_failed();
    if (read_names(id) < 0 ||
        mbedtls_sha256(leaf->pk_raw.p, leaf->pk_raw.len, id->key_id, 0) != 0 ||
        !read_key_digests(id) || f->subject == NULL || f->issuer == NULL || f->serial == NULL ||
        f->fingerprint == NULL || memory_failed())
        return err_set(e, "%s: out of memory", path);
    return 0;
}

void facts_free(struct tls_identity *id)
{
    for (size_t i = 0; i < id->facts.name_count; i++)
        free(id->names[i]);
    free(id->names);
    free((void *)id->facts.subject);
    free((void *)id->facts.issuer);
    free((void *)id->facts.serial);
    free((void *)id->facts.fingerprint);
}
