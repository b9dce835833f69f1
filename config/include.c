/* include.c - expands include("PATTERN") and reads what it matches. */
#include "config/include.h"
#include "config/confined.h"
#include "config/file.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <sys/stat.h>

enum { DEPTH_MAX = 8 };

struct include_text {
    const char *path;
    dev_t device; /* which file it is, whatever its name */
    ino_t inode;
    unsigned depth; /* 0: the main file */
    struct include_text *next;
};

struct include include_begin(struct bundle *b, struct arena *a, struct diags *d)
{
    return (struct include){.bundle = b, .arena = a, .diags = d};
}

static void append(struct include *in, struct include_text *text)
{
    struct include_text **link = &in->texts;
    while (*link != NULL)
        link = &(*link)->next;
    *link = text;
}

static const struct include_text *find_same(const struct include *in, const struct stat *st)
{
    for (const struct include_text *t = in->texts; t != NULL; t = t->next)
        if (t->device == st->st_dev && t->inode == st->st_ino)
            return t;
    return NULL;
}

static int read_text(struct include *in, const char *path, unsigned depth, const struct origin *at)
{
    struct stat st = {0};
    struct err e = {.text = ""};
    bool known = strcmp(path, "-") != 0 && stat(path, &st) == 0;
    if (known && find_same(in, &st) != NULL) {
        diag_add(in->diags, DIAG_ERROR, at, "include it once", "\"%s\" is included twice", path);
        return -1;
    }
    if (bundle_read(in->bundle, BUNDLE_TEXT, path, &e) != 0) {
        int error = errno;
        in->arena->failed |= error == ENOMEM;
        diag_add(in->diags, DIAG_ERROR, at,
                 err_cure_or(&e, error == 0 ? "name a configuration file"
                                            : confined_cure(error, path, file_cure(error))),
                 "%s", e.text);
        return -1;
    }
    struct include_text *text = arena_alloc(in->arena, sizeof *text);
    if (text == NULL)
        return -1;
    *text = (struct include_text){arena_copy(in->arena, path), st.st_dev, st.st_ino, depth, NULL};
    append(in, text);
    return 0;
}

int include_main(struct include *in, const char *path)
{
    return read_text(in, path, 0, NULL);
}

/* ---- patterns ---- */

/* Relative patterns start at the directory of the file that includes. */
static const char *resolve(struct include *in, const char *from, const char *pattern)
{
    const char *slash = strrchr(from, '/');
    if (strcmp(pattern, "-") == 0 && slash == NULL)
        return "./-"; /* a file of that name, not standard input */
    if (pattern[0] == '/' || slash == NULL)
        return pattern;
    return arena_format(in->arena, "%.*s/%s", (int)(slash - from), from, pattern);
}

static bool is_pattern(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

static void expand(struct include *in, unsigned depth, const char *pattern, const struct origin *at)
{
    /* glibc's glob() frees twice when it runs out of memory (2.36). */
    if (!arena_headroom(in->arena, (size_t)1 << 20))
        return;
    glob_t found;
    int result = glob(pattern, GLOB_ERR, NULL, &found); /* sorted */
    if (result == 0)
        for (size_t i = 0; i < found.gl_pathc && !in->arena->failed; i++)
            read_text(in, found.gl_pathv[i], depth, at);
    else if (result == GLOB_NOSPACE)
        in->arena->failed = true;
    else if (result != GLOB_NOMATCH && errno != ENOENT)
        diag_add(in->diags, DIAG_ERROR, at, "let the user who starts tlsfront read the directory",
                 "cannot look for \"%s\": %s", pattern, strerror(errno));
    globfree(&found);
}

static void include_one(struct include *in, const struct include_text *from, const struct value *v)
{
    const char *pattern = resolve(in, from->path, v->text);
    if (pattern == NULL)
        return;
    if (from->depth == DEPTH_MAX)
        diag_add(in->diags, DIAG_ERROR, &v->at, "include it from a file further up",
                 "include(\"%s\"): more than %d files deep", v->text, DEPTH_MAX);
    else if (is_pattern(pattern))
        expand(in, from->depth + 1, pattern, &v->at);
    else
        read_text(in, pattern, from->depth + 1, &v->at);
}

void include_expand(struct include *in, size_t index, const struct value *patterns)
{
    const struct include_text *from = in->texts;
    while (index-- > 0 && from != NULL)
        from = from->next;
    for (; patterns != NULL && from != NULL && !in->arena->failed; patterns = patterns->next)
        include_one(in, from, patterns);
}
