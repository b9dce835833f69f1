/* test_bundle.c - a bundle survives its way through a sealed memfd, and nothing else does. */
#include "config/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct bundle *sample(void)
{
    struct bundle *b = bundle_new();
    struct err e;
    assert_non_null(b);
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "-", "user = x\n", 9, &e), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/c", "a\0b", 3, &e), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "-", "", 0, &e), 0);
    return b;
}

static void assert_same(const struct bundle *x, const struct bundle *y)
{
    assert_int_equal(bundle_count(x), bundle_count(y));
    for (size_t i = 0; i < bundle_count(x); i++) {
        const struct bundle_entry *a = bundle_at(x, i), *b = bundle_at(y, i);
        assert_int_equal(a->kind, b->kind);
        assert_string_equal(a->path, b->path);
        assert_int_equal(a->size, b->size);
        assert_memory_equal(a->data, b->data, a->size);
        assert_int_equal(b->data[b->size], 0);
    }
}

/* What the memfd holds; the caller frees it. */
static uint8_t *wire_of(const struct bundle *b, size_t *size)
{
    struct err e;
    struct stat st;
    int fd = bundle_to_fd(b, &e);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    *size = (size_t)st.st_size;
    uint8_t *data = malloc(*size);
    assert_non_null(data);
    assert_int_equal(pread(fd, data, *size, 0), (ssize_t)*size);
    close(fd);
    return data;
}

static void round_trip(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = sample();
    int fd = bundle_to_fd(b, &e);
    assert_true(fd >= 0);
    for (int i = 0; i < 2; i++) { /* a second worker reads the same */
        struct bundle *copy = bundle_from_fd(fd, &e);
        assert_non_null(copy);
        assert_same(b, copy);
        bundle_free(copy);
    }
    close(fd);
    bundle_free(b);
}

static void empty_bundle_round_trip(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = bundle_new();
    int fd = bundle_to_fd(b, &e);
    struct bundle *copy = bundle_from_fd(fd, &e);
    assert_non_null(copy);
    assert_int_equal(bundle_count(copy), 0);
    close(fd);
    bundle_free(copy);
    bundle_free(b);
}

static void entries_are_found_by_kind_and_path(void **state)
{
    (void)state;
    struct bundle *b = sample();
    assert_ptr_equal(bundle_find(b, BUNDLE_TEXT, "-"), bundle_at(b, 0));
    assert_ptr_equal(bundle_find(b, BUNDLE_FILE, "-"), bundle_at(b, 2));
    assert_ptr_equal(bundle_find(b, BUNDLE_FILE, "/c"), bundle_at(b, 1));
    assert_null(bundle_find(b, BUNDLE_TEXT, "/c"));
    assert_null(bundle_find(b, BUNDLE_FILE, "/"));
    bundle_free(b);
}

static void entries_do_not_move(void **state)
{
    char path[32];
    (void)state;
    struct bundle *b = sample();
    const struct bundle_entry *first = bundle_at(b, 0);
    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "/%d", i);
        assert_int_equal(bundle_add(b, BUNDLE_FILE, path, path, strlen(path), NULL), 0);
    }
    assert_ptr_equal(bundle_at(b, 0), first);
    assert_string_equal(first->path, "-");
    assert_string_equal((const char *)bundle_find(b, BUNDLE_FILE, "/999")->data, "/999");
    bundle_free(b);
}

static void the_same_entry_twice_is_refused(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = sample();
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/c", "", 0, &e), -1);
    assert_non_null(strstr(e.text, "already"));
    assert_int_equal(bundle_count(b), 3);
    bundle_free(b);
}

static void limits_are_kept(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = bundle_new();
    char path[BUNDLE_PATH_MAX + 2];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(bundle_add(b, BUNDLE_FILE, path, "", 0, &e), -1);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "", "", 0, &e), -1);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, path + 1, "", 0, &e), 0);

    uint8_t *big = calloc(1, BUNDLE_FILE_MAX + 1);
    assert_non_null(big);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/big", big, BUNDLE_FILE_MAX + 1, &e), -1);
    assert_non_null(strstr(e.text, "/big"));
    assert_non_null(strstr(e.text, "16 MiB"));
    size_t added = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/%d", i);
        added += bundle_add(b, BUNDLE_FILE, path, big, BUNDLE_FILE_MAX, &e) == 0;
    }
    assert_int_equal(added, BUNDLE_TOTAL_MAX / BUNDLE_FILE_MAX);
    assert_non_null(strstr(e.text, "256 MiB"));
    free(big);
    bundle_free(b);
}

static void cut_at_every_byte_it_is_refused(void **state)
{
    size_t size;
    (void)state;
    struct bundle *b = sample();
    uint8_t *wire = wire_of(b, &size);
    for (size_t cut = 0; cut < size; cut++) {
        struct err e = {.text = ""};
        uint8_t *part = malloc(cut > 0 ? cut : 1); /* exact: a sanitizer sees one byte too far */
        memcpy(part, wire, cut);
        assert_null(bundle_parse(part, cut, &e));
        assert_true(e.text[0] != '\0');
        free(part);
    }
    free(wire);
    bundle_free(b);
}

/* The header's size made to fit, the cut still shows. */
static void cut_with_a_matching_size_it_is_refused(void **state)
{
    size_t size;
    (void)state;
    struct bundle *b = sample();
    uint8_t *wire = wire_of(b, &size);
    for (size_t cut = 24; cut < size; cut++) {
        struct err e;
        uint8_t *part = malloc(cut);
        memcpy(part, wire, cut);
        part[16] = (uint8_t)cut;
        part[17] = (uint8_t)(cut >> 8);
        assert_null(bundle_parse(part, cut, &e));
        free(part);
    }
    free(wire);
    bundle_free(b);
}

static void a_byte_more_is_refused(void **state)
{
    size_t size;
    struct err e;
    (void)state;
    struct bundle *b = sample();
    uint8_t *wire = wire_of(b, &size);
    uint8_t *more = calloc(1, size + 1);
    memcpy(more, wire, size);
    more[16]++;
    assert_null(bundle_parse(more, size + 1, &e));
    assert_non_null(strstr(e.text, "behind its last entry"));
    free(more);
    free(wire);
    bundle_free(b);
}

static void each_wrong_field_is_refused(void **state)
{
    /* Offsets in sample()'s wire form: header 24, then kind 4, path size 4, data size 8, path. */
    static const struct {
        size_t offset;
        uint8_t value;
        const char *words;
    } rows[] = {
        {0, 'X', "not a bundle"},   {7, 'X', "not a bundle"}, {8, 2, "version 2"},
        {16, 0, "size is wrong"},   {23, 1, "size is wrong"}, {24, 3, "unknown kind"},
        {27, 1, "unknown kind"},    {28, 0, "path is empty"}, {31, 1, "ends early"},
        {39, 0xff, "ends early"},   {40, 0, "NUL byte"},      {12, 4, "ends early"},
        {12, 2, "behind its last"},
    };
    size_t size;
    (void)state;
    struct bundle *b = sample();
    uint8_t *wire = wire_of(b, &size);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err e = {.text = ""};
        uint8_t old = wire[rows[i].offset];
        wire[rows[i].offset] = rows[i].value;
        assert_null(bundle_parse(wire, size, &e));
        if (strstr(e.text, rows[i].words) == NULL)
            fail_msg("offset %zu: %s", rows[i].offset, e.text);
        wire[rows[i].offset] = old;
    }
    free(wire);
    bundle_free(b);
}

static void the_memfd_is_sealed_and_closed_on_exec(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = sample();
    int fd = bundle_to_fd(b, &e);
    assert_int_equal(fcntl(fd, F_GET_SEALS),
                     F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    close(fd);
    bundle_free(b);
}

static void an_unsealed_or_foreign_descriptor_is_refused(void **state)
{
    size_t size;
    struct err e;
    (void)state;
    struct bundle *b = sample();
    uint8_t *wire = wire_of(b, &size);
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(write(fd, wire, size), (ssize_t)size);
    assert_null(bundle_from_fd(fd, &e));
    assert_non_null(strstr(e.text, "not sealed"));
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
    assert_null(bundle_from_fd(fd, &e)); /* seals could still be... only all four will do */
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
    struct bundle *copy = bundle_from_fd(fd, &e);
    assert_non_null(copy);
    assert_same(b, copy);
    bundle_free(copy);
    close(fd);

    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    assert_null(bundle_from_fd(pipes[0], &e));
    assert_null(bundle_from_fd(-1, &e));
    close(pipes[0]);
    close(pipes[1]);
    free(wire);
    bundle_free(b);
}

/* ---- reading ---- */

static char directory[] = "/tmp/test-bundle-XXXXXX";

static int make_directory(void **state)
{
    (void)state;
    return mkdtemp(directory) == NULL ? -1 : chdir(directory);
}

static int remove_directory(void **state)
{
    (void)state;
    unlink("file");
    unlink("fifo");
    unlink("big");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

static void a_file_is_replaced_in_its_place(void **state)
{
    struct err e = {.text = ""};
    (void)state;
    struct bundle *b = bundle_new();
    bundle_add(b, BUNDLE_TEXT, "/k", "a text of that name", 19, &e);
    bundle_add(b, BUNDLE_FILE, "/k", "closed", 6, &e);
    bundle_add(b, BUNDLE_FILE, "/other", "x", 1, &e);
    assert_int_equal(bundle_replace(b, "/k", "an open one", 11, &e), 0);
    assert_int_equal(bundle_count(b), 3);
    assert_string_equal((const char *)bundle_at(b, 0)->data, "a text of that name");
    assert_string_equal((const char *)bundle_at(b, 1)->data, "an open one");
    assert_int_equal(bundle_at(b, 1)->size, 11);
    assert_ptr_equal(bundle_find(b, BUNDLE_FILE, "/k"), bundle_at(b, 1));
    assert_int_equal(bundle_replace(b, "/k", "", 0, &e), 0);
    assert_int_equal(bundle_at(b, 1)->size, 0);
    assert_int_equal(bundle_replace(b, "/none", "x", 1, &e), -1);
    assert_non_null(strstr(e.text, "/none"));
    bundle_free(b);
}

static void files_are_read_once(void **state)
{
    struct err e;
    (void)state;
    FILE *f = fopen("file", "w");
    fputs("contents", f);
    fclose(f);
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "file", &e), 0);
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "file", &e), 0);
    assert_int_equal(bundle_count(b), 1);
    assert_int_equal(bundle_at(b, 0)->size, 8);
    assert_string_equal((const char *)bundle_at(b, 0)->data, "contents");
    bundle_free(b);
}

static void unreadable_files_say_why(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "nowhere", &e), -1);
    assert_int_equal(errno, ENOENT);
    assert_string_equal(e.text, "cannot read \"nowhere\": No such file or directory");
    assert_int_equal(bundle_read(b, BUNDLE_FILE, directory, &e), -1);
    assert_int_equal(errno, 0);
    assert_non_null(strstr(e.text, "it is a directory"));
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "/dev/zero", &e), -1);
    assert_non_null(strstr(e.text, "not a regular file"));
    assert_int_equal(bundle_count(b), 0);
    bundle_free(b);
}

static void a_fifo_does_not_block(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = bundle_new();
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "fifo", &e), -1);
    assert_non_null(strstr(e.text, "not a regular file"));
    bundle_free(b);
}

static void a_file_of_the_largest_size_is_read_and_no_larger(void **state)
{
    struct err e;
    (void)state;
    struct bundle *b = bundle_new();
    int fd = open("big", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_int_equal(ftruncate(fd, (off_t)BUNDLE_FILE_MAX), 0);
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "big", &e), 0);
    assert_int_equal(bundle_at(b, 0)->size, BUNDLE_FILE_MAX);
    bundle_free(b);

    b = bundle_new();
    assert_int_equal(ftruncate(fd, (off_t)BUNDLE_FILE_MAX + 1), 0);
    assert_int_equal(bundle_read(b, BUNDLE_FILE, "big", &e), -1);
    assert_non_null(strstr(e.text, "larger than 16 MiB"));
    close(fd);
    bundle_free(b);
}

static void standard_input_may_be_a_pipe(void **state)
{
    struct err e;
    int pipes[2], old = dup(STDIN_FILENO);
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    assert_int_equal(dup2(pipes[0], STDIN_FILENO), STDIN_FILENO);
    assert_int_equal(write(pipes[1], "user = x", 8), 8);
    close(pipes[1]);
    close(pipes[0]);
    struct bundle *b = bundle_new();
    assert_int_equal(bundle_read(b, BUNDLE_TEXT, "-", &e), 0);
    assert_string_equal((const char *)bundle_at(b, 0)->data, "user = x");
    bundle_free(b);
    dup2(old, STDIN_FILENO);
    close(old);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(empty_bundle_round_trip),
        cmocka_unit_test(entries_are_found_by_kind_and_path),
        cmocka_unit_test(entries_do_not_move),
        cmocka_unit_test(the_same_entry_twice_is_refused),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(cut_at_every_byte_it_is_refused),
        cmocka_unit_test(cut_with_a_matching_size_it_is_refused),
        cmocka_unit_test(a_byte_more_is_refused),
        cmocka_unit_test(each_wrong_field_is_refused),
        cmocka_unit_test(the_memfd_is_sealed_and_closed_on_exec),
        cmocka_unit_test(an_unsealed_or_foreign_descriptor_is_refused),
        cmocka_unit_test(a_file_is_replaced_in_its_place),
        cmocka_unit_test(files_are_read_once),
        cmocka_unit_test(unreadable_files_say_why),
        cmocka_unit_test(a_fifo_does_not_block),
        cmocka_unit_test(a_file_of_the_largest_size_is_read_and_no_larger),
        cmocka_unit_test(standard_input_may_be_a_pipe),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
