/* test_reminder.c - what the log is told of expiry dates, and that it is told once. */
#include "proxy/load/load.h"
#include "proxy/supervisor/reminder.h"
#include "tests/support/loop.h"
#include "tests/support/pem.h"

#include <fcntl.h>
#include <sys/stat.h>

#define DAY 86400

static char folder[32];
static struct log logger;
static uv_loop_t loop;
static struct reminder reminder;

static void path_of(const char *name, char out[80])
{
    snprintf(out, 80, "%s/%s", folder, name);
}

static void save(const char *name, const char *text)
{
    char path[80];
    path_of(name, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static void save_certificate(const char *name, unsigned serial, unsigned days)
{
    char *pem = pem_make("mail.example", serial, days);
    save(name, pem);
    free(pem);
}

static int begin(void **state)
{
    struct err e;
    char path[80];
    (void)state;
    make_folder(folder);
    path_of("log", path);
    log_init(&logger, "t");
    log_redirect(&logger, LOG_TARGET_FILE,
                 open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    uv_loop_init(&loop);
    reminder_init(&reminder, &loop, &logger);
    save("t.conf", "user = nobody\n"
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
    log_close(&logger);
    remove_folder(folder);
    return 0;
}

/* When the certificate ends, to the second. */
static time_t end_of(const char *name)
{
    struct err e;
    char path[80], pem[8192];
    path_of(name, path);
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
    struct loaded l;
    struct diags d = {0};
    char path[80];
    path_of("t.conf", path);
    assert_true(load_configuration(path, &l, &d));
    assert_true(diag_ok(&d, DIAG_ERROR));
    reminder_use(&reminder, l.generation);
    loaded_free(&l);
    diags_free(&d);
}

/* What the log has had since the last call. */
static const char *logged(void)
{
    static char text[8192];
    char path[80];
    path_of("log", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    assert_int_equal(truncate(path, 0), 0);
    return text;
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
    save_certificate("one.pem", 1, 20);
    save_certificate("two.pem", 2, 200);
    save_certificate("idle.pem", 3, 1);
    use();
    const char *text = logged();
    assert_int_equal(lines(text), 1); /* nobody is served the idle one */
    assert_non_null(strstr(text, "level=warn from=t event=certificate-expires name=one "
                                 "subject=\"CN=mail.example\" days="));
    assert_non_null(strstr(text, " routes=a,b "));
    use();
    assert_int_equal(lines(logged()), 0);

    const time_t until = end_of("one.pem");
    assert_int_equal(reminder_tell(&reminder, until - 14 * DAY - 100), 100);
    assert_int_equal(lines(logged()), 0);
    reminder_tell(&reminder, until - 14 * DAY);
    assert_non_null(strstr(logged(), "days=14 "));
    reminder_tell(&reminder, until - 14 * DAY + 60);
    assert_int_equal(lines(logged()), 0);
    reminder_tell(&reminder, until + 1); /* three were slept through */
    text = logged();
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, "level=error "));
    assert_non_null(strstr(text, "days=0 "));
    assert_non_null(strstr(text, "the certificate expired on "));
    reminder_tell(&reminder, until + 10 * DAY);
    assert_int_equal(lines(logged()), 0);
    use(); /* the clock of this test is ahead; it was told all the same */
    assert_int_equal(lines(logged()), 0);
}

static void a_new_certificate_is_told_anew(void **state)
{
    (void)state;
    save_certificate("one.pem", 1, 20);
    save_certificate("idle.pem", 3, 200);
    save_certificate("two.pem", 2, 200);
    use();
    assert_int_equal(lines(logged()), 1);
    save_certificate("one.pem", 4, 2);
    use();
    const char *text = logged();
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, "the certificate expires in "));
    save_certificate("one.pem", 5, 200);
    use();
    assert_int_equal(lines(logged()), 0);
}

static void one_certificate_in_two_blocks_is_one_line(void **state)
{
    (void)state;
    save_certificate("one.pem", 1, 2);
    save_certificate("idle.pem", 3, 200);
    char from[80], to[80];
    path_of("one.pem", from);
    path_of("two.pem", to);
    assert_int_equal(link(from, to), 0);
    use();
    const char *text = logged();
    assert_int_equal(lines(text), 1);
    assert_non_null(strstr(text, " name=one,two "));
    assert_non_null(strstr(text, " routes=a,b "));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_certificate_is_told_once_with_all_that_it_concerns),
        CASE(a_new_certificate_is_told_anew),
        CASE(one_certificate_in_two_blocks_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
