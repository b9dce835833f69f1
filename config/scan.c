/* scan.c - one pass over configuration text, token by token. */
#include "config/scan.h"
#include "config/utf8.h"

#include <ctype.h>
#include <string.h>

struct scan {
    struct diags *diags;
    const char *file;

    const char *in;
    size_t size, at;
    size_t mark; /* where that begins which a finding would be about */
    int line;

    /* The column of counted_at, which is on counted_line. */
    int counted_line, counted;
    size_t counted_at;

    struct chunks out;

    int block_line;       /* where the open block began; 0: outside */
    int inner_line;       /* where the block in it began; 0: there is none open */
    enum chunk_kind part; /* of the open block, that is being written */
    char kind[16];        /* of the open block, for its other parts */
    bool returned;        /* a lone carriage return has been told of */
    int list_line;        /* where the open list began; 0: outside */
    int paren_line;       /* where the open parenthesis is; 0: outside */
    bool paren_filled;
    bool after_equals;
    struct chunks_word equals; /* where the value of the last equals sign belongs */

    /* The words since the last punctuation: a block's kind and name are the last two before its
     * brace, and a key is the last one before its equals sign. */
    struct chunks_word words[2];
    unsigned word_count;
};

/* Counted on from the last one of the line, so that many mistakes in one line cost no more. */
static int column_here(struct scan *s)
{
    if (s->counted_line != s->line || s->mark < s->counted_at) {
        const char *before = memrchr(s->in, '\n', s->mark);
        s->counted_line = s->line;
        s->counted_at = before != NULL ? (size_t)(before + 1 - s->in) : 0;
        s->counted = 1;
    }
    if (s->counted_at < s->mark) {
        s->counted += (int)utf8_count(s->in + s->counted_at, s->mark - s->counted_at);
        s->counted_at = s->mark;
    }
    return s->counted;
}

static void complain(struct scan *s, int line, const char *cure, const char *cause)
{
    struct origin at = {.file = s->file, .line = line};
    if (line == s->line)
        at.column = column_here(s);
    diag_add(s->diags, DIAG_ERROR, &at, cure, "%s", cause);
}

static void emit(struct scan *s, char c)
{
    chunks_put(&s->out, c);
}

static int peek(const struct scan *s, size_t ahead)
{
    return s->at + ahead < s->size ? (unsigned char)s->in[s->at + ahead] : -1;
}

/* Behind what is put in before it, a word stands further back. */
static void insert(struct scan *s, size_t position, const char *text)
{
    size_t length = strlen(text);
    chunks_insert(&s->out, position, text);
    for (unsigned i = 0; i < 2; i++)
        if (s->words[i].start >= position)
            s->words[i].start += length;
}

/* ---- carriage returns ---- */

/* Not as a part of a line's end, and something follows. */
static bool is_lone_return(const struct scan *s)
{
    size_t ahead = 0;
    while (peek(s, ahead) == '\r')
        ahead++;
    return ahead > 0 && peek(s, ahead) >= 0 && peek(s, ahead) != '\n';
}

/* Some programs show the end of a line there, and others nothing at all: in a comment what follows
 * is in force for the eyes of some only. So neither reading is taken. Once is enough: there is one
 * in each line. */
static void complain_return(struct scan *s)
{
    const size_t mark = s->mark;
    if (s->returned)
        return;
    s->mark = s->at;
    complain(s, s->line, "end lines as Unix or Windows do: tr '\\r' '\\n' <FILE >FILE.new",
             "a carriage return stands alone, as at a line's end in old Mac files");
    s->mark = mark;
    s->returned = true;
}

/* ---- words ---- */

static void note_word(struct scan *s)
{
    if (s->after_equals) {
        s->after_equals = false;
        s->word_count = 0;
        if (s->equals.line == s->line)
            return;
        /* Not its value, but the next key: the value is missing. Say so where it is missing, by
         * an empty one, which no key accepts. */
        insert(s, s->equals.start, "\"\"");
    }
    s->words[0] = s->words[1];
    s->words[1] = (struct chunks_word){s->out.length, s->line};
    if (s->word_count < 2)
        s->word_count++;
}

static void blank_line(struct scan *s)
{
    while (peek(s, 0) >= 0 && peek(s, 0) != '\n' && !is_lone_return(s))
        s->at++;
}

/* include() takes one word; libconfuse leaks its arguments when it meets anything else. */
static void close_paren(struct scan *s)
{
    if (!s->paren_filled) {
        emit(s, '"');
        emit(s, '"');
    }
    emit(s, ')');
    s->paren_line = 0;
}

static void complain_paren(struct scan *s)
{
    complain(s, s->line, "write include(\"FILE\") with one file or pattern in quotes",
             "the parentheses do not hold one word");
}

static void break_paren(struct scan *s)
{
    complain_paren(s);
    blank_line(s);
    close_paren(s);
}

/* True when a word may stand here. */
static bool enter_word(struct scan *s)
{
    if (s->paren_line == 0)
        return true;
    if (s->paren_filled) {
        break_paren(s);
        return false;
    }
    s->paren_filled = true;
    return true;
}

static bool is_word_byte(int c)
{
    return c > ' ' && c != 127 && strchr("#\"'={}()+,*", c) == NULL;
}

/* At "${": to the last byte of "${NAME}", so that its braces are not taken for others. */
static void skip_variable(struct scan *s)
{
    size_t size = 2;
    while (isalnum(peek(s, size)) || peek(s, size) == '_')
        size++;
    if (peek(s, size) == '}')
        s->at += size;
}

static void scan_word(struct scan *s)
{
    if (!enter_word(s))
        return;
    note_word(s);
    while (is_word_byte(peek(s, 0))) {
        int c = peek(s, 0);
        s->mark = s->at;
        if (c == '$' && peek(s, 1) == '{') {
            complain(s, s->line, "write the value itself",
                     "${...} is not replaced from the environment");
            c = SCAN_MENDED;
            skip_variable(s);
        }
        emit(s, (char)c);
        s->at++;
    }
}

/* ---- strings ---- */

static void scan_escape(struct scan *s, int quote)
{
    int c = peek(s, 1);
    if (c == '\\' || c == quote) {
        emit(s, '\\');
        emit(s, (char)c);
        s->at += 2;
        return;
    }
    complain(s, s->line, "write \\\\ for a backslash and \\\" for a quotation mark",
             "a backslash in a string stands before neither a backslash nor a quotation mark");
    emit(s, SCAN_MENDED);
    s->at++;
}

static void scan_string_byte(struct scan *s, int quote)
{
    int c = peek(s, 0);
    s->mark = s->at;
    if (c == '\\') {
        scan_escape(s, quote);
        return;
    }
    if (quote == '"' && c == '$' && peek(s, 1) == '{') {
        complain(s, s->line, "write the value itself; in '...' a ${ is plain text",
                 "${...} is not replaced from the environment");
        c = SCAN_MENDED;
    } else if ((c < ' ' && c != '\t') || c == 127) {
        complain(s, s->line, "remove it", "a string holds a control character");
        c = SCAN_MENDED;
    }
    emit(s, (char)c);
    s->at++;
}

static void scan_string(struct scan *s, int quote)
{
    if (!enter_word(s))
        return;
    const size_t began = s->at;
    note_word(s);
    emit(s, (char)quote);
    s->at++;
    if (s->paren_line != 0 && peek(s, 0) == quote)
        complain_paren(s);
    for (int c = peek(s, 0); c != quote; c = peek(s, 0)) {
        bool ends = c < 0 || c == '\n' || (c == '\r' && peek(s, 1) == '\n');
        if (ends) {
            s->mark = began;
            complain(s, s->line, "put a quotation mark at its end",
                     "a string is not closed on the line where it begins");
            emit(s, (char)quote);
            return;
        }
        scan_string_byte(s, quote);
    }
    emit(s, (char)quote);
    s->at++;
}

/* ---- comments ---- */

static void scan_block_comment(struct scan *s)
{
    int began = s->line;
    for (s->at += 2; peek(s, 0) >= 0; s->at++) {
        if (peek(s, 0) == '*' && peek(s, 1) == '/') {
            s->at += 2;
            emit(s, ' ');
            return;
        }
        if (is_lone_return(s))
            complain_return(s);
        if (peek(s, 0) == '\n') {
            emit(s, '\n');
            s->line++;
        }
    }
    complain(s, began, "put */ at its end; a value with /* in it needs quotation marks",
             "a comment that begins with /* is not closed");
}

/* ---- punctuation ---- */

static void close_list_early(struct scan *s)
{
    complain(s, s->list_line, "put } behind its last value", "a list is not closed");
    insert(s, s->words[1].start, "} ");
    s->list_line = 0;
}

static void scan_equals(struct scan *s)
{
    if (s->list_line != 0 && s->word_count > 0)
        close_list_early(s);
    emit(s, '=');
    s->at++;
    s->equals = (struct chunks_word){s->out.length, s->line};
    s->after_equals = true;
    s->word_count = 0;
}

/* ---- blocks ---- */

/* Only these stand in others. */
static bool is_inner(const struct scan *s, struct chunks_word kind)
{
    static const char inner[] = "server-name";
    const size_t size = sizeof inner - 1, behind = kind.start + size;
    return behind <= s->out.length && memcmp(s->out.text + kind.start, inner, size) == 0 &&
           (behind == s->out.length || !is_word_byte((unsigned char)s->out.text[behind]));
}

/* End the chunk before that word, and the block in it. */
static void close_before(struct scan *s, struct chunks_word name, enum chunk_kind kind)
{
    insert(s, name.start, "} ");
    name.start += 2;
    chunks_split(&s->out, name, kind);
}

static void complain_open(struct scan *s, int line)
{
    complain(s, line, "put } behind its last key", "a block is not closed");
}

/* Longer ones there are none. */
static void note_kind(struct scan *s, struct chunks_word kind)
{
    size_t size = 0;
    while (kind.start + size < s->out.length &&
           is_word_byte((unsigned char)s->out.text[kind.start + size]))
        size++;
    if (size >= sizeof s->kind)
        size = 0;
    memcpy(s->kind, s->out.text + kind.start, size);
    s->kind[size] = '\0';
}

/* What is open lacks its end, but for an outer block where an inner one begins: libconfuse gets
 * that in parts. */
static void open_block(struct scan *s)
{
    struct chunks_word name = {s->out.length, s->line};
    if (s->word_count > 0)
        name = s->words[2 - s->word_count];
    const bool inner = s->block_line != 0 && is_inner(s, name);
    if (s->inner_line != 0)
        complain_open(s, s->inner_line);
    if (s->block_line != 0 && !inner)
        complain_open(s, s->block_line);
    if (s->block_line != 0)
        close_before(s, name, s->inner_line != 0 ? CHUNK_INNER : s->part);
    else
        chunks_split(&s->out, name, CHUNK_BETWEEN);
    s->inner_line = inner ? name.line : 0;
    if (inner)
        return;
    s->block_line = name.line;
    s->part = CHUNK_BLOCK;
    note_kind(s, (struct chunks_word){s->out.start, name.line});
}

static void close_inner(struct scan *s)
{
    emit(s, '}');
    chunks_end(&s->out, CHUNK_INNER, s->line);
    chunks_puts(&s->out, s->kind[0] != '\0' ? s->kind : "_");
    chunks_puts(&s->out, " _ {");
    s->part = CHUNK_REST;
    s->inner_line = 0;
}

static void close_block(struct scan *s)
{
    emit(s, '}');
    chunks_end(&s->out, s->part, s->line);
    s->block_line = 0;
}

static void scan_open(struct scan *s)
{
    s->at++;
    if (s->list_line != 0) {
        complain(s, s->line, "write all values into one list", "a list begins inside a list");
        return;
    }
    if (s->after_equals)
        s->list_line = s->line;
    else
        open_block(s);
    s->after_equals = false;
    s->word_count = 0;
    emit(s, '{');
}

static void scan_close(struct scan *s)
{
    s->at++;
    s->word_count = 0;
    s->after_equals = false;
    if (s->list_line != 0) {
        s->list_line = 0;
        emit(s, '}');
        return;
    }
    if (s->inner_line != 0)
        close_inner(s);
    else if (s->block_line != 0)
        close_block(s);
    else
        complain(s, s->line, "remove it, or look for a { that is missing above",
                 "a } closes nothing");
}

static void scan_paren(struct scan *s, int c)
{
    s->at++;
    s->word_count = 0;
    if (c == '(') {
        emit(s, '(');
        s->paren_line = s->line;
        s->paren_filled = false;
    } else if (s->paren_line != 0 && s->paren_filled) {
        close_paren(s);
    } else if (s->paren_line != 0) {
        break_paren(s);
    } else {
        complain(s, s->line, "remove it", "a ) closes nothing");
    }
}

static void scan_stray(struct scan *s, int c)
{
    s->at++;
    emit(s, ' ');
    if (c == '*' || c == '+')
        complain(s, s->line, "put the value into quotation marks",
                 c == '*' ? "a * stands outside of quotation marks"
                          : "a + stands outside of quotation marks");
    else
        complain(s, s->line, "remove it", "there is a control character");
}

static void scan_newline(struct scan *s)
{
    emit(s, '\n');
    s->at++;
    s->line++;
}

/* ---- the pass ---- */

static bool scan_blank(struct scan *s, int c)
{
    if (is_lone_return(s))
        complain_return(s);
    if (c == '\n')
        scan_newline(s);
    else if (c == ' ' || c == '\t' || c == '\r')
        emit(s, s->in[s->at++] == '\t' ? '\t' : ' ');
    else if (c == '#' || (c == '/' && peek(s, 1) == '/'))
        blank_line(s);
    else if (c == '/' && peek(s, 1) == '*')
        scan_block_comment(s);
    else
        return false;
    return true;
}

static void scan_token(struct scan *s)
{
    int c = peek(s, 0);
    s->mark = s->at;
    if (scan_blank(s, c))
        return;
    if (s->paren_line != 0 && strchr("={},+(", c) != NULL) {
        break_paren(s);
    } else if (c == '"' || c == '\'') {
        scan_string(s, c);
    } else if (c == '=') {
        scan_equals(s);
    } else if (c == '+' && peek(s, 1) == '=') {
        emit(s, '+');
        s->at++;
        scan_equals(s);
    } else if (c == '{') {
        scan_open(s);
    } else if (c == '}') {
        scan_close(s);
    } else if (c == '(' || c == ')') {
        scan_paren(s, c);
    } else if (c == ',') {
        emit(s, ',');
        s->at++;
        s->word_count = 0;
    } else if (is_word_byte(c)) {
        scan_word(s);
    } else {
        scan_stray(s, c);
    }
}

static void scan_end(struct scan *s)
{
    if (s->paren_line != 0)
        break_paren(s);
    if (s->list_line != 0) {
        complain(s, s->list_line, "put } behind its last value", "a list is not closed");
        emit(s, '}');
    }
    if (s->inner_line != 0) {
        complain_open(s, s->inner_line);
        close_inner(s);
    }
    if (s->block_line != 0) {
        complain_open(s, s->block_line);
        close_block(s);
    }
    chunks_end(&s->out, CHUNK_BETWEEN, s->line);
}

struct chunk *scan_text(struct arena *a, struct diags *d, const char *file,
                        const struct bundle_entry *text)
{
    struct scan s = {
        .diags = d, .file = file, .in = (const char *)text->data, .size = text->size, .line = 1};
    if (chunks_begin(&s.out, a, text->size) != 0)
        return NULL;
    if (s.size >= 3 && memcmp(s.in, "\xEF\xBB\xBF", 3) == 0)
        s.at = 3; /* a byte order mark */
    while (s.at < s.size && !a->failed)
        scan_token(&s);
    scan_end(&s);
    return s.out.first;
}
