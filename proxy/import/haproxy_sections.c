/* haproxy_sections.c - which section another one means. */
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"

/* plan.sections holds, by "KIND NAME", the first section of that kind and name. For "table NAME"
 * that is the last one of any kind, and for "now NAME" the defaults of that name that count where
 * the reader is. plan.section_defaults are those that count for a section. "ADDRESS WORD" are a
 * section's lines. */

static const char *label(struct plan *p, const char *kind, const char *name)
{
    return pool_format(p->arena, "%s %s", kind, name);
}

/* Of "defaults NAME from OTHER", where NAME may be missing, the OTHER. */
static struct statement *named_before(struct plan *p, const struct statement *defaults)
{
    const size_t from = statement_is(defaults, 2, "from") ? 2 : 1;
    return statement_is(defaults, from, "from")
               ? index_get(&p->sections, label(p, "now", statement_at(defaults, from + 1)))
               : NULL;
}

static const char *line_label(struct plan *p, const struct statement *section, const char *word)
{
    return pool_format(p->arena, "%p %s", (const void *)section, word);
}

static void note_line(struct plan *p, struct statement *s)
{
    const char *word = statement_at(s, 0);
    if (statement_is(s, 0, "acl"))
        word = label(p, word, statement_at(s, 1));
    void **place = index_at(p->arena, &p->sections, line_label(p, s->parent, word));
    struct lines *lines = *place;
    if (lines == NULL)
        *place = lines = pool_alloc(p->arena, sizeof *lines);
    lines->items =
        pool_grow(p->arena, lines->items, lines->count, &lines->room, sizeof *lines->items);
    lines->items[lines->count++] = s;
}

static void note_section(struct plan *p, struct statement *s, struct statement **defaults)
{
    const char *name = statement_at(s, 1);
    struct statement *counts = *defaults;
    index_add(p->arena, &p->sections, label(p, statement_at(s, 0), name), s);
    *index_at(p->arena, &p->sections, label(p, "table", name)) = s;
    if (statement_is(s, 0, "defaults")) {
        counts = named_before(p, s);
        *index_at(p->arena, &p->sections, label(p, "now", name)) = *defaults = s;
    }
    *index_at_pointer(p->arena, &p->section_defaults, s) = counts;
    for (struct statement *line = s->first; line != NULL; line = line->next)
        note_line(p, line);
}

static void know_sections(struct plan *p)
{
    struct statement *defaults = NULL;
    for (size_t i = 0; !p->sections_known && i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next)
            note_section(p, s, &defaults);
    p->sections_known = true;
}

struct statement *haproxy_section(struct plan *p, const char *kind, const char *name)
{
    know_sections(p);
    return index_get(&p->sections, label(p, kind, name));
}

struct statement *haproxy_defaults(struct plan *p, const struct statement *section)
{
    if (!statement_is(section, 0, "defaults") && statement_is(section, 2, "from"))
        return haproxy_section(p, "defaults", statement_at(section, 3));
    know_sections(p);
    return index_get_pointer(&p->section_defaults, section);
}

const struct lines *haproxy_lines(struct plan *p, const struct statement *section, const char *word)
{
    static const struct lines none;
    know_sections(p);
    const struct lines *lines = index_get(&p->sections, line_label(p, section, word));
    return lines == NULL ? &none : lines;
}
