/* haproxy_crt.c - where haproxy finds certificates and keys. */
#include "proxy/import/files.h"
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"
#include "proxy/import/syntax.h"

#include <string.h>

const char *haproxy_based(struct plan *p, const char *key, const char *path)
{
    const char *base = entries_get(&p->globals, key);
    return files_absolute(p->arena, base != NULL ? base : p->cwd, path);
}

static bool ends(const char *text, const char *end)
{
    const size_t size = strlen(text), wanted = strlen(end);
    return size >= wanted && strcmp(text + size - wanted, end) == 0;
}

/* The key may lie beside the certificate: FILE.key, or NAME.key of NAME.crt. */
static const char *key_beside(struct plan *p, const char *path)
{
    if (files_have_key(path))
        return NULL;
    const char *beside = pool_format(p->arena, "%s.key", path);
    if (files_exist(beside))
        return beside;
    if (!ends(path, ".crt"))
        return NULL;
    beside = pool_format(p->arena, "%.*s.key", (int)(strlen(path) - 4), path);
    return files_exist(beside) ? beside : NULL;
}

static void put_certificate(struct plan *p, struct plan_route *r, struct statement *s,
                            const char *path)
{
    route_put(p, r, "certificate", plan_certificate(p, path, key_beside(p, path), NULL), s);
}

/* NAME stands for NAME.ecdsa and NAME.rsa where it is not there itself. */
static void put_bundle(struct plan *p, struct plan_route *r, struct statement *s, const char *path)
{
    static const char *const kinds[] = {"ecdsa", "rsa"};
    bool any = false;
    for (size_t i = 0; !files_exist(path) && i < 2; i++) {
        const char *one = pool_format(p->arena, "%s.%s", path, kinds[i]);
        if (!files_exist(one))
            continue;
        put_certificate(p, r, s, one);
        any = true;
    }
    if (!any)
        put_certificate(p, r, s, path);
}

static void put_directory(struct plan *p, struct plan_route *r, struct statement *s,
                          const char *path)
{
    static const char *const beside[] = {".issuer", ".ocsp", ".sctl", ".key", ".dh"};
    const struct paths files = files_in(p->arena, path);
    size_t count = 0;
    for (size_t i = 0; i < files.count; i++) {
        bool other = false;
        for (size_t j = 0; j < sizeof beside / sizeof *beside; j++)
            other |= ends(files.items[i], beside[j]);
        if (!other)
            put_certificate(p, r, s, files.items[i]);
        count += other ? 0U : 1U;
    }
    if (count == 0)
        statement_lose(p->arena, s, "%s: no certificate is there", path);
}

const char *haproxy_crt(struct plan *p, struct plan_route *r, struct statement *s,
                        const char *value, const char *key)
{
    const char *path = haproxy_based(p, ".crt-base", value);
    (void)key;
    if (files_is_directory(path))
        put_directory(p, r, s, path);
    else
        put_bundle(p, r, s, path);
    return NULL;
}

/* FILE [options] names... */
static void take_list_line(struct plan *p, struct plan_route *r, struct statement *s,
                           struct statement *line)
{
    put_bundle(p, r, s, haproxy_based(p, ".crt-base", line->words[0]));
    for (size_t i = 1; i < line->count; i++) {
        const char *word = line->words[i];
        statement_lose(p->arena, s, "%s:%d: %s: %s", line->file, line->line, word,
                       word[0] == '[' ? "options of one certificate cannot be said"
                                      : "a certificate serves the names that are in it");
        if (word[0] != '[')
            continue;
        route_withhold_for(p, r, s, "crt-list", "options of one certificate cannot be said");
        while (i < line->count && strcmp(line->words[i], "]") != 0)
            i++;
    }
}

const char *haproxy_crt_list(struct plan *p, struct plan_route *r, struct statement *s,
                             const char *value, const char *key)
{
    const char *path = files_absolute(p->arena, p->cwd, value);
    const struct origin at = {.file = s->file, .line = s->line};
    struct diags d = {0};
    size_t size = 0;
    struct statement *list = statement_file(p->arena, path);
    const char *text = files_read(p->arena, path, &at, &size, &d), *why = NULL;
    (void)key;
    if (text == NULL || !syntax_crt_list(p->arena, text, size, list, &d))
        why = pool_format(p->arena, "%s", d.count > 0 ? d.items[0].cause : "it cannot be read");
    for (struct statement *line = list->first; why == NULL && line != NULL; line = line->next)
        take_list_line(p, r, s, line);
    diags_free(&d);
    return why;
}
