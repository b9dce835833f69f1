/* fuzz_starttls_sieve.c - see lines.h. What the upstream hears are whole units, none of which is an
 * upgrade, a foreign identity, or a password where it must not pass. */
#include "proxy/starttls/sieve.h"

#define MODULE starttls_sieve
#include "lines.h"
#include "proxy/starttls/sieve_syntax.h"

static void check_upstream(const struct dialogue_facts *f, struct slice heard)
{
    struct sieve_unit u;
    unsigned identities = 0;
    while (heard.size > 0) {
        const bool sound = sieve_unit_next(&heard, &u) == SIEVE_UNIT_OK;
        if (f->mode == DIALOGUE_INSIDE && (!sound || u.first.kind != SIEVE_ATOM))
            return; /* what is no command is between the two of them */
        assert(sound);
        const struct slice verb = u.first.text;
        assert(u.first.kind == SIEVE_ATOM);
        if (slice_is(verb, "AUTHENTICATE")) {
            assert(f->mode == DIALOGUE_INSIDE || f->plaintext_login);
            return; /* what is behind it are no commands */
        }
        assert(!slice_is(verb, "STARTTLS") && !slice_is(verb, "GET"));
        identities += slice_is(verb, "XCLIENT");
        assert(identities <= (f->client_address != NULL ? 1U : 0U));
    }
}
