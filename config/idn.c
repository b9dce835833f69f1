/* idn.c - Punycode (RFC 3492), label by label. */
#include "config/idn.h"
#include "config/utf8.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* RFC 3492, 5 */
enum { BASE = 36, T_MIN = 1, T_MAX = 26, SKEW = 38, DAMP = 700, BIAS = 72, FIRST = 0x80 };

struct label {
    uint32_t points[IDN_LABEL_MAX];
    size_t count;
};

struct text {
    char *at;
    size_t room; /* with that for the NUL */
    bool full;
};

static void put(struct text *out, char c)
{
    out->full |= out->room < 2;
    if (out->full)
        return;
    *out->at++ = c;
    out->room--;
}

/* ---- characters ---- */

/* `n` bytes that utf8_length() has measured. */
static uint32_t decode(const uint8_t *p, size_t n)
{
    static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    uint32_t point = p[0] & first[n];
    for (size_t i = 1; i < n; i++)
        point = point << 6 | (p[i] & 0x3f);
    return point;
}

static bool is_between(uint32_t point, uint32_t first, uint32_t last)
{
    return first <= point && point <= last;
}

/* Capitals, marks and signs of the scripts that people write; every second one of some is. */
static bool must_be_mapped(uint32_t point)
{
    return is_between(point, 0x80, 0xde) || point == 0xf7 ||
           (is_between(point, 0x100, 0x137) && point % 2 == 0) ||
           (is_between(point, 0x139, 0x148) && point % 2 == 1) ||
           (is_between(point, 0x14a, 0x177) && point % 2 == 0) || is_between(point, 0x178, 0x179) ||
           point == 0x17b || point == 0x17d || is_between(point, 0x300, 0x36f) ||
           is_between(point, 0x386, 0x3ab) || is_between(point, 0x400, 0x42f) ||
           is_between(point, 0x2000, 0x2fff) || is_between(point, 0xe000, 0xffff);
}

static bool is_ascii_of_a_host(uint32_t point)
{
    return is_between(point, 'a', 'z') || is_between(point, '0', '9') || point == '-' ||
           point == '_';
}

/* ASCII in lower case. False: it cannot be in a label. */
static bool add_point(struct label *l, uint32_t point)
{
    if (is_between(point, 'A', 'Z'))
        point += 'a' - 'A';
    if (l->count == IDN_LABEL_MAX ||
        (point < FIRST ? !is_ascii_of_a_host(point) : must_be_mapped(point)))
        return false;
    l->points[l->count++] = point;
    return true;
}

/* ---- Punycode ---- */

static uint32_t adapt(uint32_t delta, uint32_t points, bool is_first)
{
    uint32_t k = 0;
    delta /= is_first ? DAMP : 2;
    delta += delta / points;
    for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
        delta /= BASE - T_MIN;
    return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static char digit(uint32_t d)
{
    return (char)(d < 26 ? 'a' + d : '0' + d - 26);
}

static void put_number(struct text *out, uint32_t n, uint32_t bias)
{
    for (uint32_t k = BASE;; k += BASE) {
        const uint32_t t = k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
        if (n < t)
            break;
        put(out, digit(t + (n - t) % (BASE - t)));
        n = (n - t) / (BASE - t);
    }
    put(out, digit(n));
}

static uint32_t put_ascii(struct text *out, const struct label *l)
{
    uint32_t count = 0;
    for (size_t i = 0; i < l->count; i++)
        if (l->points[i] < FIRST) {
            put(out, (char)l->points[i]);
            count++;
        }
    return count;
}

/* The smallest that is not below `least`. */
static uint32_t next_point(const struct label *l, uint32_t least)
{
    uint32_t next = UINT32_MAX;
    for (size_t i = 0; i < l->count; i++)
        if (l->points[i] >= least && l->points[i] < next)
            next = l->points[i];
    return next;
}

/* 63 characters below 0x110000 overflow nothing. */
static void put_punycode(struct text *out, const struct label *l)
{
    const uint32_t basic = put_ascii(out, l);
    uint32_t delta = 0, bias = BIAS, n = FIRST, done = basic;
    if (basic > 0)
        put(out, '-');
    for (; done < l->count; delta++, n++) {
        const uint32_t next = next_point(l, n);
        delta += (next - n) * (done + 1);
        n = next;
        for (size_t i = 0; i < l->count; i++) {
            delta += l->points[i] < n;
            if (l->points[i] != n)
                continue;
            put_number(out, delta, bias);
            bias = adapt(delta, done + 1, done == basic);
            delta = 0;
            done++;
        }
    }
}

/* ---- names ---- */

static bool is_ascii(const struct label *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->points[i] >= FIRST)
            return false;
    return true;
}

static void put_label(struct text *out, const struct label *l)
{
    const char *begin = out->at;
    if (is_ascii(l)) {
        put_ascii(out, l);
    } else {
        for (const char *prefix = "xn--"; *prefix != '\0'; prefix++)
            put(out, *prefix);
        put_punycode(out, l);
    }
    out->full |= out->at - begin > IDN_LABEL_MAX;
}

bool idn_to_ascii(const char *name, char out[IDN_NAME_MAX + 1])
{
    struct text text = {out, IDN_NAME_MAX + 1, false};
    while (!text.full) {
        struct label label = {.count = 0};
        for (size_t n; *name != '\0' && *name != '.'; name += n) {
            n = utf8_length((const uint8_t *)name, SIZE_MAX);
            if (n == 0 || !add_point(&label, decode((const uint8_t *)name, n)))
                return false;
        }
        put_label(&text, &label);
        if (label.count == 0 || *name == '\0')
            break;
        put(&text, *name++);
    }
    *text.at = '\0';
    return !text.full && *name == '\0' && text.at > out && text.at[-1] != '.';
}
