/* subject.c - the subject of a request or certificate, from text (RFC 4514)
 *
 * mbedTLS reads such a text too, but keeps one value per attribute (of two OU the last), and passes
 * over what it does not understand behind the first. So it gets one attribute at a time. */
#include "tls/keys/inner.h"
#include "tls/text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { COMMON_NAME_MAX = 64, COUNTRY_LETTERS = 2, PART_SIZE = 2000 };

/* Clients look at subjectAltName alone. An empty subject would do (RFC 5280 4.1.2.6), but
 * authorities and mbedTLS's own reader of requests stumble over it. */
static const char *from_names(const struct keys_names *names, char made[80])
{
    for (size_t i = 0; i < names->count; i++)
        if (strlen(names->names[i]) <= COMMON_NAME_MAX) {
            snprintf(made, 80, "CN=%s", names->names[i]);
            return made;
        }
    return "CN=see subjectAltName";
}

/* How far the attribute at `p` goes: to a comma, or to a character that has to be escaped. */
static size_t extent(const char *p)
{
    size_t n = 0;
    while (p[n] != '\0' && strchr(",+;\"", p[n]) == NULL)
        n += p[n] == '\\' && p[n + 1] != '\0' ? 2 : 1;
    return n;
}

/* Without the blanks around it, unless they are escaped. */
static struct tls_slice trimmed(const char *p, size_t n)
{
    while (n > 0 && *p == ' ') {
        p++;
        n--;
    }
    while (n > 1 && p[n - 1] == ' ' && p[n - 2] != '\\')
        n--;
    return (struct tls_slice){(const uint8_t *)p, n};
}

static int refuse(const char *subject, const char *part, struct err *e)
{
    err_set(e, "the subject \"%.200s\" is not understood at \"%.80s\"", subject, part);
    return err_cure(e, "write it as in \"CN=mail.example.org, OU=Mail, O=Example, C=DE\", with a "
                       "backslash before , + ; and \" within a value (--subject)");
}

/* ---- how much fits (RFC 5280, appendix A; of DC a label of DNS, RFC 4519 2.4) ---- */

static const struct bound {
    const char *name, *long_name; /* as mbedTLS has them */
    size_t most;
} bounds[] = {
    {"CN", "commonName", COMMON_NAME_MAX},
    {"C", "countryName", COUNTRY_LETTERS},
    {"O", "organizationName", 64},
    {"OU", "organizationalUnitName", 64},
    {"L", "locality", 128},
    {"ST", "stateOrProvinceName", 128},
    {"emailAddress", "R", 255},
    {"serialNumber", "serialNumber", 64},
    {"title", "title", 64},
    {"pseudonym", "pseudonym", 128},
    {"DC", "domainComponent", 63},
};

static bool is(const char *name, struct tls_slice text)
{
    return strlen(name) == text.size && memcmp(name, text.data, text.size) == 0;
}

static const struct bound *bound_of(struct tls_slice name)
{
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
        if (is(bounds[i].name, name) || is(bounds[i].long_name, name))
            return &bounds[i];
    return NULL;
}

struct length {
    size_t bytes, characters; /* of UTF-8 */
};

/* What it is when its escapes (RFC 4514 3) are undone. */
static struct length measure(struct tls_slice value)
{
    struct length l = {0, 0};
    for (size_t i = 0; i < value.size; i++, l.bytes++) {
        const uint8_t *p = value.data + i;
        const size_t left = value.size - i;
        const bool hex = *p == '\\' && left > 2 && isxdigit(p[1]) && isxdigit(p[2]);
        const bool goes_on = hex ? strchr("89abAB", p[1]) != NULL : (*p & 0xc0) == 0x80;
        l.characters += !goes_on;
        i += hex ? 2 : (size_t)(*p == '\\' && left > 1);
    }
    return l;
}

static int refuse_length(struct tls_slice name, size_t size, size_t most, const char *unit,
                         struct err *e)
{
    err_set(e, "%.*s in the subject is %zu %s long, and %zu are the most", (int)name.size,
            (const char *)name.data, size, unit, most);
    return err_cure(e, "shorten it, or leave it out: clients look at subjectAltName alone "
                       "(--subject)");
}

static bool is_country(struct tls_slice value)
{
    return value.size == COUNTRY_LETTERS && isalpha(value.data[0]) && isalpha(value.data[1]);
}

static int refuse_country(struct tls_slice value, struct err *e)
{
    err_set(e, "C in the subject is \"%.*s\", and has to be the two letters of a country",
            value.size < 80 ? (int)value.size : 80, (const char *)value.data);
    return err_cure(e, "write it as in C=DE, or leave it out (--subject)");
}

/* Of one that is written out as DER ("#0C0161") mbedTLS alone judges. */
static int check_value(struct tls_slice name, struct tls_slice value, struct err *e)
{
    const struct bound *b = bound_of(name);
    const struct length l = measure(value);
    if (value.size == 0 || value.data[0] == '#')
        return 0;
    if (b != NULL && b->most == COUNTRY_LETTERS && !is_country(value))
        return refuse_country(value, e);
    if (b != NULL && l.characters > b->most)
        return refuse_length(name, l.characters, b->most, "characters", e);
    if (l.bytes >= MBEDTLS_X509_MAX_DN_NAME_SIZE)
        return refuse_length(name, l.bytes, MBEDTLS_X509_MAX_DN_NAME_SIZE - 1, "bytes", e);
    return 0;
}

static int check_part(struct tls_slice part, struct err *e)
{
    const uint8_t *is_at = part.size > 0 ? memchr(part.data, '=', part.size) : NULL;
    if (is_at == NULL)
        return 0; /* mbedTLS refuses it */
    const size_t name = (size_t)(is_at - part.data);
    return check_value((struct tls_slice){part.data, name},
                       (struct tls_slice){is_at + 1, part.size - name - 1}, e);
}

/* ---- what may stand in it ---- */

static bool is_writable(const mbedtls_asn1_buf *text)
{
    switch (text->tag) {
    case MBEDTLS_ASN1_UTF8_STRING:
    case MBEDTLS_ASN1_PRINTABLE_STRING:
    case MBEDTLS_ASN1_IA5_STRING:
        return text_is_utf8(text);
    default:
        return true;
    }
}

static int refuse_characters(const char *part, const mbedtls_asn1_buf *text, struct err *e)
{
    const bool utf8 = text->tag == MBEDTLS_ASN1_UTF8_STRING;
    err_set(e, "\"%.80s\" in the subject is not plain text in %s", part, utf8 ? "UTF-8" : "ASCII");
    return err_cure(e, "write it in %s, or leave it out (--subject)", utf8 ? "UTF-8" : "ASCII");
}

/* ---- text to list ---- */

/* mbedTLS writes the first of a list last. */
static int add_part(const char *subject, const char *part, mbedtls_asn1_named_data **list,
                    struct err *e)
{
    mbedtls_asn1_named_data *one = NULL;
    int r = mbedtls_x509_string_to_names(&one, part);
    if (r != 0 || one == NULL || one->next != NULL) {
        mbedtls_asn1_free_named_data_list(&one);
        return r == MBEDTLS_ERR_X509_ALLOC_FAILED ? keys_out_of_memory(e)
                                                  : refuse(subject, part, e);
    }
    one->next = *list;
    *list = one;
    return is_writable(&one->val) ? 0 : refuse_characters(part, &one->val, e);
}

static int take_part(const char *subject, struct tls_slice text, mbedtls_asn1_named_data **list,
                     struct err *e)
{
    char part[PART_SIZE];
    if (check_part(text, e) != 0)
        return -1;
    if (text.size >= sizeof part)
        return refuse(subject, (const char *)text.data, e);
    memcpy(part, text.data, text.size);
    part[text.size] = '\0';
    return add_part(subject, part, list, e);
}

static int read_text(const char *subject, mbedtls_asn1_named_data **list, struct err *e)
{
    const char *p = subject;
    for (;;) {
        const size_t n = extent(p);
        if (p[n] != ',' && p[n] != '\0')
            return refuse(subject, p, e);
        if (take_part(subject, trimmed(p, n), list, e) != 0)
            return -1;
        if (p[n] == '\0')
            return 0;
        p += n + 1;
    }
}

int keys_subject_read(const struct keys_names *names, mbedtls_asn1_named_data **list, struct err *e)
{
    char made[80];
    *list = NULL;
    return read_text(names->subject != NULL ? names->subject : from_names(names, made), list, e);
}

int keys_check_subject(const char *subject, struct err *e)
{
    mbedtls_asn1_named_data *list = NULL;
    const int checked = read_text(subject, &list, e);
    mbedtls_asn1_free_named_data_list(&list);
    return checked;
}
