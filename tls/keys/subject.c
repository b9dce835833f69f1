/* subject.c - the subject of a request or certificate, from text (RFC 4514)
 *
 * mbedTLS reads such a text too, but keeps one value per attribute (of two OU the last), and passes
 * over what it does not understand behind the first. So it gets one attribute at a time. */
#include "tls/keys/inner.h"

#include <stdio.h>
#include <string.h>

enum { COMMON_NAME_MAX = 64, PART_SIZE = 600 };

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

/* Without the blanks around it, unless they are escaped. -1: too long. */
static int copy_part(const char *p, size_t n, char part[PART_SIZE])
{
    while (n > 0 && *p == ' ') {
        p++;
        n--;
    }
    while (n > 1 && p[n - 1] == ' ' && p[n - 2] != '\\')
        n--;
    if (n >= PART_SIZE)
        return -1;
    memcpy(part, p, n);
    part[n] = '\0';
    return 0;
}

static int refuse(const char *subject, const char *part, struct err *e)
{
    err_set(e, "the subject \"%.200s\" is not understood at \"%.80s\"", subject, part);
    return err_cure(e, "write it as in \"CN=mail.example.org, OU=Mail, O=Example, C=DE\", with a "
                       "backslash before , + ; and \" within a value (--subject)");
}

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
    return 0;
}

static int read_text(const char *subject, mbedtls_asn1_named_data **list, struct err *e)
{
    const char *p = subject;
    for (;;) {
        char part[PART_SIZE];
        const size_t n = extent(p);
        if (copy_part(p, n, part) != 0 || (p[n] != ',' && p[n] != '\0'))
            return refuse(subject, p, e);
        if (add_part(subject, part, list, e) != 0)
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
