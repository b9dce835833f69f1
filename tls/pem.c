#include "tls/pem.h"

#include "tls/memory.h"

#include <ctype.h>
#include <mbedtls/base64.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define BEGIN  "-----BEGIN "
#define END    "-----END "
#define DASHES "-----"

/* A line that is as long as this and holds only base64 is part of a block. */
enum { BASE64_LINE_MIN = 40 };

struct walk {
    const char *path;
    struct tls_slice rest; /* what follows `line` */
    struct tls_slice line; /* without its end, or what is left of it */
    unsigned number;
    enum { HEAD, HEADERS, CONTENT } part; /* of the block */
    struct err *e;
};

#define NO_BEGIN "put \"-----BEGIN CERTIFICATE-----\" before it, or what the block is"

static int refuse(const struct walk *w, const char *cure, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The reason is about the present line. */
static int refuse(const struct walk *w, const char *cure, const char *format, ...)
{
    char why[300];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    err_set(w->e, "%s line %u: %s", w->path, w->number, why);
    return err_cure(w->e, "%s", cure);
}

/* ---- lines ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct tls_slice after(struct tls_slice s, size_t n)
{
    return (struct tls_slice){s.data + n, s.size - n};
}

static struct tls_slice trimmed(struct tls_slice s)
{
    while (s.size > 0 && is_blank(s.data[0]))
        s = after(s, 1);
    while (s.size > 0 && is_blank(s.data[s.size - 1]))
        s.size--;
    return s;
}

/* False: there is no more. "\r\n" counts as one end. */
static bool next_line(struct walk *w)
{
    size_t n = 0;
    if (w->rest.size == 0)
        return false;
    while (n < w->rest.size && w->rest.data[n] != '\n' && w->rest.data[n] != '\r')
        n++;
    w->line = (struct tls_slice){w->rest.data, n};
    if (n + 1 < w->rest.size && w->rest.data[n] == '\r' && w->rest.data[n + 1] == '\n')
        n++;
    w->rest = after(w->rest, n < w->rest.size ? n + 1 : n);
    w->number++;
    return true;
}

/* Where `text` stands; SIZE_MAX: nowhere. */
static size_t find(struct tls_slice s, const char *text)
{
    const uint8_t *p = s.size > 0 ? memmem(s.data, s.size, text, strlen(text)) : NULL;
    return p != NULL ? (size_t)(p - s.data) : SIZE_MAX;
}

/* Letter case does not count. */
static bool mentions(struct tls_slice s, const char *word)
{
    const size_t n = strlen(word);
    for (size_t at = 0; at + n <= s.size; at++) {
        size_t same = 0;
        while (same < n && toupper(s.data[at + same]) == word[same])
            same++;
        if (same == n)
            return true;
    }
    return false;
}

/* ---- labels ---- */

static bool is_one_of(const char *label, const char *const *list)
{
    for (; *list != NULL; list++)
        if (strcmp(label, *list) == 0)
            return true;
    return false;
}

static bool ends_with(const char *label, const char *end)
{
    const size_t size = strlen(label), n = strlen(end);
    return size >= n && strcmp(label + size - n, end) == 0;
}

/* False: nobody knows it. */
static bool kind_of(const char *label, enum pem_kind *kind)
{
    static const char *const certificates[] = {"CERTIFICATE", "X509 CERTIFICATE",
                                               "TRUSTED CERTIFICATE", NULL};
    static const char *const signed_data[] = {"PKCS7", "CMS", "PKCS #7 SIGNED DATA", NULL};
    static const char *const others[] = {"ATTRIBUTE CERTIFICATE", "ECHCONFIG", NULL};
    *kind = PEM_OTHER;
    if (is_one_of(label, certificates))
        *kind = PEM_CERTIFICATE;
    else if (is_one_of(label, signed_data))
        *kind = PEM_SIGNED_DATA;
    else if (ends_with(label, "PRIVATE KEY"))
        *kind = PEM_PRIVATE_KEY;
    else if (ends_with(label, "CERTIFICATE REQUEST"))
        *kind = PEM_REQUEST;
    else if (strcmp(label, "X509 CRL") == 0)
        *kind = PEM_CRL;
    else if (ends_with(label, "PUBLIC KEY"))
        *kind = PEM_PUBLIC_KEY;
    else
        return ends_with(label, "PARAMETERS") || strncmp(label, "PGP ", 4) == 0 ||
               is_one_of(label, others);
    return true;
}

/* ---- lines that are none of PEM's, but were meant to be ---- */

/* Word processors make one dash of two: U+2010 to U+2015, U+2212. */
static bool begins_with_dash(struct tls_slice s)
{
    return (s.size > 0 && s.data[0] == '-') ||
           (s.size > 2 && memcmp(s.data, "\xe2\x80", 2) == 0 && s.data[2] >= 0x90 &&
            s.data[2] <= 0x95) ||
           (s.size > 2 && memcmp(s.data, "\xe2\x88\x92", 3) == 0);
}

static bool is_base64(uint8_t c)
{
    return isalnum(c) || c == '+' || c == '/' || c == '=';
}

/* DER of more than 127 bytes begins so. */
static bool begins_content(struct tls_slice s)
{
    if (s.size < BASE64_LINE_MIN || memcmp(s.data, "MI", 2) != 0)
        return false;
    for (size_t i = 0; i < s.size; i++)
        if (!is_base64(s.data[i]))
            return false;
    return true;
}

static bool is_spoilt_begin(struct tls_slice s)
{
    return begins_with_dash(s) && mentions(s, "BEGIN") &&
           (mentions(s, "CERT") || mentions(s, "KEY") || mentions(s, "PKCS") || mentions(s, "CRL"));
}

/* A line outside of all blocks. */
static int check_outside(const struct walk *w)
{
    const struct tls_slice s = trimmed(w->line);
    if (find(s, END) != SIZE_MAX)
        return refuse(w, NO_BEGIN,
                      "\"-----END\" without a \"-----BEGIN\" line before it that can be read");
    if (is_spoilt_begin(s))
        return refuse(
            w,
            "five dashes on either side and nothing else: -----BEGIN CERTIFICATE-----, or what "
            "the block is",
            "a \"-----BEGIN\" line is spoilt");
    if (begins_content(s))
        return refuse(w, NO_BEGIN, "base64 without a \"-----BEGIN\" line before it");
    return 0;
}

/* ---- blocks ---- */

/* 1: `line` begins one; 0: it does not; -1: it should. */
static int take_begin(struct walk *w, struct pem_block *b)
{
    const size_t at = find(w->line, BEGIN);
    if (at == SIZE_MAX)
        return check_outside(w);
    const struct tls_slice label = after(w->line, at + strlen(BEGIN));
    const size_t size = find(label, DASHES);
    if (size == SIZE_MAX || size == 0 || size >= PEM_LABEL_SIZE ||
        trimmed(after(label, size + strlen(DASHES))).size > 0)
        return refuse(
            w,
            "put line ends around \"-----BEGIN LABEL-----\", and after every 64 characters "
            "of what follows",
            "more than \"-----BEGIN LABEL-----\" stands in a line with \"-----BEGIN\"");
    *b = (struct pem_block){
        .line = w->number, .whole = after(w->line, at), .body_line = w->number + 1};
    memcpy(b->label, label.data, size);
    if (strcmp(b->label, "PKCS12") == 0) /* as GnuTLS writes it */
        return refuse(w,
                      "make that of it: grep -v -e ----- FILE | base64 -d >FILE.p12; then tlsfront "
                      "key import NAME FILE.p12",
                      "that is PKCS#12 in base64");
    if (!kind_of(b->label, &b->kind))
        return refuse(
            w,
            "a certificate stands under CERTIFICATE, a private key under PRIVATE KEY, a revocation "
            "list under X509 CRL: correct the label, or take that block out",
            "\"-----BEGIN %s-----\" is not known here", b->label);
    return 1;
}

/* Headers (RFC 1421) come first, and an empty line ends them. */
static void pass_headers(struct walk *w, struct pem_block *b)
{
    const bool empty = trimmed(w->line).size == 0;
    if (w->part == HEAD && !empty)
        w->part = find(w->line, ":") != SIZE_MAX ? HEADERS : CONTENT;
    if (w->part != HEADERS)
        return;
    if (find(w->line, "Proc-Type") != SIZE_MAX && find(w->line, "ENCRYPTED") != SIZE_MAX)
        b->encrypted = true;
    if (empty)
        w->part = CONTENT;
    b->body = w->rest;
    b->body_line = w->number + 1;
}

/* What is left of the line behind the END goes on as a line: cat(1) puts a BEGIN there. */
static int take_end(struct walk *w, struct pem_block *b, size_t at)
{
    char end[PEM_LABEL_SIZE + 16];
    const size_t size = (size_t)snprintf(end, sizeof end, END "%s-----", b->label);
    const struct tls_slice here = after(w->line, at);
    if (here.size < size || memcmp(here.data, end, size) != 0)
        return refuse(w, "give the file as it was made",
                      "\"-----BEGIN %s-----\" of line %u has to be ended by \"%s\"", b->label,
                      b->line, end);
    b->body.size = (size_t)(here.data - b->body.data);
    w->line = after(here, size);
    b->whole.size = (size_t)(w->line.data - b->whole.data);
    return 1;
}

/* 1: `line` ends the block; 0: it does not. */
static int take_inside(struct walk *w, struct pem_block *b)
{
    const size_t end = find(w->line, END);
    if (end != SIZE_MAX)
        return take_end(w, b, end);
    if (begins_with_dash(trimmed(w->line)))
        return refuse(w, "give the file as it was made",
                      "that is no end of the block of line %u, which is cut short or spoilt: "
                      "\"-----END %s-----\" has to stand behind it",
                      b->line, b->label);
    pass_headers(w, b);
    return 0;
}

static int take_block(struct walk *w, struct pem_block *b)
{
    int r = 0;
    b->body = w->rest;
    w->part = HEAD;
    while (r == 0) {
        if (!next_line(w))
            return refuse(w, "give the whole file",
                          "the file is cut short: \"-----BEGIN %s-----\" of line %u has no "
                          "\"-----END %s-----\" behind it",
                          b->label, b->line, b->label);
        r = take_inside(w, b);
    }
    b->encrypted = b->encrypted || strcmp(b->label, "ENCRYPTED PRIVATE KEY") == 0;
    return r < 0 ? -1 : 0;
}

/* A block may begin where another has ended. */
static int walk_line(struct walk *w, pem_block_fn *found, void *arg, int *count)
{
    struct pem_block b;
    int r;
    while ((r = take_begin(w, &b)) == 1) {
        if (take_block(w, &b) != 0 || found(arg, &b, w->e) != 0)
            return -1;
        ++*count;
    }
    return r;
}

static bool is_utf16(struct tls_slice file)
{
    const uint8_t *p = file.data;
    return file.size >= 4 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff) ||
                              (p[0] == 0 && p[1] != 0 && p[2] == 0 && p[3] != 0) ||
                              (p[0] != 0 && p[1] == 0 && p[2] != 0 && p[3] == 0));
}

bool pem_is_der(struct tls_slice file)
{
    return file.size > 4 && file.data[0] == 0x30 &&
           (file.data[1] >= 0x80 || file.data[1] + (size_t)2 == file.size);
}

int pem_walk(struct tls_slice file, const char *path, pem_block_fn *found, void *arg, struct err *e)
{
    struct walk w = {.path = path, .rest = file, .e = e};
    int count = 0;
    if (is_utf16(file)) {
        err_set(e, "%s is text in UTF-16", path);
        return err_cure(e, "save it as ASCII or UTF-8: iconv -f UTF-16 -t ASCII FILE >FILE.new");
    }
    while (next_line(&w))
        if (walk_line(&w, found, arg, &count) != 0)
            return -1;
    return count;
}

/* ---- content ---- */

/* The characters that count; -1: one that is none of base64. */
static int gather(const struct pem_block *b, const char *path, uint8_t *text, size_t *size,
                  struct err *e)
{
    unsigned line = b->body_line;
    *size = 0;
    for (size_t i = 0; i < b->body.size; i++) {
        const uint8_t c = b->body.data[i];
        line += c == '\n' || (c == '\r' && (i + 1 == b->body.size || b->body.data[i + 1] != '\n'));
        if (is_base64(c))
            text[(*size)++] = c;
        else if (!is_blank(c)) {
            err_set(e,
                    "%s line %u: what stands under \"-----BEGIN %s-----\" is damaged: it holds the "
                    "byte 0x%02x, which is not base64",
                    path, line, b->label, c);
            return err_cure(e, "give the file as it was made");
        }
    }
    return 0;
}

static uint8_t *decode(const struct pem_block *b, const char *path, const uint8_t *text,
                       size_t text_size, size_t *size, struct err *e)
{
    uint8_t *der = memory_calloc(1, text_size + 1);
    if (der == NULL) {
        err_set(e, "%s: out of memory", path);
        return NULL;
    }
    if (mbedtls_base64_decode(der, text_size, size, text, text_size) == 0 && *size > 0)
        return der;
    memory_wipe_free(der, text_size + 1);
    err_set(e, "%s line %u: what stands under \"-----BEGIN %s-----\" is damaged: it is %s", path,
            b->line, b->label, text_size > 0 ? "not base64" : "empty");
    err_cure(e, "give the file as it was made");
    return NULL;
}

uint8_t *pem_decode(const struct pem_block *b, const char *path, size_t *size, struct err *e)
{
    uint8_t *text = memory_calloc(1, b->body.size + 1), *der = NULL;
    size_t text_size;
    if (text == NULL)
        err_set(e, "%s: out of memory", path);
    else if (gather(b, path, text, &text_size, e) == 0)
        der = decode(b, path, text, text_size, size, e);
    memory_wipe_free(text, b->body.size + 1);
    return der;
}
