/* write.c - the only place that knows how our configuration is written. */
#include "proxy/import/write.h"

#include "config/schema.h"
#include "config/utf8.h"

#include <string.h>

/* ---- values ---- */

bool write_can(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++)
        if ((*c < ' ' && *c != '\t') || *c == 127)
            return false;
    return true;
}

bool write_value(const char *text, struct buf *out)
{
    static const char bare[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    if (!write_can(text))
        return false;
    if (*text != '\0' && strspn(text, bare) == strlen(text)) {
        buf_puts(out, text);
        return true;
    }
    const char quote = strstr(text, "${") != NULL ? '\'' : '"';
    buf_put(out, &quote, 1);
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == quote)
            buf_puts(out, "\\");
        buf_put(out, text, 1);
    }
    buf_put(out, &quote, 1);
    return true;
}

struct page {
    struct buf *out;
    const char *before; /* "# " where all is a comment */
};

static void write_setting(const struct page *p, const char *indent, const struct entry *s)
{
    buf_printf(p->out, "%s%s%s = ", p->before, indent, s->key);
    buf_puts(p->out, s->count > 1 ? "{" : "");
    for (size_t i = 0; i < s->count; i++) {
        buf_puts(p->out, i > 0 ? ", " : "");
        write_value(s->values[i].text, p->out);
    }
    buf_puts(p->out, s->count > 1 ? "}\n" : "\n");
}

/* In the order of the manual. */
static void write_settings(const struct page *p, enum scope scope, const char *indent,
                           const struct entries *s)
{
    for (const struct key *key = schema_keys(scope); key->name != NULL; key++) {
        const struct entry *one = entries_find(s, key->name);
        if (one != NULL)
            write_setting(p, indent, one);
    }
}

/* ---- comments ---- */

/* What was written by others may hold anything; in a comment it must not end it. */
static void write_comment(struct buf *out, const char *text)
{
    buf_puts(out, "# ");
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0';) {
        const size_t size = *c < ' ' || *c == 127 ? 0 : utf8_length(c, SIZE_MAX);
        if (size > 0)
            buf_put(out, c, size);
        else
            buf_printf(out, "\\x%02x", *c);
        c += size > 0 ? size : 1;
    }
    buf_puts(out, "\n");
}

static void write_lost(struct buf *out, const struct statement *s)
{
    struct buf line;
    buf_init(&line, 65536);
    buf_printf(&line, "%s:%d", s->file, s->line);
    if (s->last_line > s->line)
        buf_printf(&line, "-%d", s->last_line);
    buf_printf(&line, ": %s: %s", s->secret ? s->words[0] : s->text, s->why);
    buf_put(&line, "", 1);
    write_comment(out, line.failed ? "out of memory" : (const char *)line.data);
    out->failed = out->failed || line.failed;
    buf_free(&line);
}

/* In a section of a route; it is told there. */
static bool in_section(const struct index *sections, const struct statement *s)
{
    for (; s != NULL; s = s->parent)
        if (index_get_pointer(sections, s) != NULL)
            return true;
    return false;
}

static const char heading[] = "# Not carried over:\n";

static void write_lost_of_all(struct plan *p, struct buf *out)
{
    struct index sections = {0};
    bool any = false;
    for (struct plan_route *r = p->routes; r != NULL; r = r->next)
        *index_at_pointer(p->arena, &sections, r->section) = r;
    for (size_t i = 0; i < p->file_count; i++) {
        struct statement *s = p->files[i];
        while ((s = statement_walk(p->files[i], s, true)) != NULL) {
            if (s->why == NULL || in_section(&sections, s))
                continue;
            buf_puts(out, any ? "" : heading);
            any = true;
            write_lost(out, s);
        }
    }
    buf_puts(out, any ? "\n" : "");
}

static void write_lost_of(struct buf *out, struct statement *section)
{
    struct statement *s = section;
    bool any = false;
    do {
        if (s->why == NULL)
            continue;
        buf_puts(out, any ? "" : heading);
        any = true;
        write_lost(out, s);
    } while ((s = statement_walk(section, s, true)) != NULL);
    buf_puts(out, any ? "\n" : "");
}

/* ---- blocks ---- */

static void use(struct plan *p, struct index *used, const struct entries *s, const char *key)
{
    const struct entry *names = entries_find(s, key);
    for (size_t i = 0; names != NULL && i < names->count; i++)
        index_add(p->arena, used, names->values[i].text, (void *)names);
}

/* The certificates of routes that are served, also towards a server. */
static struct index used_certificates(struct plan *p)
{
    struct index used = {0};
    for (struct plan_route *r = p->routes; r != NULL; r = r->next) {
        if (r->withheld != NULL)
            continue;
        use(p, &used, &r->settings, "certificate");
        use(p, &used, &r->settings, "upstream-certificate");
        for (size_t i = 0; i < r->name_count; i++) {
            use(p, &used, &r->names[i].settings, "certificate");
            use(p, &used, &r->names[i].settings, "upstream-certificate");
        }
    }
    return used;
}

static void write_path(const struct page *p, const char *key, const char *path)
{
    if (path == NULL)
        return;
    buf_printf(p->out, "%s    %s = ", p->before, key);
    write_value(path, p->out);
    buf_puts(p->out, "\n");
}

/* One that only withheld routes have is withheld with them. */
static void write_certificate(const struct plan_certificate *c, bool used, struct buf *out)
{
    const struct page page = {out, used ? "" : "# "};
    buf_printf(out, "%scertificate %s {\n", page.before, c->name);
    write_path(&page, "chain", c->chain);
    write_path(&page, "key", c->key);
    write_path(&page, "passphrase-file", c->passphrase);
    buf_printf(out, "%s}\n\n", page.before);
}

static void write_names(const struct page *page, const struct plan_route *r)
{
    enum scope scope;
    if (!schema_scope_by_name("server-name", &scope))
        return;
    for (size_t i = 0; i < r->name_count; i++) {
        buf_printf(page->out, "%s    server-name \"%s\" {\n", page->before, r->names[i].name);
        write_settings(page, scope, "        ", &r->names[i].settings);
        buf_printf(page->out, "%s    }\n", page->before);
    }
}

static void write_route(const struct plan_route *r, struct buf *out)
{
    const struct page page = {out, r->withheld != NULL ? "# " : ""};
    for (size_t i = 0; i < r->remark_count; i++)
        write_comment(out, r->remarks[i]);
    if (r->withheld != NULL) {
        buf_puts(out, "# Withheld, since it would not be the same:\n");
        write_comment(out, r->withheld);
    }
    buf_printf(out, "%sroute %s {\n", page.before, r->name);
    write_settings(&page, SCOPE_ROUTE, "    ", &r->settings);
    write_names(&page, r);
    buf_printf(out, "%s}\n\n", page.before);
}

static void write_head(const struct plan *p, struct buf *out)
{
    buf_printf(out,
               "# Made by tlsfront import %s. Every line that was not carried over is told "
               "with the reason.\n",
               p->peer);
    for (size_t i = 0; i < p->file_count; i++)
        write_comment(out, p->files[i]->file);
    for (size_t i = 0; i < p->remark_count; i++)
        write_comment(out, p->remarks[i]);
    buf_puts(out, "\n");
}

void write_plan(struct plan *p, struct buf *out)
{
    const struct page page = {out, ""};
    const struct index used = used_certificates(p);
    write_head(p, out);
    write_lost_of_all(p, out);
    write_settings(&page, SCOPE_GLOBAL, "", &p->globals);
    buf_puts(out, p->globals.count > 0 ? "\n" : "");
    for (const struct plan_certificate *c = p->certificates; c != NULL; c = c->next)
        write_certificate(c, index_get(&used, c->name) != NULL, out);
    const struct statement *section = NULL;
    for (const struct plan_route *r = p->routes; r != NULL; r = r->next) {
        if (r->section != section)
            write_lost_of(out, r->section);
        section = r->section;
        write_route(r, out);
    }
}
