/* test_outcomes.c - the last reloads are remembered, the latest first. */
#include "proxy/supervisor/outcomes.h"
#include "tests/support/unit.h"

static void the_latest_comes_first(void **state)
{
    struct outcomes o = {0};
    (void)state;
    assert_null(outcomes_find(&o, 0));
    outcomes_add(&o, true, "one", 100);
    outcomes_add(&o, false, "two", 200);
    assert_string_equal(outcomes_find(&o, 0)->words, "two");
    assert_false(outcomes_find(&o, 0)->well);
    assert_string_equal(outcomes_find(&o, 1)->words, "one");
    assert_int_equal(outcomes_find(&o, 1)->at, 100);
    assert_null(outcomes_find(&o, 2));
    assert_int_equal(o.well_at, 100);
}

static void the_oldest_are_forgotten(void **state)
{
    struct outcomes o = {0};
    char words[16];
    (void)state;
    for (int i = 0; i < 3 * OUTCOMES_KEPT + 1; i++) {
        snprintf(words, sizeof words, "%d", i);
        outcomes_add(&o, true, words, i);
    }
    for (int n = 0; n < OUTCOMES_KEPT; n++) {
        snprintf(words, sizeof words, "%d", 3 * OUTCOMES_KEPT - n);
        assert_string_equal(outcomes_find(&o, (size_t)n)->words, words);
    }
    assert_null(outcomes_find(&o, OUTCOMES_KEPT));
}

static void long_words_are_cut(void **state)
{
    struct outcomes o = {0};
    char words[2 * OUTCOME_WORDS];
    (void)state;
    memset(words, 'x', sizeof words - 1);
    words[sizeof words - 1] = '\0';
    outcomes_add(&o, false, words, 1);
    assert_int_equal(strlen(outcomes_find(&o, 0)->words), OUTCOME_WORDS - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_comes_first),
        cmocka_unit_test(the_oldest_are_forgotten),
        cmocka_unit_test(long_words_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
