/* haproxy_rules.c - acl, tcp-request, and the names in use_backend. Of conditions, only those about
 * the client's address and the name that it asks for are understood: one test, or several joined by
 * "or". */
#include "proxy/import/access.h"
#include "proxy/import/haproxy.h"
#include "proxy/import/pool.h"
#include "proxy/import/terms.h"

#include <string.h>

enum about { ABOUT_OTHER, ABOUT_SOURCE, ABOUT_NAME };

struct test {
    enum about about;
    bool negated;
    struct {
        const char **items;
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

static void add_value(struct arena *a, struct test *t, const char *text, bool end)
{
    if (end)
        text = pool_format(a, "*%s%s", text[0] == '.' ? "" : ".", text);
    t->values.items =
        pool_grow(a, t->values.items, t->values.count, &t->values.room, sizeof *t->values.items);
    t->values.items[t->values.count++] = text;
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
            end |= statement_is(s, i, "end");
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

static bool add_named(struct arena *a, struct test *t, const struct statement *section,
                      const char *name)
{
    bool any = false;
    for (const struct statement *s = section->first; s != NULL; s = s->next) {
        if (!statement_is(s, 0, "acl") || !statement_is(s, 1, name))
            continue;
        if (!add_test(a, t, s, 2, s->count))
            return false;
        any = true;
    }
    return any;
}

static size_t closing(const struct statement *s, size_t i)
{
    while (i < s->count && strcmp(s->words[i], "}") != 0)
        i++;
    return i;
}

/* The condition that begins with word `i`: if or unless. */
static struct test read_condition(struct arena *a, const struct statement *s, size_t i)
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
            good = add_test(a, &t, s, i + 1, closing(s, i));
            i = closing(s, i);
        } else if (good) {
            good = add_named(a, &t, s->parent, word);
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
        access_rule(p, r, allows ? "allow" : "deny", t->values.items[i], s);
    if (t->negated)
        access_rule(p, r, allows ? "deny" : "allow", "all", s);
}

const char *haproxy_tcp_request(struct plan *p, struct plan_route *r, struct statement *s,
                                const struct row *row)
{
    const bool accepts = statement_is(s, 2, "accept"), rejects = statement_is(s, 2, "reject");
    (void)row;
    if (statement_is(s, 1, "inspect-delay"))
        return "a protocol is never guessed from what clients send";
    if (!accepts && !rejects)
        return "of what may be asked of a connection, only the client's address is known";
    if (s->count == 3) {
        access_rule(p, r, accepts ? "allow" : "deny", "all", s);
        return NULL;
    }
    const struct test t = read_condition(p->arena, s, 3);
    if (t.about != ABOUT_SOURCE || (t.negated && accepts)) {
        const char *why = "of conditions, only those about the client's address (src) are known";
        if (rejects)
            route_withhold(p, r, "%s:%d: tcp-request: %s", s->file, s->line, why);
        return why;
    }
    put_rules(p, r, s, &t, accepts);
    return NULL;
}

const char *const *haproxy_names(struct plan *p, struct statement *s, size_t first, size_t *count)
{
    const struct test t = read_condition(p->arena, s, first);
    *count = t.values.count;
    return t.about == ABOUT_NAME && !t.negated ? t.values.items : NULL;
}
