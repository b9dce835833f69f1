/* haproxy_rules.c - acl, tcp-request, and the names in use_backend. Of conditions, only those about
 * the client's address and the name that it asks for are understood: one test, or several joined by
 * "or". */
#include "proxy/import/access.h"
#include "proxy/import/counters.h"
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <stdlib.h>
#include <string.h>

enum about { ABOUT_OTHER, ABOUT_SOURCE, ABOUT_NAME };

struct test {
    enum about about;
    bool negated;
    struct {
        struct asked *items;
        size_t count, room;
    } values;
};

static enum about fetch_about(const char *fetch, bool *end)
{
    *end = strcmp(fetch, "ssl_fc_sni_end") == 0;
    if (strcmp(fetch, "src") == 0)
        return ABOUT_SOURCE;
    return strcmp(fetch, "ssl_fc_sni") == 0 || *end ? ABOUT_NAME : ABOUT_OTHER;
}

static void add_value(struct arena *a, struct test *t, const char *text, bool ends)
{
    t->values.items =
        pool_grow(a, t->values.items, t->values.count, &t->values.room, sizeof *t->values.items);
    t->values.items[t->values.count++] = (struct asked){text, ends};
}

/* FETCH [-i] [-m METHOD] VALUE... up to `stop`, which is not looked at; false: something else. */
static bool add_test(struct arena *a, struct test *t, const struct statement *s, size_t i,
                     size_t stop)
{
    bool end;
    const enum about about = fetch_about(statement_at(s, i), &end);
    if (about == ABOUT_OTHER || (t->about != ABOUT_OTHER && t->about != about))
        return false;
    t->about = about;
    for (i++; i < stop && s->words[i][0] == '-'; i++) {
        if (strcmp(s->words[i], "-m") == 0) {
            i++;
            end = statement_is(s, i, "end");
            if (!end && !statement_is(s, i, "str") && !statement_is(s, i, "ip"))
                return false;
        } else if (strcmp(s->words[i], "-i") != 0 && strcmp(s->words[i], "--") != 0 &&
                   strcmp(s->words[i], "-n") != 0) {
            return false; /* -f: a file of values */
        }
    }
    for (; i < stop; i++)
        add_value(a, t, s->words[i], end && about == ABOUT_NAME);
    return true;
}

static bool add_named(struct plan *p, struct test *t, const struct statement *section,
                      const char *name)
{
    const struct lines *acls = haproxy_lines(p, section, pool_format(p->arena, "acl %s", name));
    for (size_t i = 0; i < acls->count; i++)
        if (!add_test(p->arena, t, acls->items[i], 2, acls->items[i]->count))
            return false;
    return acls->count > 0;
}

static size_t closing(const struct statement *s, size_t i)
{
    while (i < s->count && strcmp(s->words[i], "}") != 0)
        i++;
    return i;
}

/* The condition that begins with word `i`: if or unless. */
static struct test read_condition(struct plan *p, const struct statement *s, size_t i)
{
    struct test t = {.negated = statement_is(s, i, "unless")};
    bool good = i + 1 < s->count, joined = true;
    for (i++; good && i < s->count; i++) {
        const char *word = s->words[i];
        if (strcmp(word, "or") == 0 || strcmp(word, "||") == 0) {
            joined = true;
            continue;
        }
        good = joined; /* two side by side are both to hold */
        joined = false;
        const bool inverted = word[0] == '!';
        if (inverted && good) { /* of one test only */
            t.negated = !t.negated;
            good = t.values.count == 0 && s->count == i + (word[1] == '\0' ? 2U : 1U);
            word = word[1] == '\0' ? statement_at(s, ++i) : word + 1;
        }
        if (good && strcmp(word, "{") == 0) {
            good = add_test(p->arena, &t, s, i + 1, closing(s, i));
            i = closing(s, i);
        } else if (good) {
            good = add_named(p, &t, s->parent, word);
        }
    }
    if (!good)
        t.about = ABOUT_OTHER;
    return t;
}

/* ---- who may connect ---- */

/* reject unless X: only X. */
static void put_rules(struct plan *p, struct plan_route *r, struct statement *s,
                      const struct test *t, bool accepts)
{
    const bool allows = accepts != t->negated;
    for (size_t i = 0; i < t->values.count; i++)
        access_rule(p, r, allows ? "allow" : "deny", t->values.items[i].name, s);
    if (t->negated)
        access_rule(p, r, allows ? "deny" : "allow", "all", s);
}

/* ---- how often ---- */

static const struct statement *find_table(struct plan *p, const struct statement *section,
                                          const char *name)
{
    const struct statement *named = *name == '\0' ? NULL : haproxy_section(p, "table", name);
    if (named != NULL)
        section = named;
    for (const struct statement *s = section->first; s != NULL; s = s->next)
        if (statement_is(s, 0, "stick-table"))
            return s;
    return NULL;
}

/* "10s" of a table that stores conn_rate(10s) of addresses, and nothing else. */
static const char *period_of(struct arena *a, const struct statement *table)
{
    static const char store[] = "conn_rate(";
    for (size_t i = 1; table != NULL && i + 1 < table->count; i++) {
        const char *what = table->words[i + 1], *end = strchr(what, ')');
        if (strcmp(table->words[i], "store") == 0 && strncmp(what, store, sizeof store - 1) == 0 &&
            end != NULL && end[1] == '\0') {
            what += sizeof store - 1;
            return term_duration(a, pool_text(a, what, (size_t)(end - what)), 1);
        }
    }
    return NULL;
}

const char *haproxy_stick_table(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    (void)r;
    return period_of(p->arena, s) != NULL && statement_is(s, 2, "ip") ? NULL : row->why;
}

/* The section whose table FETCH(TABLE) or "track-sc0 src table TABLE" names; "" is this one. */
static const char *table_name(struct arena *a, const struct statement *s, const char *fetch)
{
    const char *open = strchr(fetch, '('), *comma = open == NULL ? NULL : strchr(open, ',');
    if (strncmp(fetch, "src_", 4) == 0 && open != NULL)
        return pool_text(a, open + 1, strcspn(open + 1, ")"));
    if (comma != NULL)
        return pool_text(a, comma + 1, strcspn(comma + 1, ")"));
    for (const struct statement *one = s->parent->first; one != NULL; one = one->next)
        if (strncmp(statement_at(one, 2), "track-sc", 8) == 0 && statement_is(one, 4, "table"))
            return statement_at(one, 5);
    return "";
}

static bool is_rate(const char *fetch)
{
    return strncmp(fetch, "src_conn_rate", 13) == 0 || strncmp(fetch, "sc0_conn_rate", 13) == 0 ||
           strncmp(fetch, "sc_conn_rate(0", 14) == 0;
}

static const char *place_of(struct arena *a, const struct statement *table)
{
    return pool_format(a, "%p", (const void *)table);
}

/* reject if { src_conn_rate gt 30 }; false: it says something else. */
static bool put_rate(struct plan *p, struct plan_route *r, struct statement *s, const char **why)
{
    const char *fetch = statement_at(s, 5), *number = statement_at(s, 7);
    const bool above = statement_is(s, 6, "gt"), from = statement_is(s, 6, "ge");
    if (s->count != 9 || !statement_is(s, 3, "if") || !statement_is(s, 4, "{") || !is_rate(fetch) ||
        (!above && !from) || strlen(number) > 6 || strspn(number, "0123456789") != strlen(number))
        return false;
    const struct statement *table = find_table(p, s->parent, table_name(p->arena, s, fetch));
    const char *period = period_of(p->arena, table);
    const long most = strtol(number, NULL, 10) - (from ? 1 : 0);
    if (period == NULL || most < 1)
        return false;
    if (route_get(r, "connection-rate-per-ip") != NULL) {
        *why = "a route has one such limit, and another line has set it";
        return true;
    }
    *why =
        route_set(p, r, "connection-rate-per-ip", pool_format(p->arena, "%ld/%s", most, period), s);
    route_set(p, r, COUNTED_BY_RATE, place_of(p->arena, table), s);
    return true;
}

static bool tracks_clients(const struct statement *s)
{
    return strncmp(statement_at(s, 2), "track-sc0", 9) == 0 && statement_is(s, 3, "src") &&
           (s->count == 4 || (s->count == 6 && statement_is(s, 4, "table")));
}

/* Who rejects by that table rejects by what comes here as well. */
static void note_tracked(struct plan *p, struct plan_route *r, struct statement *s)
{
    const struct statement *table = find_table(p, s->parent, statement_at(s, 5));
    if (table == NULL)
        return;
    entries_keep(&r->settings, COUNTED_FOR_OTHERS);
    route_put(p, r, COUNTED_FOR_OTHERS, place_of(p->arena, table), s);
}

/* A client that is dropped is not let in either; that it is not told so is all the difference. */
static bool is_reject(const struct statement *s)
{
    return statement_is(s, 2, "reject") || statement_is(s, 2, "silent-drop");
}

/* An accept ends the rules of its own kind (connection, session, content) only; in our lists it
 * would be an exception of those of the others as well. */
static bool rejects_elsewhere(struct plan *p, const struct statement *section,
                              const struct statement *accept)
{
    for (; section != NULL; section = haproxy_defaults(p, section))
        for (const struct statement *s = section->first; s != NULL; s = s->next)
            if (statement_is(s, 0, "tcp-request") && is_reject(s) &&
                !statement_is(s, 1, statement_at(accept, 1)))
                return true;
    return false;
}

/* ---- all of them ---- */

static const char other_condition[] =
    "of conditions, only those about the client's address (src) are known";

/* What says something to other rules, to the log or to the machine only. */
static bool only_notes(const struct statement *s)
{
    static const char *const actions[] = {
        "capture",  "sc-",      "set-bandwidth-limit", "set-fc-mark", "set-fc-tos", "set-log-level",
        "set-mark", "set-nice", "set-priority-",       "set-tos",     "set-var",    "track-sc",
        "unset-var"};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strncmp(statement_at(s, 2), actions[i], strlen(actions[i])) == 0)
            return true;
    return false;
}

/* expect-proxy layer4 [if { src NETWORK }] */
static const char *carry_expected(struct plan *p, struct plan_route *r, struct statement *s)
{
    static const char key[] = "accept-proxy-from";
    if (s->count <= 4)
        return haproxy_expect_header(p, r, s, "expect-proxy");
    const struct test t = read_condition(p, s, 4);
    if (t.about != ABOUT_SOURCE || t.negated)
        return t.negated ? "all but some cannot be said" : other_condition;
    entries_keep(&r->settings, key);
    const char *why = NULL;
    for (size_t i = 0; i < t.values.count && why == NULL; i++)
        why = term_network(p, r, key, t.values.items[i].name, s);
    return why;
}

static const char *carry_access(struct plan *p, struct plan_route *r, struct statement *s)
{
    const bool accepts = statement_is(s, 2, "accept"), always = s->count == 3;
    const struct test t = always ? (struct test){.about = ABOUT_SOURCE} : read_condition(p, s, 3);
    if (t.about != ABOUT_SOURCE || (t.negated && accepts))
        return other_condition;
    if (accepts && rejects_elsewhere(p, r->section, s))
        return "it is no exception of what the other kinds of tcp-request reject, which cannot be "
               "said";
    entries_keep(&r->settings, ACCESS_RULES); /* those of defaults come before the section's */
    if (always)
        access_rule(p, r, accepts ? "allow" : "deny", "all", s);
    else
        put_rules(p, r, s, &t, accepts);
    return NULL;
}

const char *haproxy_tcp_request(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const bool accepts = statement_is(s, 2, "accept"), rejects = is_reject(s);
    const char *why = "of what may be asked of a connection, only the client's address is known";
    if (tracks_clients(s)) {
        note_tracked(p, r, s);
        return NULL;
    }
    if (statement_is(s, 1, "inspect-delay"))
        return "a protocol is never guessed from what clients send";
    if (only_notes(s))
        return why;
    if (statement_is(s, 2, "expect-proxy"))
        why = carry_expected(p, r, s);
    else if ((accepts || rejects) && !(rejects && put_rate(p, r, s, &why)))
        why = carry_access(p, r, s);
    /* An accept that is not understood lets in nobody here. */
    if (why != NULL && !(accepts && why == other_condition))
        route_withhold_for(p, r, s, row->name, why);
    return why;
}

/* ---- PROXY headers ---- */

const char *haproxy_expect_header(struct plan *p, struct plan_route *r, struct statement *from,
                                  const char *word)
{
    route_remark(p, r, "accept-proxy-from is everybody, as with %s: name the balancers only", word);
    return term_network(p, r, "accept-proxy-from", "all", from);
}

void haproxy_settle_header(struct plan *p, struct plan_route *r)
{
    static const char *const keys[] = {ACCESS_RULES, "connection-rate-per-ip"};
    static const char why[] = "rules about connections know the balancer's address there, and "
                              "the client's, which the PROXY header tells, here";
    if (route_get(r, "accept-proxy-from") == NULL)
        return;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct entry *rules = entries_find(&r->settings, keys[i]);
        for (size_t j = 0; rules != NULL && j < rules->count; j++) {
            struct statement *from = rules->values[j].from;
            if (!statement_is(from, 1, "connection"))
                continue;
            statement_lose(p->arena, from, "%s", why);
            route_withhold_for(p, r, from, from->words[0], why);
        }
    }
}

const struct asked *haproxy_names(struct plan *p, struct statement *s, size_t first, size_t *count)
{
    const struct test t = read_condition(p, s, first);
    *count = t.values.count;
    return t.about == ABOUT_NAME && !t.negated ? t.values.items : NULL;
}
