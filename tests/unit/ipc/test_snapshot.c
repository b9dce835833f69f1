/* test_snapshot.c - what one process writes down and another reads. */
#include "proxy/ipc/snapshot.h"
#include "tests/support/unit.h"

#include <fcntl.h>
#include <sys/mman.h>

static int written(struct snapshot_writer *w)
{
    struct err e;
    const int fd = snapshot_finish(w, &e);
    assert_true(fd >= 0);
    return fd;
}

static void what_is_written_is_read(void **state)
{
    struct snapshot_writer w;
    struct snapshot s;
    (void)state;
    snapshot_begin(&w);
    w.facts.version = snapshot_put_text(&w, "1.2.3");
    w.facts.generation = 7;
    for (uint32_t i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "r%u", i);
        const struct snapshot_route r = {.name = snapshot_put_text(&w, name), .slot = i};
        const snapshot_text text = snapshot_put_text(&w, name); /* of an odd size in the list */
        snapshot_put(&w, SNAPSHOT_ROUTES, &r, sizeof r);
        snapshot_put(&w, SNAPSHOT_NAMES, &text, sizeof text);
    }
    const struct snapshot_crl crl = {.file = snapshot_put_text(&w, "/a.crl"), .next_update = -5};
    snapshot_put(&w, SNAPSHOT_CRLS, &crl, sizeof crl);
    const int fd = written(&w);
    assert_true(snapshot_open(&s, fd));
    close(fd);
    assert_int_equal(s.facts->generation, 7);
    assert_string_equal(snapshot_text_of(&s, s.facts->version), "1.2.3");
    assert_int_equal(s.counts[SNAPSHOT_ROUTES], 3);
    assert_string_equal(snapshot_text_of(&s, snapshot_routes(&s)[2].name), "r2");
    assert_string_equal(snapshot_text_of(&s, snapshot_names(&s)[1]), "r1");
    assert_int_equal(snapshot_crls(&s)[0].next_update, -5);
    assert_int_equal(s.counts[SNAPSHOT_PROCESSES], 0);
    snapshot_close(&s);
    snapshot_close(&s);
}

static void no_text_is_the_empty_one(void **state)
{
    struct snapshot_writer w;
    struct snapshot s;
    (void)state;
    snapshot_begin(&w);
    assert_int_equal(snapshot_put_text(&w, NULL), 0);
    assert_int_equal(snapshot_put_text(&w, ""), 0);
    const int fd = written(&w);
    assert_true(snapshot_open(&s, fd));
    close(fd);
    assert_string_equal(snapshot_text_of(&s, 0), "");
    assert_string_equal(snapshot_text_of(&s, 1), ""); /* behind the end */
    assert_string_equal(snapshot_text_of(&s, UINT32_MAX), "");
    snapshot_close(&s);
}

static void nobody_changes_what_was_written(void **state)
{
    struct snapshot_writer w;
    (void)state;
    snapshot_begin(&w);
    const int fd = written(&w);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_ptr_equal(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    close(fd);
}

static int copy_of(const uint8_t *data, size_t size)
{
    const int fd = memfd_create("snapshot", MFD_CLOEXEC);
    assert_int_equal(write(fd, data, size), size);
    return fd;
}

/* Cut anywhere, it is none. */
static void half_a_snapshot_is_none(void **state)
{
    struct snapshot_writer w;
    struct snapshot s;
    uint8_t whole[8192];
    (void)state;
    snapshot_begin(&w);
    w.facts.version = snapshot_put_text(&w, "1.2.3");
    const snapshot_text text = snapshot_put_text(&w, "name");
    snapshot_put(&w, SNAPSHOT_NAMES, &text, sizeof text);
    const int fd = written(&w);
    const ssize_t size = pread(fd, whole, sizeof whole, 0);
    assert_true(size > 0 && (size_t)size < sizeof whole);
    close(fd);
    for (size_t n = 0; n < (size_t)size; n++) {
        const int cut = copy_of(whole, n);
        assert_false(snapshot_open(&s, cut));
        close(cut);
    }
    memset(whole, 0xff, 8); /* very many routes */
    const int wrong = copy_of(whole, (size_t)size);
    assert_false(snapshot_open(&s, wrong));
    close(wrong);
    assert_false(snapshot_open(&s, -1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(no_text_is_the_empty_one),
        cmocka_unit_test(nobody_changes_what_was_written),
        cmocka_unit_test(half_a_snapshot_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
