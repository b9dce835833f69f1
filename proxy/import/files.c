/* files.c - the disk. */
#include "proxy/import/files.h"
#include "proxy/import/pool.h"

#include "config/file.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)16 << 20)

const char *files_read(struct arena *a, const char *path, const struct origin *at, size_t *size,
                       struct diags *d)
{
    struct file_bytes bytes = {0};
    struct err e;
    int error;
    if (file_read(path, FILE_MAX, &bytes, &error, &e) != 0) {
        diag_add(d, DIAG_ERROR, at, err_cure_or(&e, file_cure(error)), "%s: %s", path, e.text);
        return NULL;
    }
    const char *text = pool_text(a, (const char *)bytes.data, bytes.size);
    *size = bytes.size;
    file_bytes_free(&bytes);
    return text;
}

const char *files_absolute(struct arena *a, const char *base, const char *path)
{
    if (path[0] == '/')
        return path;
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    if (strcmp(path, ".") == 0 || *path == '\0')
        return base;
    const size_t size = strlen(base);
    return pool_format(a, size > 0 && base[size - 1] == '/' ? "%s%s" : "%s/%s", base, path);
}

const char *files_here(struct arena *a)
{
    char *here = getcwd(NULL, 0);
    const char *text = here == NULL ? "/" : pool_text(a, here, strlen(here));
    free(here);
    return text;
}

const char *files_directory(struct arena *a, const char *path)
{
    path = files_absolute(a, files_here(a), path);
    const char *slash = strrchr(path, '/');
    return slash == path ? "/" : pool_text(a, path, (size_t)(slash - path));
}

bool files_exist(const char *path)
{
    return access(path, F_OK) == 0;
}

bool files_is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

struct paths files_matching(struct arena *a, const char *pattern)
{
    struct paths found = {0};
    glob_t g;
    if (glob(pattern, 0, NULL, &g) != 0)
        return found;
    for (size_t i = 0; i < g.gl_pathc; i++) {
        if (files_is_directory(g.gl_pathv[i]))
            continue;
        found.items = pool_grow(a, found.items, found.count, &found.room, sizeof *found.items);
        found.items[found.count++] = pool_text(a, g.gl_pathv[i], strlen(g.gl_pathv[i]));
    }
    globfree(&g);
    return found;
}

/* glob(3) would take signs in the directory's own name for patterns. */
struct paths files_in(struct arena *a, const char *directory)
{
    const size_t size = strlen(directory);
    char *pattern = pool_alloc(a, 2 * size + 3), *end = pattern;
    for (const char *c = directory; *c != '\0'; c++) {
        if (strchr("*?[\\", *c) != NULL)
            *end++ = '\\';
        *end++ = *c;
    }
    strcpy(end, size > 0 && directory[size - 1] == '/' ? "*" : "/*");
    return files_matching(a, pattern);
}

bool files_have_key(const char *path)
{
    static const char mark[] = "PRIVATE KEY-----";
    struct file_bytes bytes = {0};
    struct err e;
    int error;
    if (file_read(path, FILE_MAX, &bytes, &error, &e) != 0)
        return false;
    const bool found = memmem(bytes.data, bytes.size, mark, sizeof mark - 1) != NULL;
    file_bytes_free(&bytes);
    return found;
}
