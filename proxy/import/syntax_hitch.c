/* syntax_hitch.c - KEY = VALUE, wherever the lines end. */
#include "proxy/import/scan.h"
#include "proxy/import/syntax.h"

#include <string.h>

/* Blanks, ends of lines and comments. */
static void skip(struct scan *s)
{
    for (int c = scan_peek(s, 0); c >= 0; c = scan_peek(s, 0)) {
        if (c == '#')
            scan_line(s);
        else if (strchr(" \t\r\n", c) != NULL)
            scan_next(s);
        else
            return;
    }
}

static bool in_word(int c)
{
    return c >= 0 && strchr(" \t\r\n#={}\"'", c) == NULL;
}

static bool take_string(struct scan *s)
{
    const int line = s->line;
    const char quote = scan_next(s);
    for (int c = scan_peek(s, 0); c != quote; c = scan_peek(s, 0)) {
        if (c < 0 || c == '\n')
            return scan_wrong(s, line, "put a quotation mark at its end", "a string is not closed");
        scan_put(s, scan_next(s));
    }
    scan_next(s);
    return true;
}

static bool is_quote(int c)
{
    return c == '"' || c == '\'';
}

/* Is the word here the next statement's key? */
static bool at_key(const struct scan *s)
{
    struct scan ahead = *s;
    while (in_word(scan_peek(&ahead, 0)))
        ahead.at++;
    skip(&ahead);
    return scan_peek(&ahead, 0) == '=';
}

static bool take_values(struct scan *s)
{
    size_t end = s->at;
    int line = s->line;
    while (is_quote(scan_peek(s, 0)) || (in_word(scan_peek(s, 0)) && !at_key(s))) {
        if (is_quote(scan_peek(s, 0))) {
            if (!take_string(s))
                return false;
        } else {
            while (in_word(scan_peek(s, 0)))
                scan_put(s, scan_next(s));
        }
        scan_word(s);
        end = s->at;
        line = s->line;
        skip(s);
    }
    if (s->statement->count < 2)
        return scan_wrong(s, s->statement->line, "write KEY = VALUE", "a key has no value");
    const struct scan here = *s;
    s->at = end;
    s->line = line;
    scan_end(s);
    s->at = here.at;
    s->line = here.line;
    return true;
}

static bool take_statement(struct scan *s)
{
    if (!in_word(scan_peek(s, 0)) || !at_key(s))
        return scan_wrong(s, s->line, "write KEY = VALUE", "here a key and = should stand");
    scan_statement(s);
    while (in_word(scan_peek(s, 0)))
        scan_put(s, scan_next(s));
    scan_word(s);
    skip(s);
    scan_next(s); /* = */
    skip(s);
    if (scan_peek(s, 0) != '{')
        return take_values(s);
    if (!scan_open(s))
        return false;
    scan_next(s);
    return true;
}

bool syntax_hitch(struct arena *a, const char *text, size_t size, struct statement *file,
                  struct diags *d)
{
    struct scan s = scan_begin(a, text, size, file, d);
    if (scan_binary(&s))
        return false;
    for (skip(&s); scan_peek(&s, 0) >= 0; skip(&s)) {
        const bool closes = scan_peek(&s, 0) == '}';
        if (closes)
            scan_next(&s);
        if (closes ? !scan_close(&s, s.line) : !take_statement(&s))
            return false;
    }
    if (s.depth > 0)
        return scan_wrong(&s, s.block->line, "close it with }", "a block is not closed");
    return true;
}
