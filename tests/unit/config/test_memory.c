/* test_memory.c - each allocation of a load and of a bundle's journey fails once: an error, no
 * more.
 *
 * The files that allocate are compiled in here with an allocator that fails on demand; the linker
 * then leaves the library's own copies of them out. */
#include "mistake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static long countdown; /* allocations until one fails; negative: none does */
static bool failed;

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0)
        return false;
    failed = true;
    errno = ENOMEM;
    return true;
}

static void *picky_malloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void *picky_calloc(size_t count, size_t size)
{
    return fails() ? NULL : calloc(count, size);
}

static void *picky_realloc(void *old, size_t size)
{
    return fails() ? NULL : realloc(old, size);
}

static char *picky_strdup(const char *text)
{
    return fails() ? NULL : strdup(text);
}

static int picky_vasprintf(char **text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static int picky_vasprintf(char **text, const char *format, va_list args)
{
    return fails() ? -1 : vasprintf(text, format, args);
}

#define malloc    picky_malloc
#define calloc    picky_calloc
#define realloc   picky_realloc
#define strdup    picky_strdup
#define vasprintf picky_vasprintf
/* clang-format off */
#include "config/arena.c"
#include "config/bundle.c"
#include "config/diag.c"
#include "config/file.c"
/* clang-format on */
#undef malloc
#undef calloc
#undef realloc
#undef strdup
#undef vasprintf

static const char text[] =
    "# a comment\nuser = a\nuzer = b\nworkers = many\nlog = ./x\n" CERTIFICATE
    "certificate other { chain = x.pem }\n"
    "route r {\nlisten = {\":995\", \"unix:/l\"}\nprotocol = pop3\ncertificate = {mail, mial}\n"
    "upstream = {\"h:1\", \"127.0.0.1:110\"}\nalpn = {a, b}\nfoo = bar\nlisten = \":995\"\n}\n"
    "route r {\n}\nroute broken { listen \"a\" }\ninclude(\"nowhere\")\n";

/* Do one thing with the n-th allocation failing; true when there were that many. */
static bool fail_at(long n, void (*one_thing)(void))
{
    countdown = n;
    failed = false;
    one_thing();
    countdown = -1;
    return failed;
}

static void fail_at_each(void (*one_thing)(void))
{
    long n = 0;
    while (fail_at(n, one_thing))
        n++;
    assert_true(n > 5);
}

/* ---- from memory ---- */

static const char *loaded;
static struct bundle *bundle;

static void load_once(void)
{
    struct diags d = {0};
    struct config *c = config_load(bundle, &d);
    if (failed)
        assert_false(diag_ok(&d, DIAG_ERROR));
    if (failed && loaded != text)
        assert_true(d.out_of_memory);
    config_free(c);
    diags_free(&d);
}

static void a_load_survives_each_failure(void **state)
{
    static const char *const texts[] = {text, ROUTE("alpn = {a, b}")};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        countdown = -1;
        loaded = texts[i];
        bundle = bundle_of(loaded);
        fail_at_each(load_once);
        config_free(load_clean(ROUTE("")));
        bundle_free(bundle);
    }
}

static void add_once(void)
{
    struct err e = {.text = ""};
    struct bundle *b = bundle_new();
    int result = b == NULL ? -1 : bundle_add(b, BUNDLE_FILE, "/x", "abc", 3, &e);
    assert_int_equal(result, failed ? -1 : 0);
    if (b != NULL && failed) {
        assert_int_equal(errno, ENOMEM);
        assert_non_null(strstr(e.text, "out of memory"));
        assert_int_equal(bundle_count(b), 0);
    }
    bundle_free(b);
}

static void adding_survives_each_failure(void **state)
{
    (void)state;
    fail_at(0, add_once);
    for (long n = 1; fail_at(n, add_once); n++)
        ;
}

static void travel_once(void)
{
    struct err e = {.text = ""};
    int fd = bundle_to_fd(bundle, &e);
    struct bundle *copy = fd < 0 ? NULL : bundle_from_fd(fd, &e);
    assert_int_equal(copy == NULL, failed);
    if (failed)
        assert_non_null(strstr(e.text, "out of memory"));
    bundle_free(copy);
    if (fd >= 0)
        close(fd);
}

static void the_way_through_a_memfd_survives_each_failure(void **state)
{
    (void)state;
    countdown = -1;
    bundle = bundle_of(text);
    fail_at_each(travel_once);
    bundle_free(bundle);
}

/* ---- from disk ---- */

static char directory[] = "/tmp/test-memory-XXXXXX";

static void put(const char *name, const char *contents)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, contents, strlen(contents)), (ssize_t)strlen(contents));
    close(fd);
}

static int make_directory(void **state)
{
    (void)state;
    countdown = -1;
    if (mkdtemp(directory) == NULL || chdir(directory) != 0)
        return -1;
    put("main", "include(\"*.conf\")\ncertificate mail { chain = c.pem }\ncontrol = /run/x\n");
    put("a.conf", "route r { listen = \":995\" protocol = pop3 certificate = mail\n"
                  "upstream = \"127.0.0.1:110\" }\n");
    put("c.pem", "x");
    return 0;
}

static int remove_directory(void **state)
{
    (void)state;
    unlink("main");
    unlink("a.conf");
    unlink("c.pem");
    return chdir("/") == 0 ? rmdir(directory) : -1;
}

static void read_once(void)
{
    struct diags d = {0};
    struct bundle *b;
    struct config *c = config_read("main", &b, &d);
    assert_int_equal(diag_ok(&d, DIAG_ERROR), !failed);
    assert_int_equal(c == NULL, b == NULL);
    config_free(c);
    bundle_free(b);
    diags_free(&d);
}

static void a_read_survives_each_failure(void **state)
{
    (void)state;
    fail_at_each(read_once);
}

static void ask_control_path_once(void)
{
    char *path = config_control_path("main", NULL);
    if (failed)
        assert_null(path);
    else
        assert_string_equal(path, "/run/x");
    free(path);
}

static void the_control_path_is_right_or_absent(void **state)
{
    (void)state;
    fail_at_each(ask_control_path_once);
}

/* ---- two of them ---- */

static struct bundle *other;

static void compare_once(void)
{
    char *differences = config_differences(bundle, other);
    if (differences != NULL)
        assert_string_equal(differences,
                            "route r: min-version 1.2 -> 1.3\nroute r: alpn a, b -> a\n");
    assert_true(failed || differences != NULL);
    free(differences);
}

/* What is told is the whole. */
static void a_comparison_survives_each_failure(void **state)
{
    (void)state;
    countdown = -1;
    bundle = bundle_of(ROUTE("alpn = {a, b}"));
    other = bundle_of(ROUTE("alpn = a\nmin-version = 1.3"));
    fail_at_each(compare_once);
    bundle_free(bundle);
    bundle_free(other);
}

/* ---- sizes that do not exist ---- */

static void impossible_sizes_are_remembered(void **state)
{
    struct arena a = {0};
    (void)state;
    countdown = -1;
    assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    assert_true(a.failed);
    arena_free(&a);
    assert_false(a.failed);
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_true(a.failed);
    arena_free(&a);
    assert_non_null(arena_array(&a, 0, 8));
    assert_true(arena_headroom(&a, 1 << 20));
    assert_false(a.failed);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_survives_each_failure),
        cmocka_unit_test(adding_survives_each_failure),
        cmocka_unit_test(the_way_through_a_memfd_survives_each_failure),
        cmocka_unit_test(a_read_survives_each_failure),
        cmocka_unit_test(the_control_path_is_right_or_absent),
        cmocka_unit_test(a_comparison_survives_each_failure),
        cmocka_unit_test(impossible_sizes_are_remembered),
    };
    return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
