/* fuzz_starttls_pop3.c - see lines.h. No upgrade and no foreign identity ever reaches the upstream,
 * and no password where it must not pass. */
#include "proxy/starttls/pop3.h"

#define MODULE starttls_pop3
#include "lines.h"

static bool is_login(struct slice verb)
{
    return slice_is(verb, "USER") || slice_is(verb, "PASS") || slice_is(verb, "APOP") ||
           slice_is(verb, "RPOP") || slice_is(verb, "AUTH");
}

static void check_upstream(const struct dialogue_facts *f, struct slice heard)
{
    struct slice line;
    unsigned identities = 0;
    while (line_next(&heard, SIZE_MAX, &line, NULL) == LINE_OK) {
        const struct slice verb = line_word(&line);
        if (slice_is(verb, "AUTH") && (f->mode == DIALOGUE_INSIDE || f->plaintext_login))
            return; /* the lines behind it are no commands */
        assert(!slice_is(verb, "STLS") && !slice_is(verb, "GET"));
        identities += slice_is(verb, "XCLIENT");
        assert(identities <= (f->client_address != NULL ? 1U : 0U));
        assert(!is_login(verb) || f->mode == DIALOGUE_INSIDE || f->plaintext_login);
    }
}
