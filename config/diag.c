/* diag.c - the list of findings and how one reads. */
#include "config/diag.h"
#include "config/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One character of `text` as it is shown: findings quote what was found, which may be any bytes,
 * and end on terminals. Returns the bytes taken. */
static size_t show(char *out, size_t *size, const char *text)
{
    const size_t n = utf8_length((const uint8_t *)text, SIZE_MAX);
    if (n == 0 || (unsigned char)*text < ' ' || *text == 0x7f) {
        *size += (size_t)sprintf(out + *size, "\\x%02x", (unsigned char)*text);
        return 1;
    }
    memcpy(out + *size, text, n);
    *size += n;
    return n;
}

void diag_show(const char *text, char out[DIAG_TEXT_MAX])
{
    static const char cut[] = "...";
    enum { LONGEST_SHOWN = 4 };
    size_t size = 0;
    while (*text != '\0' && size + LONGEST_SHOWN + sizeof cut <= DIAG_TEXT_MAX)
        text += show(out, &size, text);
    strcpy(out + size, *text != '\0' ? cut : "");
}

/* As it is shown. */
static char *copy_text(struct diags *d, const char *text)
{
    char shown[DIAG_TEXT_MAX];
    if (text == NULL)
        return NULL;
    diag_show(text, shown);
    char *copy = strdup(shown);
    d->out_of_memory |= copy == NULL;
    return copy;
}

static struct diag *add_slot(struct diags *d)
{
    /* Grows at 0, 8, 16, 32, ...: whenever count is the capacity that was asked for last. */
    bool full = d->count == 0 || (d->count >= 8 && (d->count & (d->count - 1)) == 0);
    if (full) {
        size_t capacity = d->count == 0 ? 8 : d->count * 2;
        struct diag *items = realloc(d->items, capacity * sizeof *items);
        if (items == NULL) {
            d->out_of_memory = true;
            return NULL;
        }
        d->items = items;
    }
    return &d->items[d->count++];
}

void diag_add(struct diags *d, enum diag_severity severity, const struct origin *where,
              const char *cure, const char *cause_format, ...)
{
    struct diag *item = where == NULL || !where->mended ? add_slot(d) : NULL;
    if (item == NULL)
        return;
    *item = (struct diag){.severity = severity};
    if (where != NULL) {
        item->file = copy_text(d, where->file);
        item->line = where->line;
        item->column = where->column;
        item->key = copy_text(d, where->key);
        item->kind = copy_text(d, where->kind);
        item->name = copy_text(d, where->name);
    }
    item->cure = copy_text(d, cure);

    char *cause;
    va_list args;
    va_start(args, cause_format);
    if (vasprintf(&cause, cause_format, args) < 0)
        cause = NULL;
    va_end(args);
    item->cause = copy_text(d, cause);
    d->out_of_memory |= cause == NULL;
    free(cause);
}

void diag_copy(struct diags *d, const struct diag *from)
{
    const struct origin at = {.file = from->file,
                              .line = from->line,
                              .column = from->column,
                              .key = from->key,
                              .kind = from->kind,
                              .name = from->name};
    const size_t count = d->count;
    diag_add(d, from->severity, &at, from->cure, "%s", from->cause);
    if (d->count > count)
        d->items[count].left_out = from->left_out;
}

bool diag_ok(const struct diags *d, enum diag_severity refuse_at)
{
    if (d->out_of_memory)
        return false;
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].severity != DIAG_WARNING && d->items[i].severity >= refuse_at)
            return false;
    return true;
}

const char *diag_file_name(const char *file)
{
    return strcmp(file, "-") == 0 ? "standard input" : file;
}

int diag_format(const struct diag *d, char *buf, size_t size)
{
    char line[16] = "";
    if (d->file != NULL && d->line > 0)
        snprintf(line, sizeof line, ":%d", d->line);
    const char *file = d->file == NULL ? "" : diag_file_name(d->file);
    return snprintf(buf, size, "%s%s%s%s: %s\n%s%s%s", file, line, d->file != NULL ? ": " : "",
                    d->severity == DIAG_WARNING ? "warning" : "error",
                    d->cause != NULL ? d->cause : "out of memory",
                    d->cure != NULL ? "    cure: " : "", d->cure != NULL ? d->cure : "",
                    d->cure != NULL ? "\n" : "");
}

struct place {
    struct diag item;
    size_t index; /* keeps findings about one line in their order */
};

static int compare_places(const void *x_r, const void *y_r)
{
    const struct place *x = x_r, *y = y_r;
    const char *xf = x->item.file, *yf = y->item.file;
    if ((xf == NULL) != (yf == NULL))
        return xf == NULL ? 1 : -1;
    int files = xf == NULL ? 0 : strcmp(xf, yf);
    if (files != 0)
        return files;
    if (x->item.line != y->item.line)
        return x->item.line < y->item.line ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

void diag_sort(struct diags *d, size_t from)
{
    size_t count = d->count - from;
    struct place *places = count < 2 ? NULL : calloc(count, sizeof *places);
    if (places == NULL)
        return; /* the order is a courtesy */
    for (size_t i = 0; i < count; i++)
        places[i] = (struct place){d->items[from + i], i};
    qsort(places, count, sizeof *places, compare_places);
    for (size_t i = 0; i < count; i++)
        d->items[from + i] = places[i].item;
    free(places);
}

void diags_free(struct diags *d)
{
    for (size_t i = 0; i < d->count; i++) {
        free(d->items[i].file);
        free(d->items[i].key);
        free(d->items[i].kind);
        free(d->items[i].name);
        free(d->items[i].cause);
        free(d->items[i].cure);
    }
    free(d->items);
    *d = (struct diags){0};
}
