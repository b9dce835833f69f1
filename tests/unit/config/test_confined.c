/* test_confined.c - what a unit keeps from its process, by the kernel's table of mounts. */
#include "config/confined.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* As Debian 12 has them under docs/tlsfront.service. */
static const char unit[] =
    "391 390 254:1 / / ro,relatime shared:1 master:2 - ext4 /dev/vda1 rw,discard\n"
    "392 391 0:5 / /dev rw,nosuid master:3 - devtmpfs udev rw\n"
    "400 391 0:24 /systemd/inaccessible/dir /home ro,nosuid master:9 - tmpfs tmpfs rw\n"
    "401 391 0:24 /systemd/inaccessible/dir /root ro,nosuid master:9 - tmpfs tmpfs rw\n"
    "402 391 254:1 /tmp/systemd-private-0e-tlsfront.service-X/tmp /tmp rw - ext4 /dev/vda1 rw\n"
    "403 391 254:1 /var/tmp/systemd-private-0e/tmp /var/tmp rw - ext4 /dev/vda1 rw\n"
    "404 391 254:1 /var/lib/tlsfront /var/lib/tlsfront rw - ext4 /dev/vda1 rw\n"
    "405 391 0:25 / /run rw,nosuid - tmpfs tmpfs rw\n"
    "406 405 0:26 / /run/user ro - tmpfs tmpfs rw\n";

static void each_way_of_a_unit_is_known(void **state)
{
    static const struct {
        const char *path;
        enum confined how;
    } rows[] = {
        {"/home/me/x.pem", CONFINED_HIDDEN},   {"/home", CONFINED_HIDDEN},
        {"/homes/x", CONFINED_READONLY},       {"/root/x", CONFINED_HIDDEN},
        {"/run/user/0/x", CONFINED_HIDDEN},    {"/tmp/x", CONFINED_OWN},
        {"/var/tmp/x", CONFINED_OWN},          {"/etc/x", CONFINED_READONLY},
        {"/var/lib/tlsfront/x", CONFINED_NOT}, {"/var/lib/tlsfront2", CONFINED_READONLY},
        {"/run/tlsfront/x", CONFINED_NOT},     {"/", CONFINED_READONLY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(confined_how(unit, rows[i].path), rows[i].how);
}

static void the_last_mount_of_a_place_counts(void **state)
{
    (void)state;
    assert_int_equal(confined_how("1 0 0:1 / / rw - ext4 a rw\n2 1 0:1 / / ro - ext4 a rw\n", "/x"),
                     CONFINED_READONLY);
    assert_int_equal(confined_how("1 0 0:1 / / ro - ext4 a rw\n2 1 0:1 / / rw - ext4 a rw\n", "/x"),
                     CONFINED_NOT);
}

static void a_machine_without_a_unit_confines_nobody(void **state)
{
    static const char plain[] = "1 0 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
                                "2 1 0:30 / /tmp rw shared:2 - tmpfs tmpfs rw\n"
                                "3 1 254:2 / /home rw,root=x - ext4 /dev/vda2 rw";
    (void)state;
    assert_int_equal(confined_how(plain, "/etc/x"), CONFINED_NOT);
    assert_int_equal(confined_how(plain, "/tmp/x"), CONFINED_NOT);
    assert_int_equal(confined_how(plain, "/home/x"), CONFINED_NOT);
}

static void what_is_no_table_of_mounts_says_nothing(void **state)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "x",
        "1 2 3",
        "1 2 3 / / ro",
        "1 2 3 / / ro - ",
        "1 2 3 / / ro -",
        "      - \n",
        "1 2 3 / / r - a b c\n",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(confined_how(texts[i], "/x"), CONFINED_NOT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_way_of_a_unit_is_known),
        cmocka_unit_test(the_last_mount_of_a_place_counts),
        cmocka_unit_test(a_machine_without_a_unit_confines_nobody),
        cmocka_unit_test(what_is_no_table_of_mounts_says_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
