/* test_challenge_directory.c - the directory of challenges: what is read, and what is not. */
#include "tests/support/unit.h"

#include "proxy/supervisor/challenge_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[] = "/tmp/tlsfront-challenge-XXXXXX";
static int held; /* the directory, open */
static struct challenge got;

static const char *at(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static void put(const char *name, const void *bytes, size_t size)
{
    FILE *f = fopen(at(name), "w");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
    (void)state;
    umask(022);
    held = mkdtemp(directory) != NULL ? challenge_open(directory) : -1;
    return held < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    DIR *d = opendir(directory);
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        if (e->d_name[0] != '.' && remove(at(e->d_name)) != 0)
            return -1;
    closedir(d);
    close(held);
    return rmdir(directory);
}

static void a_token_is_answered_with_the_bytes_of_its_file(void **state)
{
    (void)state;
    put("Tok-1_a", "a\0b\n", 4);
    assert_int_equal(challenge_read(held, CHALLENGE_HTTP, "Tok-1_a", &got), CHALLENGE_FOUND);
    assert_int_equal(got.size[0], 4);
    assert_int_equal(got.size[1], 0);
    assert_memory_equal(got.bytes, "a\0b\n", 4);
    assert_int_equal(challenge_read(held, CHALLENGE_HTTP, "tok-1_a", &got), CHALLENGE_NONE);
}

static void a_host_is_answered_with_certificate_and_key(void **state)
{
    (void)state;
    put("mail.example.crt.pem", "CERT", 4);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "mail.example", &got), CHALLENGE_NONE);
    put("mail.example.key.pem", "THEKEY", 6);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "MAIL.example", &got), CHALLENGE_FOUND);
    assert_int_equal(got.size[0], 4);
    assert_int_equal(got.size[1], 6);
    assert_memory_equal(got.bytes, "CERTTHEKEY", 10);
}

static void only_small_regular_files_are_read(void **state)
{
    (void)state;
    static char large[CHALLENGE_FILE_MAX + 1];
    put("good", "x", 1);
    assert_int_equal(symlink("good", at("link")), 0);
    assert_int_equal(symlink("/etc/passwd", at("outside")), 0);
    assert_int_equal(mkdir(at("directory"), 0700), 0);
    assert_int_equal(mkfifo(at("fifo"), 0600), 0);
    put("empty", "", 0);
    put("large", large, CHALLENGE_FILE_MAX + 1);
    put("full", large, CHALLENGE_FILE_MAX);
    static const struct {
        const char *name;
        enum challenge_outcome outcome;
    } rows[] = {
        {"good", CHALLENGE_FOUND},      {"link", CHALLENGE_UNFIT}, {"outside", CHALLENGE_UNFIT},
        {"directory", CHALLENGE_UNFIT}, {"fifo", CHALLENGE_UNFIT}, {"empty", CHALLENGE_TOO_LARGE},
        {"large", CHALLENGE_TOO_LARGE}, {"full", CHALLENGE_FOUND}, {"nothing", CHALLENGE_NONE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        print_message("%s\n", rows[i].name);
        assert_int_equal(challenge_read(held, CHALLENGE_HTTP, rows[i].name, &got), rows[i].outcome);
    }
}

static void a_file_with_a_second_name_is_not_read(void **state)
{
    (void)state;
    char second[512];
    put("one", "x", 1);
    snprintf(second, sizeof second, "%s", at("two"));
    assert_int_equal(link(at("one"), second), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_HTTP, "two", &got), CHALLENGE_UNFIT);
    assert_int_equal(unlink(second), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_HTTP, "one", &got), CHALLENGE_FOUND);
}

static void a_token_is_for_everybody_or_not_told(void **state)
{
    (void)state;
    put("few", "x", 1);
    assert_int_equal(chmod(at("few"), 0640), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_HTTP, "few", &got), CHALLENGE_PRIVATE);
    assert_int_equal(got.size[1], 0);
    assert_int_equal(chmod(at("few"), 0644), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_HTTP, "few", &got), CHALLENGE_FOUND);
}

/* Who may write to the directory could otherwise show what is root's. */
static void a_certificate_is_the_directorys_owners(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    put("own.example.crt.pem", "CERT", 4);
    put("own.example.key.pem", "KEY", 3);
    assert_int_equal(chmod(at("own.example.key.pem"), 0600), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "own.example", &got), CHALLENGE_FOUND);
    assert_int_equal(chown(at("own.example.key.pem"), 65534, 65534), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "own.example", &got), CHALLENGE_FOREIGN);
    assert_int_equal(chown(directory, 65534, 65534), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "own.example", &got), CHALLENGE_FOREIGN);
    assert_int_equal(chown(at("own.example.crt.pem"), 65534, 65534), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "own.example", &got), CHALLENGE_FOUND);

    /* With the owner's rights: without those of root. */
    assert_int_equal(chmod(at("own.example.key.pem"), 0), 0);
    assert_int_equal(challenge_read(held, CHALLENGE_TLS, "own.example", &got),
                     CHALLENGE_UNREADABLE);
    assert_int_equal(access(at("own.example.key.pem"), R_OK), 0); /* they came back */
    assert_int_equal(chown(directory, 0, 0), 0);
}

static void a_directory_that_is_gone_is_told_from_a_missing_file(void **state)
{
    (void)state;
    put("plain", "x", 1);
    assert_int_equal(challenge_open(at("nowhere")), -1);
    assert_int_equal(challenge_open(at("plain")), -1);
    assert_int_equal(challenge_read(-1, CHALLENGE_HTTP, "a", &got), CHALLENGE_NO_DIRECTORY);
    assert_int_equal(mkdir(at("other"), 0755), 0);
    const int other = challenge_open(at("other"));
    assert_int_equal(challenge_read(other, CHALLENGE_HTTP, "a", &got), CHALLENGE_NONE);
    assert_int_equal(rmdir(at("other")), 0);
    assert_int_equal(challenge_read(other, CHALLENGE_HTTP, "a", &got), CHALLENGE_NO_DIRECTORY);
    close(other);
}

/* As a web server that was taken over would, where the directory is its own. */
static void a_directory_that_was_put_in_its_place_is_not_looked_into(void **state)
{
    (void)state;
    char old[512], path[512];
    snprintf(path, sizeof path, "%s", at("web"));
    snprintf(old, sizeof old, "%s", at("old"));
    assert_int_equal(mkdir(path, 0755), 0);
    const int web = challenge_open(path);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(symlink("/etc", path), 0);
    assert_int_equal(challenge_read(web, CHALLENGE_HTTP, "passwd", &got), CHALLENGE_NONE);
    assert_int_equal(challenge_open(at("nothing")), -1);
    close(web);
}

static void names_that_could_lead_elsewhere_are_not_looked_for(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",    ".",   "..",    "../a", "a/b", "/etc/passwd",
                                        "a b", "a\n", "a\x80", "a*",   "%2e", ".hidden"};
    static const char *const not_hosts[] = {"a..b", "a.", "a.b."};
    char out[CHALLENGE_NAME_MAX + 1], large[CHALLENGE_NAME_MAX + 2];
    memset(large, 'a', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    for (size_t i = 0; i < COUNT(wrong); i++) {
        print_message("%s\n", wrong[i]);
        assert_false(challenge_name(CHALLENGE_HTTP, wrong[i], out));
        assert_false(challenge_name(CHALLENGE_TLS, wrong[i], out));
        assert_int_equal(challenge_read(held, CHALLENGE_TLS, wrong[i], &got), CHALLENGE_BAD_NAME);
    }
    for (size_t i = 0; i < COUNT(not_hosts); i++)
        assert_false(challenge_name(CHALLENGE_TLS, not_hosts[i], out));
    assert_false(challenge_name(CHALLENGE_TLS, large, out));
    assert_true(challenge_name(CHALLENGE_TLS, large + 1, out));
    assert_false(challenge_name(CHALLENGE_HTTP, "mail.example.key.pem", out));
    assert_true(challenge_name(CHALLENGE_TLS, "Mail-1.Example_x.ORG", out));
    assert_string_equal(out, "mail-1.example_x.org");
    assert_true(challenge_name(CHALLENGE_HTTP, "Ab-_9", out));
    assert_string_equal(out, "Ab-_9");
}

static void every_outcome_has_words(void **state)
{
    (void)state;
    for (int i = 0; i < CHALLENGE_OUTCOMES; i++)
        assert_non_null(challenge_words((enum challenge_outcome)i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_is_answered_with_the_bytes_of_its_file),
        cmocka_unit_test(a_host_is_answered_with_certificate_and_key),
        cmocka_unit_test(only_small_regular_files_are_read),
        cmocka_unit_test(a_file_with_a_second_name_is_not_read),
        cmocka_unit_test(a_token_is_for_everybody_or_not_told),
        cmocka_unit_test(a_certificate_is_the_directorys_owners),
        cmocka_unit_test(a_directory_that_was_put_in_its_place_is_not_looked_into),
        cmocka_unit_test(a_directory_that_is_gone_is_told_from_a_missing_file),
        cmocka_unit_test(names_that_could_lead_elsewhere_are_not_looked_for),
        cmocka_unit_test(every_outcome_has_words),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
