/* fuzz_starttls_nntp.c - see lines.h. No upgrade ever reaches the upstream, and no password where
 * it must not pass. */
#include "proxy/starttls/nntp.h"

#define MODULE starttls_nntp
#include "lines.h"

/* Commands behind which not all lines are commands: an article, an authentication exchange, or,
 * where the watch has ended, whatever the client likes. */
static bool hides_what_follows(const struct dialogue_facts *f, struct slice verb, struct slice rest)
{
    const bool watched = slice_is(verb, "CAPABILITIES") || slice_is(verb, "MODE") ||
                         slice_is(verb, "DATE") || slice_is(verb, "HELP") ||
                         slice_is(verb, "QUIT") || slice_is(verb, "AUTHINFO");
    static const char *const articles[] = {"POST", "IHAVE", "XREPLIC", "TAKETHIS", NULL};
    if (line_is_listed(articles, verb))
        return true;
    if (slice_is(verb, "AUTHINFO"))
        return slice_begins(rest, "S") || slice_begins(rest, "G");
    return !watched && (f->mode == DIALOGUE_INSIDE || f->plaintext_login);
}

static void check_upstream(const struct dialogue_facts *f, struct slice heard)
{
    struct slice line;
    while (line_next(&heard, SIZE_MAX, &line, NULL) == LINE_OK) {
        const struct slice verb = line_word(&line);
        assert(!slice_is(verb, "AUTHINFO") || f->mode == DIALOGUE_INSIDE || f->plaintext_login);
        assert(!slice_is(verb, "STARTTLS") && !slice_is(verb, "GET"));
        if (hides_what_follows(f, verb, line))
            return;
    }
}
