/* diag.h - what is wrong with a configuration: a list of findings, each with file, line, cause and
 * cure. Every check adds to the list and goes on, so that an operator sees all mistakes at once. */
#ifndef TLSFRONT_DIAG_H
#define TLSFRONT_DIAG_H

#include <stdbool.h>
#include <stddef.h>

/* A place in the configuration text, and what stands there; the texts are owned by the config it
 * came from. `file` is NULL when a finding belongs to no place; `line` counts from 1, 0 when only
 * the file is known. */
struct origin {
    const char *file;
    int line;
    int column;              /* in characters, from 1; 0: columns_find() has to look for it */
    const char *key;         /* NULL: none */
    const char *kind, *name; /* of the block, as in "route" and "pop3s"; NULL: none, or unknown */
    bool mended;             /* it is not what was written, which there is a finding of already */
};

enum diag_severity {
    DIAG_WARNING, /* works, but the operator should know */
    DIAG_EXPIRED, /* a certificate outside its validity: an error for check, and for a reload that
                   * brings it; only a warning where it is in service, and at a start, since
                   * refusing to serve at all would be worse */
    DIAG_ERROR,   /* the configuration is refused */
};

/* The longest text in a finding, with its NUL; what is longer ends with "...". */
enum { DIAG_TEXT_MAX = 1600 };

struct diag {
    enum diag_severity severity;
    char *file; /* NULL: none; as the next ones */
    int line, column;
    char *key, *kind, *name; /* as in struct origin */
    char *cause;
    char *cure;    /* NULL: the cause says it all */
    bool left_out; /* the text says something that is not in the configuration that was read */
};

struct diags {
    struct diag *items;
    size_t count;
    bool out_of_memory; /* a finding was lost: counts as an error */
};

/* The text as people are shown it, who may have a terminal: control characters and what is not
 * UTF-8 as \xHH, and cut where nobody would read on. */
void diag_show(const char *text, char out[DIAG_TEXT_MAX]);

/* Add a finding; none about what was mended. All texts are copied, as diag_show() has them. `where`
 * and `cure` may be NULL. */
void diag_add(struct diags *d, enum diag_severity severity, const struct origin *where,
              const char *cure, const char *cause_format, ...)
    __attribute__((format(printf, 5, 6)));

/* Add one of another list, as it is there. */
void diag_copy(struct diags *d, const struct diag *from);

/* True when nothing in the list is at or above `severity` (warnings never count as refusal). */
bool diag_ok(const struct diags *d, enum diag_severity refuse_at);

/* How texts name a file: "standard input" for "-". */
const char *diag_file_name(const char *file);

/* "FILE:LINE: error: CAUSE\n    cure: CURE\n" into buf, as snprintf does. Expired reads "error". */
int diag_format(const struct diag *d, char *buf, size_t size);

/* Put the findings from number `from` on into the order of the text: by file, then by line; those
 * without a place come last. */
void diag_sort(struct diags *d, size_t from);

/* The list is empty after it, and may be used anew. */
void diags_free(struct diags *d);

#endif
