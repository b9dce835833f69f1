/* haproxy_sections.c - which section another one means. */
#include "proxy/import/haproxy.h"

struct statement *haproxy_section(const struct plan *p, const char *kind, const char *name)
{
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next)
            if (statement_is(s, 0, kind) && statement_is(s, 1, name))
                return s;
    return NULL;
}

/* Of "defaults NAME from OTHER", where NAME may be missing, the OTHER. */
static struct statement *named_before(const struct plan *p, const struct statement *defaults)
{
    const size_t from = statement_is(defaults, 2, "from") ? 2 : 1;
    struct statement *found = NULL;
    if (!statement_is(defaults, from, "from"))
        return NULL;
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next) {
            if (s == defaults)
                return found;
            if (statement_is(s, 0, "defaults") &&
                statement_is(s, 1, statement_at(defaults, from + 1)))
                found = s;
        }
    return found;
}

struct statement *haproxy_defaults(const struct plan *p, const struct statement *section)
{
    struct statement *last = NULL;
    if (statement_is(section, 0, "defaults"))
        return named_before(p, section);
    if (statement_is(section, 2, "from"))
        return haproxy_section(p, "defaults", statement_at(section, 3));
    for (size_t i = 0; i < p->file_count; i++)
        for (struct statement *s = p->files[i]->first; s != NULL; s = s->next) {
            if (s == section)
                return last;
            if (statement_is(s, 0, "defaults"))
                last = s;
        }
    return last;
}
