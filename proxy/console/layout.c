#include "proxy/console/layout.h"
#include "proxy/base/cells.h"
#include "proxy/console/glyphs.h"

#include <string.h>

enum { COLUMNS_MAX = 16, GAP = 2, CUT_MIN = 6 };

struct view {
    size_t columns;
    bool utf8;
    struct buf *out;
    struct buf line; /* in the making */
};

struct table {
    size_t count;
    char kind[COLUMNS_MAX]; /* enum cells_column */
    size_t width[COLUMNS_MAX];
};

struct cell {
    const char *text;
    size_t size;
};

/* ---- the text ---- */

static size_t line_length(const char *line)
{
    return strcspn(line, "\n");
}

static const char *next_line(const char *line)
{
    line += line_length(line);
    return *line == '\n' ? line + 1 : line;
}

/* Of the line at `line`, behind its mark. */
static size_t split(const char *line, struct cell *cells)
{
    const char *end = line + line_length(line);
    size_t count = 0;
    for (const char *at = line + 1; at < end && count < COLUMNS_MAX; count++) {
        cells[count] = (struct cell){at, strcspn(at, "\t\n")};
        at += cells[count].size + 1;
    }
    return count;
}

/* ---- a table ---- */

static void widen(const struct view *v, struct table *t, size_t column, struct cell c)
{
    const size_t width = glyphs_width(c.text, c.size, v->utf8);
    t->width[column] = width > t->width[column] ? width : t->width[column];
}

static void take_heading(const struct view *v, struct table *t, struct cell *cells, size_t count)
{
    *t = (struct table){.count = count};
    for (size_t i = 0; i < count; i++) {
        if (cells[i].size > 0) {
            t->kind[i] = *cells[i].text++;
            cells[i].size--;
        }
        widen(v, t, i, cells[i]);
    }
}

static void measure(const struct view *v, struct table *t, const char *heading)
{
    struct cell cells[COLUMNS_MAX];
    take_heading(v, t, cells, split(heading, cells));
    for (const char *row = next_line(heading); *row == CELLS_ROW; row = next_line(row)) {
        const size_t count = split(row, cells);
        for (size_t i = 0; i < count && i < t->count; i++)
            widen(v, t, i, cells[i]);
    }
}

static size_t total(const struct table *t)
{
    size_t sum = 0;
    for (size_t i = 0; i < t->count; i++)
        sum += t->width[i] + (i > 0 ? GAP : 0);
    return sum;
}

/* The widest that may be cut; `count` of the table: none can be any more. */
static size_t widest(const struct table *t)
{
    size_t found = t->count;
    for (size_t i = 0; i < t->count; i++)
        if (t->kind[i] == CELLS_CUT && t->width[i] > CUT_MIN &&
            (found == t->count || t->width[i] > t->width[found]))
            found = i;
    return found;
}

static void narrow(const struct view *v, struct table *t)
{
    for (size_t i; total(t) > v->columns && (i = widest(t)) < t->count;)
        t->width[i]--;
}

/* ---- lines ---- */

static void put_blanks(struct buf *out, size_t count)
{
    for (; count > 0; count--)
        buf_put(out, " ", 1);
}

static void put_cell(struct view *v, const struct table *t, size_t i, struct cell c)
{
    const size_t width = glyphs_width(c.text, c.size, v->utf8);
    const size_t free = width < t->width[i] ? t->width[i] - width : 0;
    put_blanks(&v->line, i > 0 ? GAP : 0);
    if (t->kind[i] == CELLS_RIGHT)
        put_blanks(&v->line, free);
    const size_t taken = glyphs_put(&v->line, c.text, c.size, t->width[i], v->utf8);
    if (t->kind[i] != CELLS_RIGHT && i + 1 < t->count)
        put_blanks(&v->line, t->width[i] - taken);
}

static void end_line(struct view *v)
{
    while (v->line.size > 0 && v->line.data[v->line.size - 1] == ' ')
        v->line.size--;
    glyphs_put(v->out, (const char *)v->line.data, v->line.size, v->columns, v->utf8);
    buf_put(v->out, "\n", 1);
    v->out->failed |= v->line.failed;
    buf_drop(&v->line, v->line.size);
}

static void put_row(struct view *v, const struct table *t, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count && i < t->count; i++)
        put_cell(v, t, i, cells[i]);
    end_line(v);
}

/* Returns what stands behind the table. */
static const char *put_table(struct view *v, const char *line)
{
    struct table t, ignored;
    struct cell cells[COLUMNS_MAX];
    measure(v, &t, line);
    narrow(v, &t);
    const size_t headings = split(line, cells);
    take_heading(v, &ignored, cells, headings); /* takes the marks off */
    put_row(v, &t, cells, headings);
    for (line = next_line(line); *line == CELLS_ROW; line = next_line(line)) {
        const size_t count = split(line, cells);
        put_row(v, &t, cells, count);
    }
    return line;
}

static const char *put_text(struct view *v, const char *line)
{
    struct cell cell[COLUMNS_MAX];
    if (split(line, cell) > 0)
        glyphs_put(v->out, cell[0].text, cell[0].size, v->columns, v->utf8);
    buf_put(v->out, "\n", 1);
    return next_line(line);
}

void layout(const char *text, size_t columns, bool utf8, struct buf *out)
{
    struct view v = {.columns = columns, .utf8 = utf8, .out = out};
    buf_init(&v.line, (size_t)1 << 20);
    while (*text != '\0')
        text = *text == CELLS_HEADING ? put_table(&v, text) : put_text(&v, text);
    buf_free(&v.line);
}
