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

const char rows_unknown[] = "tlsfront import does not know this, here";

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
    static const struct row unknown = {.why = rows_unknown, .flags = ROW_GUARDS};
    const struct row *row = rows_find(rows, s->words[0]);
    s->carried = true;
    if (row == NULL)
        row = &unknown;
    s->secret = (row->flags & ROW_SECRET) != 0;
    const char *why = row->carry != NULL ? row->carry(p, r, s, row) : row->why;
    if (why == NULL)
        return;
    statement_lose(p->arena, s, "%s", why);
    if ((row->flags & ROW_GUARDS) != 0)
        route_withhold_for(p, r, s, s->words[0], why);
}

void rows_apply_all(struct plan *p, struct plan_route *r, struct statement *block,
                    const struct row *rows)
{
    for (struct statement *s = block->first; s != NULL; s = s->next)
        if (!s->is_block && !s->carried)
            rows_apply(p, r, s, rows);
}

void rows_lose_block(struct plan *p, struct plan_route *r, struct statement *block)
{
    static const char why[] = "tlsfront import does not know this block";
    statement_lose(p->arena, block, "%s", why);
    route_withhold_for(p, r, block, block->words[0], why);
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

/* Those that only say how TLS is spoken. Others change who is let in: VerifyMode, VerifyCAFile. */
static bool is_harmless(const char *command)
{
    static const char *const harmless[] = {"CipherString",   "Ciphersuites",
                                           "Curves",         "DHParameters",
                                           "ECDHParameters", "Groups",
                                           "MaxProtocol",    "MinProtocol",
                                           "NumTickets",     "Options",
                                           "Protocol",       "RecordPadding",
                                           "ServerInfoFile", "TxCertificateCompression"};
    for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
        if (strncasecmp(command, harmless[i], strlen(harmless[i])) == 0)
            return true;
    return strcasestr(command, "SignatureAlgorithms") != NULL;
}

const char *carry_openssl(struct plan *p, struct plan_route *r, struct statement *s,
                          const struct row *row)
{
    static const char why[] = "a matter of OpenSSL, which tlsfront does not use";
    const char *command = statement_at(s, 1);
    (void)row;
    if (!is_harmless(command))
        route_withhold_for(p, r, s, command, why);
    return why;
}
