/* syntax_haproxy.c - lines of words under sections. */
#include "proxy/import/scan.h"
#include "proxy/import/syntax.h"

#include <stdlib.h>
#include <string.h>

static const char *const sections[] = {
    "global",    "defaults",    "frontend",    "backend",  "listen",     "peers", "resolvers",
    "mailers",   "userlist",    "program",     "cache",    "ring",       "acme",  "traces",
    "crt-store", "log-forward", "http-errors", "fcgi-app", "log-profile"};

static bool is_section(const char *word)
{
    for (size_t i = 0; i < sizeof sections / sizeof *sections; i++)
        if (strcmp(word, sections[i]) == 0)
            return true;
    return false;
}

static bool at_end(const struct scan *s)
{
    return scan_peek(s, 0) < 0 || scan_peek(s, 0) == '\n';
}

/* Two hexadecimal digits; false: they are not there. */
static bool take_hex(struct scan *s)
{
    char digits[3] = {0};
    for (size_t i = 0; i < 2; i++)
        digits[i] = (char)(scan_peek(s, i) < 0 ? 0 : scan_peek(s, i));
    char *end;
    const long byte = strtol(digits, &end, 16);
    if (end != digits + 2 || byte == 0)
        return scan_wrong(s, s->line, "write \\xHH with two digits, not both 0",
                          "a \\x has no two hexadecimal digits behind it");
    s->at += 2;
    scan_put(s, (char)byte);
    return true;
}

/* Outside of '...'; false: wrong, and said. */
static bool take_escape(struct scan *s)
{
    static const char signs[] = "nrt", meant[] = "\n\r\t";
    s->at++;
    if (at_end(s))
        return scan_wrong(s, s->line, "remove it: a line cannot be continued",
                          "a backslash ends the line");
    const char c = scan_next(s);
    if (c == 'x')
        return take_hex(s);
    const char *known = strchr(signs, c);
    scan_put(s, known != NULL ? meant[known - signs] : c);
    return true;
}

static bool take_quoted(struct scan *s)
{
    const char quote = scan_next(s);
    while (scan_peek(s, 0) != quote) {
        if (at_end(s))
            return scan_wrong(s, s->line, "put a quotation mark at its end",
                              "a string is not closed on its line");
        if (scan_peek(s, 0) == '\\' && quote == '"') {
            if (!take_escape(s))
                return false;
        } else {
            scan_put(s, scan_next(s));
        }
    }
    scan_next(s);
    return true;
}

static bool take_word(struct scan *s)
{
    for (int c = scan_peek(s, 0); !at_end(s) && strchr(" \t\r#", c) == NULL; c = scan_peek(s, 0)) {
        if (c == '"' || c == '\'') {
            if (!take_quoted(s))
                return false;
        } else if (c == '\\') {
            if (!take_escape(s))
                return false;
        } else {
            scan_put(s, scan_next(s));
        }
    }
    scan_word(s);
    return true;
}

/* False: wrong, and said. An empty line, or one with a comment only, makes no statement. */
static bool take_words(struct scan *s)
{
    for (scan_blanks(s); !at_end(s) && scan_peek(s, 0) != '#'; scan_blanks(s)) {
        if (s->statement == NULL)
            scan_statement(s);
        if (!take_word(s))
            return false;
    }
    return true;
}

/* The new statement is in the open section; if it begins one, it leaves that. */
static bool place(struct scan *s)
{
    const char *word = s->statement->words[0];
    if (is_section(word))
        return scan_open(s);
    if (word[0] == '.')
        return scan_wrong(s, s->line,
                          "take out the lines that are not for this machine, and the "
                          "condition",
                          "conditions and messages (.if, .notice) are not followed");
    if (s->depth == 0)
        return scan_wrong(s, s->line,
                          "begin with a section, such as global, defaults, frontend or listen",
                          "a line stands in no section");
    scan_end(s);
    return true;
}

static void leave_section(struct scan *s)
{
    struct scan ahead = *s;
    scan_blanks(&ahead);
    const char *word = ahead.text + ahead.at;
    size_t size = 0;
    while (scan_peek(&ahead, size) >= 0 && strchr(" \t\r\n#", scan_peek(&ahead, size)) == NULL)
        size++;
    for (size_t i = 0; s->depth > 0 && i < sizeof sections / sizeof *sections; i++)
        if (strlen(sections[i]) == size && memcmp(word, sections[i], size) == 0)
            scan_leave(s);
}

bool syntax_haproxy(struct arena *a, const char *text, size_t size, struct statement *file,
                    struct diags *d)
{
    struct scan s = scan_begin(a, text, size, file, d);
    if (scan_binary(&s))
        return false;
    while (scan_peek(&s, 0) >= 0) {
        leave_section(&s);
        if (!take_words(&s) || (s.statement != NULL && !place(&s)))
            return false;
        scan_line(&s);
        if (scan_peek(&s, 0) >= 0)
            scan_next(&s);
    }
    if (s.depth > 0)
        scan_leave(&s);
    return true;
}

/* A list's line: brackets are words of their own. */
static void take_list_line(struct scan *s)
{
    for (scan_blanks(s); !at_end(s) && scan_peek(s, 0) != '#'; scan_blanks(s)) {
        if (s->statement == NULL)
            scan_statement(s);
        do
            scan_put(s, scan_next(s));
        while (!at_end(s) && strchr(" \t\r[]", scan_peek(s, 0)) == NULL &&
               s->word[s->length - 1] != '[' && s->word[s->length - 1] != ']');
        scan_word(s);
    }
    if (s->statement != NULL)
        scan_end(s);
}

bool syntax_crt_list(struct arena *a, const char *text, size_t size, struct statement *file,
                     struct diags *d)
{
    struct scan s = scan_begin(a, text, size, file, d);
    if (scan_binary(&s))
        return false;
    while (scan_peek(&s, 0) >= 0) {
        take_list_line(&s);
        scan_line(&s);
        if (scan_peek(&s, 0) >= 0)
            scan_next(&s);
    }
    return true;
}
