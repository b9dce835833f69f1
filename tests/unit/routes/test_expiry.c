/* test_expiry.c - when to speak of what ends. */
#include "proxy/routes/expiry.h"
#include "tests/support/unit.h"

#define DAY 86400L

static const time_t end = 2000000000;

static struct tls_expiry certificate(void)
{
    return (struct tls_expiry){.kind = TLS_EXPIRY_LEAF, .from = end - 90 * DAY, .until = end};
}

static struct tls_expiry list(long lifetime)
{
    return (struct tls_expiry){.kind = TLS_EXPIRY_CLIENT_CRL, .from = end - lifetime, .until = end};
}

static void thresholds_are_passed_to_the_second(void **state)
{
    static const struct {
        long left, passed;
    } rows[] = {
        {90 * DAY, EXPIRY_NOT_YET},
        {30 * DAY + 1, EXPIRY_NOT_YET},
        {30 * DAY, 30 * DAY},
        {14 * DAY + 1, 30 * DAY},
        {14 * DAY, 14 * DAY},
        {7 * DAY, 7 * DAY},
        {3 * DAY + 1, 7 * DAY},
        {3 * DAY, 3 * DAY},
        {DAY + 1, 3 * DAY},
        {DAY, DAY},
        {1, DAY},
        {0, DAY}, /* the last second counts */
        {-1, EXPIRY_OVER},
        {-1000 * DAY, EXPIRY_OVER},
    };
    const struct tls_expiry x = certificate();
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(expiry_passed(&x, end - rows[i].left), rows[i].passed);
}

static void soon_is_when_the_first_threshold_is_passed(void **state)
{
    const struct tls_expiry all[] = {certificate(), list(7 * DAY), list(365 * DAY)};
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        assert_int_equal(expiry_passed(&all[i], expiry_soon(&all[i]) - 1), EXPIRY_NOT_YET);
        assert_int_not_equal(expiry_passed(&all[i], expiry_soon(&all[i])), EXPIRY_NOT_YET);
    }
}

/* Who renews every other day need not hear of it. */
static void what_is_short_lived_is_spoken_of_in_its_last_third(void **state)
{
    (void)state;
    const struct tls_expiry x = {.kind = TLS_EXPIRY_LEAF, .from = end - 6 * DAY, .until = end};
    assert_int_equal(expiry_passed(&x, end - 2 * DAY - 1), EXPIRY_NOT_YET);
    assert_int_equal(expiry_passed(&x, end - 2 * DAY), 2 * DAY);
    assert_int_equal(expiry_passed(&x, end - DAY), DAY);
    assert_int_equal(expiry_passed(&x, end + 1), EXPIRY_OVER);
    const struct tls_expiry nonsense = {.kind = TLS_EXPIRY_LEAF, .from = end + 1, .until = end};
    assert_int_equal(expiry_passed(&nonsense, end - 1), EXPIRY_NOT_YET);
    assert_int_equal(expiry_passed(&nonsense, end + 1), EXPIRY_OVER);
}

static void each_threshold_is_told_once(void **state)
{
    static const long days[] = {30, 14, 7, 3, 1};
    const struct tls_expiry x = certificate();
    long told = EXPIRY_NOT_YET;
    size_t count = 0;
    (void)state;
    for (time_t now = end - 90 * DAY; now < end + 10 * DAY; now += 3600) {
        const long due = expiry_due(&x, now, told);
        if (due == EXPIRY_NOT_YET)
            continue;
        assert_int_equal(due, count < COUNT(days) ? days[count] * DAY : EXPIRY_OVER);
        told = due;
        count++;
    }
    assert_int_equal(count, COUNT(days) + 1);
}

static void missed_thresholds_are_one(void **state)
{
    const struct tls_expiry x = certificate();
    (void)state;
    assert_int_equal(expiry_due(&x, end - 5 * DAY, EXPIRY_NOT_YET), 7 * DAY);
    assert_int_equal(expiry_due(&x, end - 5 * DAY, 7 * DAY), EXPIRY_NOT_YET);
    assert_int_equal(expiry_due(&x, end + 1, 30 * DAY), EXPIRY_OVER);
    assert_int_equal(expiry_due(&x, end + 1, EXPIRY_OVER), EXPIRY_NOT_YET);
    /* A clock that is set back tells nothing twice. */
    assert_int_equal(expiry_due(&x, end - 20 * DAY, 7 * DAY), EXPIRY_NOT_YET);
}

static void the_wait_ends_when_the_next_is_passed(void **state)
{
    const struct tls_expiry x = certificate();
    (void)state;
    assert_int_equal(expiry_wait(&x, end - 40 * DAY), 10 * DAY);
    assert_int_equal(expiry_wait(&x, end - 30 * DAY), 16 * DAY);
    assert_int_equal(expiry_wait(&x, end), 1);
    assert_int_equal(expiry_wait(&x, end + 1), EXPIRY_NOT_YET);
    for (time_t now = end - 40 * DAY, step; expiry_wait(&x, now) != EXPIRY_NOT_YET; now += step) {
        step = expiry_wait(&x, now);
        assert_true(step > 0);
        assert_true(expiry_passed(&x, now + step) < expiry_passed(&x, now + step - 1));
    }
}

static void a_list_is_spoken_of_in_its_last_quarter_but_a_week_at_most(void **state)
{
    (void)state;
    struct tls_expiry x = list(4 * DAY);
    assert_int_equal(expiry_passed(&x, end - DAY - 1), EXPIRY_NOT_YET);
    assert_int_equal(expiry_passed(&x, end - DAY), DAY);
    assert_int_equal(expiry_wait(&x, end - DAY), DAY + 1);
    x = list(365 * DAY);
    assert_int_equal(expiry_passed(&x, end - 7 * DAY - 1), EXPIRY_NOT_YET);
    assert_int_equal(expiry_passed(&x, end - 7 * DAY), 7 * DAY);
    assert_int_equal(expiry_passed(&x, end + 1), EXPIRY_OVER);
    x = list(-1); /* nonsense from an authority */
    assert_int_equal(expiry_passed(&x, end - 1), EXPIRY_NOT_YET);
    x = (struct tls_expiry){.kind = TLS_EXPIRY_CLIENT_CRL, .from = end, .until = 0};
    assert_int_equal(expiry_passed(&x, end), EXPIRY_OVER);
}

static void days_are_rounded_down(void **state)
{
    (void)state;
    assert_int_equal(expiry_days(end, end - 2 * DAY), 2);
    assert_int_equal(expiry_days(end, end - 2 * DAY + 1), 1);
    assert_int_equal(expiry_days(end, end), 0);
    assert_int_equal(expiry_days(end, end + 1), -1);
    assert_int_equal(expiry_days(end, end + DAY), -1);
    assert_int_equal(expiry_days(end, end + DAY + 1), -2);
}

static void words_tell_the_day(void **state)
{
    char text[80];
    const struct tls_expiry x = certificate(), never = {.kind = TLS_EXPIRY_CLIENT_CRL};
    (void)state;
    expiry_words(&x, end - 2 * DAY, text);
    assert_string_equal(text, "expires in 2 days, on 2033-05-18");
    expiry_words(&x, end - DAY, text);
    assert_string_equal(text, "expires in 1 day, on 2033-05-18");
    expiry_words(&x, end + 1, text);
    assert_string_equal(text, "expired on 2033-05-18");
    expiry_words(&never, end, text);
    assert_string_equal(text, "names no nextUpdate and is never in force");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thresholds_are_passed_to_the_second),
        cmocka_unit_test(soon_is_when_the_first_threshold_is_passed),
        cmocka_unit_test(what_is_short_lived_is_spoken_of_in_its_last_third),
        cmocka_unit_test(each_threshold_is_told_once),
        cmocka_unit_test(missed_thresholds_are_one),
        cmocka_unit_test(the_wait_ends_when_the_next_is_passed),
        cmocka_unit_test(a_list_is_spoken_of_in_its_last_quarter_but_a_week_at_most),
        cmocka_unit_test(days_are_rounded_down),
        cmocka_unit_test(words_tell_the_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
