/* values.c - numbers, names and words. */
#include "config/values.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int flaw_set(struct flaw *f, const char *cure, const char *cause)
{
    snprintf(f->cause, sizeof f->cause, "%s", cause);
    f->cure = cure;
    return -1;
}

/* Digits, at least one, then whatever `*end` shows. False when there are none or too many. */
static bool read_digits(const char *text, uint64_t *value, const char **end)
{
    *value = 0;
    for (*end = text; isdigit((unsigned char)**end); (*end)++) {
        if (*value > (UINT64_MAX - 9) / 10)
            return false;
        *value = *value * 10 + (uint64_t)(**end - '0');
    }
    return *end != text;
}

struct unit {
    const char *name;
    uint64_t factor;
};

/* `units` ends with a NULL name. */
static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

int value_duration(const char *text, unsigned *ms, struct flaw *f)
{
    static const struct unit units[] = {
        {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0}};
    static const char cure[] =
        "write a whole number and a unit, as in 500ms, 10s, 5m or 1h; 0 or off means no limit";
    uint64_t value;
    const char *rest;

    if (strcmp(text, "off") == 0 || strcmp(text, "0") == 0) {
        *ms = 0;
        return 0;
    }
    if (!read_digits(text, &value, &rest))
        return flaw_set(f, cure, "is not a duration");
    if (*rest == '\0')
        return flaw_set(f, cure, "is a duration without a unit");
    const struct unit *unit = find_unit(units, rest);
    if (unit == NULL)
        return flaw_set(f, cure, "is not a duration");
    if (value > INT_MAX / unit->factor)
        return flaw_set(f, "the longest is 596h; 0 or off means no limit", "is too long");
    *ms = (unsigned)(value * unit->factor);
    return 0;
}

int value_duration_least(unsigned ms, unsigned least, struct flaw *f)
{
    if (ms == 0 || ms >= least)
        return 0;
    snprintf(f->cause, sizeof f->cause,
             "is too short: whoever is not on this machine, or loses a packet, needs more than "
             "that, and %u%s is the least",
             least % 1000 == 0 ? least / 1000 : least, least % 1000 == 0 ? "s" : "ms");
    f->cure = "write a longer time; 0 or off means no limit, and of health-check no visits";
    return -1;
}

int value_rate(const char *text, struct connection_rate *rate, struct flaw *f)
{
    static const char cure[] = "write how many in which time, as in 30/1m; off means no limit";
    enum { SHORTEST_MS = 1000 };
    uint64_t count;
    const char *rest;

    *rate = (struct connection_rate){0};
    if (strcmp(text, "off") == 0)
        return 0;
    if (!read_digits(text, &count, &rest) || *rest != '/')
        return flaw_set(f, cure, "is not a rate");
    if (count == 0)
        return flaw_set(f, "write off for no limit, or deny = {\"0.0.0.0/0\", \"::/0\"} for nobody",
                        "lets nobody in");
    if (count > RATE_COUNT_MAX)
        return flaw_set(f, "the largest count is 65535; write off for no limit", "is too high");
    if (value_duration(rest + 1, &rate->per, f) != 0 || rate->per < SHORTEST_MS)
        return flaw_set(f, cure, "has no period of a second or more behind the /");
    rate->count = (unsigned)count;
    return 0;
}

int value_size(const char *text, size_t *bytes, struct flaw *f)
{
    static const struct unit units[] = {{"", 1},        {"k", 1 << 10}, {"K", 1 << 10},
                                        {"m", 1 << 20}, {"M", 1 << 20}, {"g", 1 << 30},
                                        {"G", 1 << 30}, {NULL, 0}};
    static const char cure[] = "write a whole number of bytes, or with a unit, as in 16k or 1m";
    uint64_t value;
    const char *rest;

    if (!read_digits(text, &value, &rest))
        return flaw_set(f, cure, "is not a size");
    const struct unit *unit = find_unit(units, rest);
    if (unit == NULL)
        return flaw_set(f, cure, "is not a size");
    if (value > (uint64_t)PTRDIFF_MAX / unit->factor)
        return flaw_set(f, cure, "is too large");
    *bytes = (size_t)(value * unit->factor);
    return 0;
}

int value_number(const char *text, unsigned max, unsigned *n, struct flaw *f)
{
    uint64_t value;
    const char *rest;

    if (!read_digits(text, &value, &rest) || *rest != '\0')
        return flaw_set(f, "write a whole number", "is not a number");
    if (value > max) {
        snprintf(f->cause, sizeof f->cause, "is out of range (0 to %u)", max);
        f->cure = "write a smaller number";
        return -1;
    }
    *n = (unsigned)value;
    return 0;
}

int value_switch(const char *text, bool *on, struct flaw *f)
{
    *on = strcmp(text, "on") == 0;
    if (*on || strcmp(text, "off") == 0)
        return 0;
    return flaw_set(f, "write on or off", "is neither on nor off");
}

/* `more`: what is allowed beside letters and digits. */
static bool only_of(const char *text, const char *more)
{
    for (; *text != '\0'; text++)
        if (!(isascii((unsigned char)*text) && isalnum((unsigned char)*text)) &&
            strchr(more, *text) == NULL)
            return false;
    return true;
}

int value_name(const char *text, struct flaw *f)
{
    if (text[0] == '\0' || strlen(text) > 64 || !only_of(text, "._-"))
        return flaw_set(f, "use 1 to 64 letters, digits, dots, dashes or underscores",
                        "is not a usable name");
    return 0;
}

int value_hostname(const char *text, struct flaw *f)
{
    static const char cure[] = "write a DNS name, as in mail.example.org";
    size_t length = strlen(text), label = 0;

    if (length == 0 || length > 253 || !only_of(text, "._-"))
        return flaw_set(f, cure, "is not a host name");
    for (size_t i = 0; i < length; i++) {
        label = text[i] == '.' ? 0 : label + 1;
        if (label > 63 || (label == 0 && (i == 0 || text[i - 1] == '.')))
            return flaw_set(f, cure, "is not a host name");
    }
    return 0;
}

bool value_names_directory(const char *path)
{
    const char *slash = strrchr(path, '/'), *last = slash != NULL ? slash + 1 : path;
    return *last == '\0' || strcmp(last, ".") == 0 || strcmp(last, "..") == 0;
}

char *value_plain_path(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0'; from++) {
        const bool empty = from[0] == '/' && from[1] == '/';
        const bool here = from[0] == '/' && from[1] == '.' && from[2] == '/';
        if (!empty && !here)
            *to++ = *from;
        from += here;
    }
    *to = '\0';
    return path;
}

static unsigned smaller(unsigned x, unsigned y)
{
    return x < y ? x : y;
}

unsigned value_distance(const char *x, const char *y, unsigned limit)
{
    enum { LONGEST = 40 };
    size_t rows = strlen(x), columns = strlen(y);
    unsigned d[LONGEST + 1][LONGEST + 1];
    if (rows > LONGEST || columns > LONGEST)
        return limit + 1;

    for (size_t i = 0; i <= rows; i++) {
        for (size_t j = 0; j <= columns; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = (unsigned)(i + j);
                continue;
            }
            unsigned edit = smaller(d[i - 1][j], d[i][j - 1]) + 1;
            d[i][j] = smaller(edit, d[i - 1][j - 1] + (x[i - 1] != y[j - 1]));
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
                d[i][j] = smaller(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return smaller(d[rows][columns], limit + 1);
}
