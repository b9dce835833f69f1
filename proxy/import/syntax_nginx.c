/* syntax_nginx.c - words, ; and braces. */
#include "proxy/import/scan.h"
#include "proxy/import/syntax.h"

#include <string.h>

static bool is_blank(int c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* What \n and its kin stand for; else both signs stay, unless the second one is a quote or a
 * backslash. */
static void take_escape(struct scan *s)
{
    static const char signs[] = "trn\\\"'", meant[] = "\t\r\n\\\"'";
    scan_next(s);
    const int c = scan_peek(s, 0);
    const char *known = c > 0 ? strchr(signs, c) : NULL;
    if (known == NULL)
        scan_put(s, '\\');
    if (c < 0)
        return;
    const char itself = scan_next(s);
    scan_put(s, known == NULL ? itself : meant[known - signs]);
}

static bool take_quoted(struct scan *s)
{
    const int line = s->line;
    const char quote = scan_next(s);
    for (int c = scan_peek(s, 0); c != quote; c = scan_peek(s, 0)) {
        if (c < 0)
            return scan_wrong(s, line, "put the quotation mark at its end",
                              "a string is not closed");
        if (c == '\\')
            take_escape(s);
        else
            scan_put(s, scan_next(s));
    }
    scan_next(s);
    const int after = scan_peek(s, 0);
    if (after >= 0 && !is_blank(after) && strchr(";{)", after) == NULL)
        return scan_wrong(s, s->line, "put a blank or a semicolon there",
                          "something follows a string's closing quotation mark");
    return true;
}

/* ${NAME} is a variable and begins no block. */
static void take_bare(struct scan *s)
{
    for (int c = scan_peek(s, 0); c >= 0 && !is_blank(c) && c != ';'; c = scan_peek(s, 0)) {
        const bool variable = s->length > 0 && s->word[s->length - 1] == '$';
        if (c == '{' && !variable)
            return;
        if (c == '\\')
            take_escape(s);
        else
            scan_put(s, scan_next(s));
    }
}

static bool take_word(struct scan *s)
{
    if (s->statement == NULL)
        scan_statement(s);
    const int c = scan_peek(s, 0);
    if (c == '"' || c == '\'') {
        if (!take_quoted(s))
            return false;
    } else {
        take_bare(s);
    }
    scan_word(s);
    return true;
}

/* A block of Lua: up to the brace that closes it. */
static bool skip_lua(struct scan *s)
{
    const int line = s->line;
    unsigned open = 0;
    do {
        const int c = scan_peek(s, 0);
        if (c < 0)
            return scan_wrong(s, line, "close it", "a block is not closed");
        open += c == '{' ? 1U : 0U;
        open -= c == '}' ? 1U : 0U;
        scan_next(s);
    } while (open > 0);
    scan_end(s);
    return true;
}

static bool is_lua(const struct statement *s)
{
    static const char end[] = "_by_lua_block";
    const size_t size = strlen(s->words[0]);
    return size >= sizeof end && strcmp(s->words[0] + size - (sizeof end - 1), end) == 0;
}

static bool begin_block(struct scan *s)
{
    if (s->statement == NULL)
        return scan_wrong(s, s->line, "write the block's name before it",
                          "a brace opens a block that has no name");
    if (is_lua(s->statement))
        return skip_lua(s);
    if (!scan_open(s))
        return false;
    scan_next(s);
    return true;
}

static bool end_block(struct scan *s)
{
    if (s->statement != NULL)
        return scan_wrong(s, s->statement->line, "end it with ;",
                          "a directive is not ended before the closing brace");
    scan_next(s);
    return scan_close(s, s->line);
}

static bool end_statement(struct scan *s)
{
    if (s->statement == NULL)
        return scan_wrong(s, s->line, "remove it", "a semicolon ends nothing");
    scan_end(s);
    scan_next(s);
    return true;
}

static bool take_token(struct scan *s)
{
    switch (scan_peek(s, 0)) {
    case '#':
        scan_line(s);
        return true;
    case ';':
        return end_statement(s);
    case '{':
        return begin_block(s);
    case '}':
        return end_block(s);
    default:
        return take_word(s);
    }
}

bool syntax_nginx(struct arena *a, const char *text, size_t size, struct statement *file,
                  struct diags *d)
{
    struct scan s = scan_begin(a, text, size, file, d);
    if (scan_binary(&s))
        return false;
    while (scan_peek(&s, 0) >= 0) {
        if (is_blank(scan_peek(&s, 0)))
            scan_next(&s);
        else if (!take_token(&s))
            return false;
    }
    if (s.statement != NULL)
        return scan_wrong(&s, s.statement->line, "end it with ;", "a directive is not ended");
    if (s.depth > 0)
        return scan_wrong(&s, s.block->line, "close it with }", "a block is not closed");
    return true;
}
