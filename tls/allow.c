#include "tls/allow.h"

#include "tls/memory.h"
#include "tls/names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- the lists ---- */

static int copy_subjects(struct allow *a, const struct string_list *list)
{
    a->subjects = memory_calloc(list->count + 1, sizeof *a->subjects);
    for (size_t i = 0; a->subjects != NULL && i < list->count; i++) {
        a->subjects[i] = memory_text(list->items[i]);
        if (a->subjects[i] == NULL)
            return -1;
        a->subject_count++;
    }
    return a->subjects != NULL ? 0 : -1;
}

static int copy_names(struct allow *a, const struct client_name_list *list)
{
    a->names = memory_calloc(list->count + 1, sizeof *a->names);
    for (size_t i = 0; a->names != NULL && i < list->count; i++) {
        a->names[i] = (struct client_name){list->items[i].kind, memory_text(list->items[i].text)};
        if (a->names[i].text == NULL)
            return -1;
        a->name_count++;
    }
    return a->names != NULL ? 0 : -1;
}

int allow_copy(struct allow *a, const struct string_list *subjects,
               const struct client_name_list *names)
{
    *a = (struct allow){0};
    if (subjects != NULL && copy_subjects(a, subjects) < 0)
        return -1;
    return names != NULL ? copy_names(a, names) : 0;
}

void allow_free(struct allow *a)
{
    for (size_t i = 0; i < a->subject_count; i++)
        free(a->subjects[i]);
    free(a->subjects);
    for (size_t i = 0; i < a->name_count; i++)
        free((char *)a->names[i].text);
    free(a->names);
    *a = (struct allow){0};
}

/* ---- one name ---- */

static bool same_bytes(const char *listed, struct tls_slice said)
{
    return strlen(listed) == said.size && memcmp(listed, said.data, said.size) == 0;
}

static bool fits_dns(const char *listed, struct tls_slice said)
{
    char name[256];
    const char *text = (const char *)said.data;
    const size_t skip = said.size > 2 && memcmp(text, "*.", 2) == 0 ? 2 : 0;
    if (said.size >= sizeof name || !names_plain(text + skip, said.size - skip))
        return false;
    memcpy(name, text, said.size);
    name[said.size] = '\0';
    /* A certificate for many names is not one of them: it fits only what is listed as it stands. */
    return skip > 0 ? strcasecmp(listed, name) == 0 : names_match(listed, name) != NAMES_DIFFER;
}

static bool fits_email(const char *listed, struct tls_slice said)
{
    const char *at = strchr(listed, '@');
    const size_t local = at != NULL ? (size_t)(at - listed) + 1 : 0, size = strlen(listed);
    return local > 0 && said.size == size && memcmp(listed, said.data, local) == 0 &&
           strncasecmp(at + 1, (const char *)said.data + local, size - local) == 0;
}

bool allow_name(const struct client_name *listed, enum client_name_kind kind, struct tls_slice said)
{
    if (listed->kind != kind || said.size == 0)
        return false;
    switch (kind) {
    case CLIENT_NAME_DNS:
        return fits_dns(listed->text, said);
    case CLIENT_NAME_EMAIL:
        return fits_email(listed->text, said);
    case CLIENT_NAME_URI:
        return same_bytes(listed->text, said);
    }
    return false;
}

/* ---- one certificate ---- */

/* RFC 5280 4.2.1.6; false for a kind of entry that cannot be listed. */
static bool kind_of(int tag, enum client_name_kind *kind)
{
    enum { TAG_MASK = 0x1f, TAG_EMAIL = 1, TAG_DNS = 2, TAG_URI = 6 };
    tag &= TAG_MASK;
    *kind = tag == TAG_EMAIL ? CLIENT_NAME_EMAIL
            : tag == TAG_DNS ? CLIENT_NAME_DNS
                             : CLIENT_NAME_URI;
    return tag == TAG_EMAIL || tag == TAG_DNS || tag == TAG_URI;
}

static bool is_listed(const struct allow *a, const mbedtls_x509_buf *entry)
{
    enum client_name_kind kind;
    if (!kind_of(entry->tag, &kind))
        return false;
    for (size_t i = 0; i < a->name_count; i++)
        if (allow_name(&a->names[i], kind, (struct tls_slice){entry->p, entry->len}))
            return true;
    return false;
}

bool allow_certificate(const struct allow *a, const mbedtls_x509_crt *crt, const char *subject)
{
    if (a->subject_count + a->name_count == 0)
        return true;
    for (size_t i = 0; i < a->subject_count; i++)
        if (*subject != '\0' && strcmp(a->subjects[i], subject) == 0)
            return true;
    if (!mbedtls_x509_crt_has_ext_type(crt, MBEDTLS_X509_EXT_SUBJECT_ALT_NAME))
        return false;
    for (const mbedtls_x509_sequence *s = &crt->subject_alt_names; s != NULL; s = s->next)
        if (is_listed(a, &s->buf))
            return true;
    return false;
}
