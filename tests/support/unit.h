/* unit.h - what the tests of proxy/ have in common. */
#ifndef TLSFRONT_TESTS_PROXY_UNIT_H
#define TLSFRONT_TESTS_PROXY_UNIT_H

#include "proxy/base/buf.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* What the buffer holds, byte for byte, and that nothing was lost. */
static inline void assert_holds(const struct buf *b, const void *bytes, size_t size)
{
    assert_false(b->failed);
    assert_int_equal(b->size, size);
    if (size > 0)
        assert_memory_equal(b->data, bytes, size);
}

static inline void assert_text(struct buf *b, const char *expected)
{
    assert_false(b->failed);
    char *text = calloc(b->size + 1, 1);
    assert_non_null(text);
    if (b->size > 0)
        memcpy(text, b->data, b->size);
    assert_string_equal(text, expected);
    free(text);
}

/* Descriptors that this process has open. */
static inline unsigned open_descriptors(void)
{
    unsigned n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n - 3; /* ".", ".." and the directory's own */
}

/* A fresh directory; remove_directory() takes away what lies in it, too. */
static inline void make_directory(char path[32])
{
    strcpy(path, "/tmp/tlsfront-unit-XXXXXX");
    assert_non_null(mkdtemp(path));
}

static inline void remove_directory(const char *path)
{
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    assert_int_equal(rmdir(path), 0);
}

#endif
