/* terms.c - see terms.h. */
#include "proxy/import/terms.h"
#include "proxy/import/pool.h"

#include "config/values.h"
#include "tls/suites.h"

#include <arpa/inet.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool is_one_of(const char *text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (strcasecmp(text, *words) == 0)
            return true;
    return false;
}

bool term_is_on(const char *text)
{
    static const char *const words[] = {"yes", "on", "true", "1", NULL};
    return is_one_of(text, words);
}

bool term_is_off(const char *text)
{
    static const char *const words[] = {"no", "off", "false", "0", "none", "", NULL};
    return is_one_of(text, words);
}

/* ---- times ---- */

#define SECOND    1000ULL
#define HOURS_MAX 596ULL

static const struct unit {
    const char *name;
    unsigned long long ms;
} units[] = {{"ms", 1},
             {"s", SECOND},
             {"m", 60 * SECOND},
             {"h", 3600 * SECOND},
             {"d", 24 * 3600 * SECOND},
             {"w", 7 * 24 * 3600 * SECOND}};

/* Milliseconds of the unit that `text` begins with, which it steps over; 0: none. */
static unsigned long long take_unit(const char **text)
{
    const size_t size = strspn(*text, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strlen(units[i].name) != size || strncmp(*text, units[i].name, size) != 0)
            continue;
        *text += size;
        return units[i].ms;
    }
    return 0;
}

static const char *written(struct arena *a, unsigned long long ms)
{
    size_t best = 0;
    for (size_t i = 1; i < 4; i++) /* ours end with h */
        if (ms != 0 && ms % units[i].ms == 0)
            best = i;
    return ms == 0 ? "0" : pool_format(a, "%llu%s", ms / units[best].ms, units[best].name);
}

const char *term_duration(struct arena *a, const char *text, unsigned unit)
{
    unsigned long long sum = 0;
    if (*text == '\0')
        return NULL;
    while (*text != '\0') {
        const size_t digits = strspn(text, "0123456789");
        if (digits == 0 || digits > 9)
            return NULL;
        const unsigned long long number = strtoull(text, NULL, 10);
        text += digits;
        const unsigned long long ms = *text == '\0' || *text == ' ' ? unit : take_unit(&text);
        if (ms == 0)
            return NULL;
        sum += number * ms;
        text += strspn(text, " ");
    }
    return sum > HOURS_MAX * 3600 * SECOND ? NULL : written(a, sum);
}

const char *term_time(struct plan *p, struct plan_route *r, const char *key, const char *text,
                      unsigned unit, struct statement *from)
{
    const char *time = term_duration(p->arena, text, unit);
    if (time == NULL)
        return pool_format(p->arena,
                           "\"%s\" is no time that %s can have: at most 596h, and 0 for none", text,
                           key);
    return route_set(p, r, key, time, from);
}

bool term_smaller(const char *limit, const char *other)
{
    const unsigned long one = limit == NULL ? 0 : strtoul(limit, NULL, 10);
    const unsigned long two = strtoul(other, NULL, 10);
    return one > 0 && (two == 0 || one <= two);
}

/* ---- lists ---- */

static bool known_cipher(const char *name)
{
    const char *items[] = {name};
    const struct string_list one = {items, 1}, none = {0};
    struct suites s;
    return suites_select(&s, &one, &none, NULL) == 0;
}

static bool known_group(const char *name)
{
    const char *items[] = {name};
    const struct string_list one = {items, 1}, none = {0};
    struct suites s;
    return suites_select(&s, &none, &one, NULL) == 0;
}

/* What tlsfront never has need not be taken out of its list, and its order is its own. */
static bool needless(const char *name)
{
    static const char *const never[] = {
        "!aNULL", "!eNULL",  "!NULL",     "!MD5",      "!RC4",          "!DES",    "!3DES",
        "!EXP",   "!EXPORT", "!LOW",      "!MEDIUM",   "!PSK",          "!SRP",    "!DSS",
        "!aDSS",  "!IDEA",   "!SEED",     "!CAMELLIA", "!ARIA",         "!ADH",    "!AECDH",
        "!kRSA",  "!RSA",    "!DH",       "!DHE",      "!EDH",          "!SHA1",   "!SHA",
        "!SSLv2", "!SSLv3",  "!EXPORT56", "!EXPORT40", "!CBC",          "!AESCCM", "!kDHE",
        "!kEDH",  "!LOW",    "!WEAK",     "!kECDH",    "!DES-CBC3-SHA", NULL};
    return name[0] == '@' || is_one_of(name, never);
}

static const char *with_name(struct arena *a, const char *list, const char *name)
{
    return list == NULL ? name : pool_format(a, "%s, %s", list, name);
}

/* Groups have more names than ours. */
static const char *our_group(const char *name)
{
    static const char *const other[][2] = {{"prime256v1", "secp256r1"}, {"P-521", "secp521r1"}};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcasecmp(name, other[i][0]) == 0)
            return other[i][1];
    return name;
}

static const char *take_list(struct plan *p, struct plan_route *r, const char *key,
                             const char *list, bool (*known)(const char *), struct statement *from)
{
    const char *lacking = NULL;
    bool any = false;
    char *rest, *copy = pool_text(p->arena, list, strlen(list));
    for (char *one = strtok_r(copy, ": ,", &rest); one != NULL;
         one = strtok_r(NULL, ": ,", &rest)) {
        const char *name = known == known_group ? our_group(one) : one;
        if (known(name)) {
            if (any)
                route_put(p, r, key, name, from);
            else
                route_set(p, r, key, name, from);
            any = true;
        } else if (!needless(name)) {
            lacking = with_name(p->arena, lacking, name);
        }
    }
    if (lacking == NULL)
        return NULL;
    return pool_format(p->arena, "tlsfront has no %s; %s", lacking,
                       any ? "the others are carried over" : "it keeps its own list");
}

const char *term_ciphers(struct plan *p, struct plan_route *r, const char *list,
                         struct statement *from)
{
    return take_list(p, r, ".ciphers-1.2", list, known_cipher, from);
}

const char *term_ciphersuites(struct plan *p, struct plan_route *r, const char *list,
                              struct statement *from)
{
    return take_list(p, r, ".ciphers-1.3", list, known_cipher, from);
}

const char *term_groups(struct plan *p, struct plan_route *r, const char *list,
                        struct statement *from)
{
    if (strcasecmp(list, "auto") == 0)
        return NULL;
    return take_list(p, r, "groups", list, known_group, from);
}

/* ---- versions ---- */

unsigned term_version(const char *text)
{
    static const struct {
        const char *name;
        unsigned version;
    } names[] = {{"SSLv2", 2},    {"SSLv3", 3},    {"TLSv1", 10},  {"TLSv1.0", 10},
                 {"TLSv1.1", 11}, {"TLSv1.2", 12}, {"TLSv1.3", 13}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcasecmp(text, names[i].name) == 0)
            return names[i].version;
    return 0;
}

const char *term_transparent(struct plan *p, struct plan_route *r, struct statement *from)
{
    route_remark(p, r, "source = transparent needs the machine's routing: see transparent.md");
    return route_set(p, r, "source", "transparent", from);
}

const char *term_versions(struct plan *p, struct plan_route *r, unsigned oldest, unsigned newest,
                          struct statement *from)
{
    if (oldest == 13)
        route_set(p, r, "min-version", "1.3", from);
    else if (oldest != 0)
        entries_drop(&r->settings, "min-version"); /* 1.2 is so anyway */
    if (oldest != 0 && oldest < 12)
        return "tlsfront speaks TLS 1.2 and 1.3: clients that know nothing newer than TLS 1.1 are "
               "refused";
    if (newest != 0 && newest < 13)
        return "tlsfront serves TLS 1.3, too, and cannot be told not to";
    return NULL;
}

/* ---- networks ---- */

/* "192.0.2.9/24" for 192.0.2.0/24: the bits behind the prefix are not looked at by the peers. */
static const char *masked(struct arena *a, const char *text)
{
    struct cidr c;
    struct flaw f;
    const char *slash = strchr(text, '/');
    if (slash == NULL || value_cidr(text, &c, &f) == 0)
        return text;
    const char *address = pool_text(a, text, (size_t)(slash - text));
    const unsigned long bits = strtoul(slash + 1, NULL, 10);
    if (value_cidr(address, &c, &f) != 0 || bits > c.bits)
        return text;
    for (unsigned i = (unsigned)bits; i < c.bits; i++)
        c.bytes[i / 8] &= (uint8_t) ~(0x80U >> i % 8);
    char shown[INET6_ADDRSTRLEN];
    inet_ntop(c.family, c.bytes, shown, sizeof shown);
    return pool_format(a, "%s/%lu", shown, bits);
}

const char *term_network(struct plan *p, struct plan_route *r, const char *key, const char *text,
                         struct statement *from)
{
    struct cidr c;
    struct flaw f;
    if (strcmp(text, "all") == 0) {
        const char *why = route_put(p, r, key, "0.0.0.0/0", from);
        return why != NULL ? why : route_put(p, r, key, "::/0", from);
    }
    text = masked(p->arena, text);
    if (value_cidr(text, &c, &f) != 0)
        return pool_format(p->arena, "\"%s\" %s: %s", text, f.cause, f.cure);
    return route_put(p, r, key, text, from);
}
