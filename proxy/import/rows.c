/* rows.c - tables, and what many rows do. */
#include "proxy/import/rows.h"
#include "proxy/import/files.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool names(const struct row *row, const char *name)
{
    const size_t size = strlen(row->name);
    if (row->name[size - 1] == '*')
        return strncasecmp(row->name, name, size - 1) == 0;
    return strcasecmp(row->name, name) == 0;
}

const struct row *rows_find(const struct row *rows, const char *name)
{
    for (; rows->name != NULL; rows++)
        if (names(rows, name))
            return rows;
    return NULL;
}

void rows_apply(struct plan *p, struct plan_route *r, struct statement *s, const struct row *rows)
{
    const struct row *row = rows_find(rows, s->words[0]);
    s->carried = true;
    if (row == NULL) {
        statement_lose(p->arena, s, "tlsfront import does not know this, here");
        return;
    }
    s->secret = (row->flags & ROW_SECRET) != 0;
    const char *why = row->carry != NULL ? row->carry(p, r, s, row) : row->why;
    if (why == NULL)
        return;
    statement_lose(p->arena, s, "%s", why);
    if ((row->flags & ROW_GUARDS) != 0 && r != NULL)
        route_withhold(p, r, "%s:%d: %s: %s", s->file, s->line, s->words[0], why);
}

void rows_apply_all(struct plan *p, struct plan_route *r, struct statement *block,
                    const struct row *rows)
{
    for (struct statement *s = block->first; s != NULL; s = s->next)
        if (!s->is_block && !s->carried)
            rows_apply(p, r, s, rows);
}

const char *carry_text(struct plan *p, struct plan_route *r, struct statement *s,
                       const struct row *row)
{
    return route_set(p, r, row->key, statement_at(s, 1), s);
}

const char *carry_seconds(struct plan *p, struct plan_route *r, struct statement *s,
                          const struct row *row)
{
    return term_time(p, r, row->key, statement_at(s, 1), 1000, s);
}

const char *carry_ms(struct plan *p, struct plan_route *r, struct statement *s,
                     const struct row *row)
{
    return term_time(p, r, row->key, statement_at(s, 1), 1, s);
}

const char *carry_switch(struct plan *p, struct plan_route *r, struct statement *s,
                         const struct row *row)
{
    return route_set(p, r, row->key, term_is_on(statement_at(s, 1)) ? "on" : "off", s);
}

const char *carry_number(struct plan *p, struct plan_route *r, struct statement *s,
                         const struct row *row)
{
    const char *text = statement_at(s, 1);
    const unsigned long number = strtoul(text, NULL, 10);
    if (strspn(text, "0123456789") != strlen(text) || number > 10000000)
        return pool_format(p->arena, "\"%s\" is no number from 0 to 10000000", text);
    return route_set(p, r, row->key, pool_format(p->arena, "%lu", number), s);
}

const char *carry_path(struct plan *p, struct plan_route *r, struct statement *s,
                       const struct row *row)
{
    return route_set(p, r, row->key, files_absolute(p->arena, p->cwd, statement_at(s, 1)), s);
}

const char *carry_global_path(struct plan *p, struct plan_route *r, struct statement *s,
                              const struct row *row)
{
    (void)r;
    return plan_global(p, row->key, files_absolute(p->arena, p->cwd, statement_at(s, 1)), s);
}

const char *carry_protocols(struct plan *p, struct plan_route *r, struct statement *s,
                            const struct row *row)
{
    unsigned oldest = 0, newest = 0;
    (void)row;
    for (size_t i = 1; i < s->count; i++) {
        const unsigned version = term_version(s->words[i]);
        if (version == 0)
            return pool_format(p->arena, "\"%s\" is no version of TLS", s->words[i]);
        oldest = oldest == 0 || version < oldest ? version : oldest;
        newest = version > newest ? version : newest;
    }
    return term_versions(p, r, oldest, newest, s);
}

const char *carry_ciphers(struct plan *p, struct plan_route *r, struct statement *s,
                          const struct row *row)
{
    (void)row;
    return term_ciphers(p, r, statement_at(s, 1), s);
}

const char *carry_suites(struct plan *p, struct plan_route *r, struct statement *s,
                         const struct row *row)
{
    (void)row;
    return term_ciphersuites(p, r, statement_at(s, 1), s);
}

const char *carry_groups(struct plan *p, struct plan_route *r, struct statement *s,
                         const struct row *row)
{
    (void)row;
    return term_groups(p, r, statement_at(s, 1), s);
}

const char *carry_global(struct plan *p, struct plan_route *r, struct statement *s,
                         const struct row *row)
{
    (void)r;
    return plan_global(p, row->key, statement_at(s, 1), s);
}

const char *carry_workers(struct plan *p, struct plan_route *r, struct statement *s,
                          const struct row *row)
{
    const char *text = statement_at(s, 1);
    const unsigned long number = strtoul(text, NULL, 10);
    (void)r;
    (void)row;
    if (strcmp(text, "auto") != 0 &&
        (strspn(text, "0123456789") != strlen(text) || number < 1 || number > 256))
        return "tlsfront has from 1 to 256 workers";
    return plan_global(p, "workers", text, s);
}

const char *carry_user(struct plan *p, struct plan_route *r, struct statement *s,
                       const struct row *row)
{
    const char *name = statement_at(s, 1);
    const struct passwd *user = getpwnam(name);
    (void)r;
    (void)row;
    if (user == NULL || user->pw_uid == 0)
        return "workers run as a user who is there, by its name, and who is not root";
    const gid_t own = user->pw_gid; /* the next call may overwrite it */
    const struct group *group = s->count > 2 ? getgrnam(s->words[2]) : NULL;
    if (s->count > 2 && (group == NULL || group->gr_gid != own))
        statement_lose(p->arena, s, "workers take the primary group of their user");
    return plan_global(p, "user", name, s);
}

const char *carry_group(struct plan *p, struct plan_route *r, struct statement *s,
                        const struct row *row)
{
    const char *name = statement_at(s, 1);
    const struct group *group = getgrnam(name);
    const struct passwd *user = getpwnam(name);
    (void)p;
    (void)r;
    (void)row;
    return group != NULL && user != NULL && group->gr_gid == user->pw_gid
               ? NULL
               : "workers take the primary group of their user";
}

const char *carry_if_on(struct plan *p, struct plan_route *r, struct statement *s,
                        const struct row *row)
{
    (void)p;
    (void)r;
    return term_is_on(statement_at(s, 1)) ? NULL : row->why;
}

const char *carry_if_off(struct plan *p, struct plan_route *r, struct statement *s,
                         const struct row *row)
{
    (void)p;
    (void)r;
    return term_is_off(statement_at(s, 1)) ? NULL : row->why;
}

const char *carry_later(struct plan *p, struct plan_route *r, struct statement *s,
                        const struct row *row)
{
    return route_put(p, r, row->key, statement_at(s, 1), s);
}
