/* fuzz_starttls_smtp.c - see lines.h. No upgrade and no foreign identity ever reaches the upstream,
 * and no password where it must not pass. */
#include "proxy/starttls/smtp.h"

#define MODULE starttls_smtp
#include "lines.h"

static bool is_one_of(struct slice word, const char *const *words)
{
    while (*words != NULL && !slice_is(word, *words))
        words++;
    return *words != NULL;
}

/* What the upstream heard, as long as it is commands: no upgrade, no identity but ours, no password
 * where it must not be. */
static void check_upstream(const struct dialogue_facts *f, struct slice heard)
{
    static const char *const passwords[] = {"AUTH", "X-EXPS", NULL};
    static const char *const no_commands_behind[] = {"DATA", "BDAT", "XEXCH50",
                                                     "TURN", "ATRN", NULL};
    static const char *const never[] = {"STARTTLS", "XFORWARD", "X-ANONYMOUSTLS",
                                        "GET",      "POST",     NULL};
    struct slice line;
    unsigned identities = 0;
    while (line_next(&heard, SIZE_MAX, &line, NULL) == LINE_OK) {
        const struct slice verb = line_verb(&line, NULL);
        assert(!is_one_of(verb, never));
        identities += slice_is(verb, "XCLIENT");
        assert(identities <= (f->client_address != NULL ? 1U : 0U));
        if (is_one_of(verb, passwords)) {
            assert(f->mode == DIALOGUE_INSIDE || f->plaintext_login);
            return; /* the lines behind it are no commands either */
        }
        if (is_one_of(verb, no_commands_behind))
            return;
    }
}
