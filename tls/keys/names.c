/* names.c - the names that a request asks for */
#include "tls/keys/inner.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { NAME_MAX_SIZE = 253, LABEL_MAX = 63 };

/* 4 or 16; 0: it is no address. */
static size_t parse_address(const char *name, uint8_t bytes[16])
{
    if (inet_pton(AF_INET, name, bytes) == 1)
        return 4;
    return inet_pton(AF_INET6, name, bytes) == 1 ? 16 : 0;
}

/* ---- host names (RFC 1034 3.1, RFC 1123 2.1) ---- */

static int refuse_other(const char *name, struct err *e)
{
    return err_set(e,
                   "\"%.80s\" is neither a host name nor an IP address; write it as in "
                   "mail.example.org",
                   name);
}

static int check_label(const char *name, const char *label, size_t size, struct err *e)
{
    if (size == 0)
        return refuse_other(name, e);
    if (size > LABEL_MAX)
        return err_set(e,
                       "a label of a host name, from dot to dot, has %d characters at most, and "
                       "\"%.20s...\" has %zu",
                       LABEL_MAX, label, size);
    if (label[0] == '-' || label[size - 1] == '-')
        return err_set(e, "\"%.*s\" in \"%.80s\" %s with a hyphen, which no host name may",
                       (int)size, label, name, label[0] == '-' ? "begins" : "ends");
    return 0;
}

static int check_labels(const char *name, const char *host, struct err *e)
{
    for (const char *label = host;; label++) {
        const size_t size = strcspn(label, ".");
        if (check_label(name, label, size, e) != 0)
            return -1;
        if (label[size] == '\0')
            return strspn(label, "0123456789") < size
                       ? 0
                       : err_set(e,
                                 "\"%.80s\" ends with a number, as an IP address does, and is none",
                                 name);
        label += size;
    }
}

int keys_check_name(const char *name, struct err *e)
{
    uint8_t ignored[16];
    if (parse_address(name, ignored) > 0)
        return 0;
    const bool wildcard = strncmp(name, "*.", 2) == 0;
    const char *host = wildcard ? name + 2 : name;
    const size_t size = strlen(name);
    for (const char *p = name; *p != '\0'; p++)
        if ((unsigned char)*p >= 0x80)
            return err_set(e,
                           "\"%.80s\" is not in ASCII; write it as DNS knows it, with xn-- (`idn2 "
                           "NAME` tells)",
                           name);
    if (size > NAME_MAX_SIZE)
        return err_set(e, "a host name has %d characters at most, and \"%.20s...\" has %zu",
                       NAME_MAX_SIZE, name, size);
    if (!names_plain(host, strlen(host)))
        return refuse_other(name, e);
    if (check_labels(name, host, e) != 0)
        return -1;
    if (wildcard && strchr(host, '.') == NULL)
        return err_set(e, "\"%s\" covers a whole top-level domain, which no client accepts", name);
    return 0;
}

/* Whatever else is in the certificate, it could not be sent. */
static int check_size(const struct keys_san *san, size_t count, struct err *e)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += san->node[i].node.san.unstructured_name.len;
    if (size <= TLS_CHAIN_MAX)
        return 0;
    err_set(e,
            "the names alone take %zu bytes of a certificate, and %d is the most that can be sent "
            "in a handshake",
            size, TLS_CHAIN_MAX);
    return err_cure(e, "ask for two certificates, each with some of the names");
}

int keys_san_fill(struct keys_san *san, const struct keys_names *names, struct err *e)
{
    memset(san, 0, sizeof *san);
    if (names->count == 0)
        return err_set(e, "there is no host name");
    if (names->count > KEYS_NAMES_MAX)
        return err_set(e, "%zu names are too many; one request takes %d", names->count,
                       KEYS_NAMES_MAX);
    for (size_t i = 0; i < names->count; i++) {
        if (keys_check_name(names->names[i], e) != 0)
            return -1;
        mbedtls_x509_san_list *node = &san->node[i];
        size_t address = parse_address(names->names[i], san->address[i]);
        node->node.type = address > 0 ? MBEDTLS_X509_SAN_IP_ADDRESS : MBEDTLS_X509_SAN_DNS_NAME;
        mbedtls_x509_buf *name = &node->node.san.unstructured_name;
        name->p = address > 0 ? san->address[i] : (unsigned char *)names->names[i];
        name->len = address > 0 ? address : strlen(names->names[i]);
        node->next = i > 0 ? &san->node[i - 1] : NULL; /* mbedTLS writes the last one first */
    }
    return check_size(san, names->count, e);
}
