#include "proxy/observer/html.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *entity_of(char c)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&#39;";
    default:
        return NULL;
    }
}

static unsigned length_by_first(uint8_t c)
{
    if (c < 0x80)
        return 1;
    if (c >= 0xc2 && c < 0xe0)
        return 2;
    if (c >= 0xe0 && c < 0xf0)
        return 3;
    return c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Overlong forms, surrogates and what lies beyond Unicode (RFC 3629, 4). */
static bool is_forbidden(const uint8_t *p)
{
    return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
           (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f);
}

/* Bytes of the character that `p` begins with; 0: it is none that may be shown. */
static unsigned character(const uint8_t *p)
{
    const unsigned size = length_by_first(p[0]);
    for (unsigned i = 1; i < size; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if (size == 1)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (size == 2 && p[0] == 0xc2 && p[1] < 0xa0) /* control characters, too */
        return 0;
    return size > 0 && is_forbidden(p) ? 0 : size;
}

void html_text(struct buf *out, const char *text)
{
    for (const uint8_t *p = (const void *)text; *p != '\0';) {
        const unsigned size = character(p);
        const char *entity = entity_of((char)*p);
        if (size == 0)
            buf_puts(out, "\xef\xbf\xbd");
        else if (entity != NULL)
            buf_puts(out, entity);
        else
            buf_put(out, p, size);
        p += size > 0 ? size : 1;
    }
}

void html_number(struct buf *out, uint64_t n)
{
    char digits[24];
    const int size = snprintf(digits, sizeof digits, "%" PRIu64, n);
    for (int i = 0; i < size; i++)
        buf_printf(out, "%s%c", i > 0 && (size - i) % 3 == 0 ? "\xe2\x80\xaf" : "", digits[i]);
}

void html_size(struct buf *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    unsigned unit = 0;
    for (; bytes >= 10000 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    html_number(out, bytes);
    buf_printf(out, "\xc2\xa0%s", units[unit]);
}

void html_duration(struct buf *out, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    unsigned i = 0;
    if (seconds < 0)
        seconds = 0;
    while (seconds < units[i].seconds && units[i].seconds > 1)
        i++;
    const int64_t n = seconds / units[i].seconds;
    buf_printf(out, "%" PRId64 "\xc2\xa0%s%s", n, units[i].name, n == 1 ? "" : "s");
}

void html_time(struct buf *out, time_t t)
{
    struct tm tm;
    char machine[32], people[32];
    if (gmtime_r(&t, &tm) == NULL) {
        buf_puts(out, "?");
        return;
    }
    strftime(machine, sizeof machine, "%Y-%m-%dT%H:%M:%SZ", &tm);
    strftime(people, sizeof people, "%Y-%m-%d %H:%M UTC", &tm);
    buf_printf(out, "<time datetime=\"%s\">%s</time>", machine, people);
}
