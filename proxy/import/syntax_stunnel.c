/* syntax_stunnel.c - an INI file. */
#include "proxy/import/scan.h"
#include "proxy/import/syntax.h"

#include <ctype.h>
#include <string.h>

static bool at_end(const struct scan *s)
{
    return scan_peek(s, 0) < 0 || scan_peek(s, 0) == '\n';
}

/* Up to `stop` or the end of the line, without the blanks at its end. */
static void take_until(struct scan *s, char stop)
{
    while (!at_end(s) && scan_peek(s, 0) != stop)
        scan_put(s, scan_next(s));
    while (s->length > 0 && strchr(" \t\r", s->word[s->length - 1]) != NULL)
        s->length--;
}

static bool take_section(struct scan *s)
{
    while (s->depth > 0)
        scan_leave(s);
    scan_statement(s);
    scan_put(s, scan_next(s));
    scan_word(s);
    scan_blanks(s);
    take_until(s, ']');
    if (at_end(s))
        return scan_wrong(s, s->line, "write [NAME]", "a section's name has no closing bracket");
    scan_next(s);
    scan_word(s);
    return scan_open(s);
}

static bool take_setting(struct scan *s)
{
    scan_statement(s);
    take_until(s, '=');
    if (at_end(s) || s->length == 0)
        return scan_wrong(s, s->line, "write KEY = VALUE, [SECTION], or a comment behind ;",
                          "a line is no setting");
    for (size_t i = 0; i < s->length; i++)
        s->word[i] = (char)tolower((unsigned char)s->word[i]);
    scan_word(s);
    scan_next(s);
    scan_blanks(s);
    take_until(s, '\n');
    scan_word(s);
    scan_end(s);
    return true;
}

static bool take_line(struct scan *s)
{
    scan_blanks(s);
    switch (scan_peek(s, 0)) {
    case ';':
    case '#':
        scan_line(s);
        return true;
    case '[':
        return take_section(s);
    default:
        return at_end(s) || take_setting(s);
    }
}

bool syntax_stunnel(struct arena *a, const char *text, size_t size, struct statement *file,
                    struct diags *d)
{
    struct scan s = scan_begin(a, text, size, file, d);
    if (scan_binary(&s))
        return false;
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        s.at = 3; /* the mark that Windows puts before UTF-8 */
    while (scan_peek(&s, 0) >= 0) {
        if (!take_line(&s))
            return false;
        scan_line(&s);
        if (scan_peek(&s, 0) >= 0)
            scan_next(&s);
    }
    while (s.depth > 0)
        scan_leave(&s);
    return true;
}
