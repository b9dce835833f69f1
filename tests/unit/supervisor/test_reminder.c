/* test_reminder.c - what the log is told of expiry dates, and that it is told once. */
#include "proxy/load/load.h"
#include "proxy/supervisor/reminder.h"
#include "tests/support/files.h"
#include "tests/support/loop.h"

#define DAY 86400

static struct log logger;
static uv_loop_t loop;
static struct reminder reminder;

/* Certificates that openssl makes begin today; here they have run for so long. */
enum { AGE = 14 * DAY };

time_t __real_time(time_t *at);
time_t __wrap_time(time_t *at);

time_t __wrap_time(time_t *at)
{
    const time_t now = __real_time(NULL) + AGE;
    if (at != NULL)
        *at = now;
    return now;
}

static int begin(void **state)
{
    struct err e;
    (void)state;
    files_begin(&logger);
    uv_loop_init(&loop);
    reminder_init(&reminder, &loop, &logger);
    files_save("t.conf",
               "user = nobody\n"
               "certificate one { chain = one.pem }\ncertificate two { chain = two.pem }\n"
               "certificate idle { chain = idle.pem }\n"
               "route a { listen = \"127.0.0.1:995\" protocol = pop3 certificate = {one, two}\n"
               "  upstream = \"127.0.0.1:1\" }\n"
               "route b { listen = \"127.0.0.1:993\" protocol = imap certificate = one\n"
               "  upstream = \"127.0.0.1:1\" }\n");
    return tls_init(&e);
}

static int end(void **state)
{
    (void)state;
    reminder_close(&reminder);
    loop_end(&loop);
    files_end(&logger);
    return 0;
}

/* When the certificate ends, to the second. */
static time_t end_of(const char *name)
{
    struct err e;
    char path[80], pem[8192];
    files_path(name, path);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    const size_t size = fread(pem, 1, sizeof pem, f);
    fclose(f);
    struct tls_identity *id = tls_identity_load((struct tls_slice){(const uint8_t *)pem, size}, "x",
                                                (struct tls_slice){0}, NULL, &e);
    assert_non_null(id);
    const time_t until = tls_identity_facts(id)->not_after;
    tls_identity_free(id);
    return until;
}

static void use(void)
{
    struct candidate l;
    struct diags d = {0};
    char path[80];
    files_path("t.conf", path);
    assert_true(load_configuration(path, &l, &d));
    assert_true(diag_ok(&d, DIAG_ERROR));
    reminder_use(&reminder, l.generation);
    candidate_free(&l);
    diags_free(&d);
}

static unsigned lines(const char *text)
{
    unsigned n = 0;
    for (; *text != '\0'; text++)
        n += *text == '\n';
    return n;
}

static void each_certificate_is_told_once_with_all_that_it_concerns(void **state)
{
    (void)state;
    files_save_certificate("one.pem", 1, 20);
    files_save_certificate("two.pem", 2, 200);
    files_save_certificate("idle.pem", 3, 1);
    use();
    const char *text = files_logged();
    assert_int_equal(lines(text), 1); /* nobody is served the idle one */
    assert_non_null(strstr(text, "level=warn from=t event=certificate-expires name=one "
                                 "subject=\"CN=mail.example\" days="));
    assert_non_null(strstr(text, " routes=a,b "));
    use();
    assert_int_equal(lines(files_logged()), 0);

    const time_t until = end_of("one.pem");
    assert_int_equal(reminder_tell(&reminder, until - 3 * DAY - 100), 100);
    assert_int_equal(lines(files_logged()), 0);
    reminder_tell(&reminder, until - 3 * DAY);
    assert_non_null(strstr(files_logged(), "days=3 "));
    reminder_tell(&reminder, until - 3 * DAY + 60);
    assert_int_equal(lines(files_logged()), 0);
    reminder_tell(&reminder, until + 1); /* one was slept through */
    text = files_logged();
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, "level=error "));
    assert_non_null(strstr(text, "days=0 "));
    assert_non_null(strstr(text, "the certificate expired on "));
    reminder_tell(&reminder, until + 10 * DAY);
    assert_int_equal(lines(files_logged()), 0);
    use(); /* the clock of this test is ahead; it was told all the same */
    assert_int_equal(lines(files_logged()), 0);
}

static void who_renews_in_time_hears_nothing(void **state)
{
    (void)state;
    files_save_certificate("one.pem", 1, 22); /* two thirds of it are 14 days and 16 hours */
    files_save_certificate("two.pem", 2, 45);
    files_save_certificate("idle.pem", 3, 200);
    use();
    assert_int_equal(lines(files_logged()), 0);
}

static void a_new_certificate_is_told_anew(void **state)
{
    (void)state;
    files_save_certificate("one.pem", 1, 20);
    files_save_certificate("idle.pem", 3, 200);
    files_save_certificate("two.pem", 2, 200);
    use();
    assert_int_equal(lines(files_logged()), 1);
    files_save_certificate("one.pem", 4, 20);
    use();
    const char *text = files_logged();
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, "the certificate expires in "));
    files_save_certificate("one.pem", 5, 200);
    use();
    assert_int_equal(lines(files_logged()), 0);
}

static void one_certificate_in_two_blocks_is_one_line(void **state)
{
    (void)state;
    files_save_certificate("one.pem", 1, 20);
    files_save_certificate("idle.pem", 3, 200);
    char from[80], to[80];
    files_path("one.pem", from);
    files_path("two.pem", to);
    assert_int_equal(link(from, to), 0);
    use();
    const char *text = files_logged();
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, " name=one,two "));
    assert_non_null(strstr(text, " routes=a,b "));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_certificate_is_told_once_with_all_that_it_concerns),
        CASE(who_renews_in_time_hears_nothing),
        CASE(a_new_certificate_is_told_anew),
        CASE(one_certificate_in_two_blocks_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
