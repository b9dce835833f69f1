/* fuzz_starttls_nntp.c - see lines.h. No upgrade ever reaches the upstream, and no password where
 * it must not pass. */
#include "proxy/starttls/nntp.h"

#define MODULE starttls_nntp
#include "lines.h"

/* Commands behind which not all lines are commands: an authentication exchange, or, where the watch
 * has ended, whatever the client likes. */
static bool hides_what_follows(const struct dialogue_facts *f, struct slice verb, struct slice rest)
{
    static const char *const watched[] = {"CAPABILITIES", "MODE", "DATE", "HELP", "QUIT", NULL};
    if (slice_is(verb, "AUTHINFO"))
        return slice_begins(rest, "S") || slice_begins(rest, "G");
    return !line_is_listed(watched, verb) && (f->mode == DIALOGUE_INSIDE || f->plaintext_login);
}

/* The same to a server in C: lines end where strings do. */
static struct slice as_string(struct slice line)
{
    const uint8_t *nul = line.size > 0 ? memchr(line.data, '\0', line.size) : NULL;
    if (nul != NULL)
        line.size = (size_t)(nul - line.data);
    return line;
}

/* As nnrpd reads it, to whom an article ends with a dot alone between any ends of lines. Behind it
 * there may be commands that are text to us, but no password. */
static void check_upstream(const struct dialogue_facts *f, struct slice heard)
{
    static const char *const articles[] = {"POST", "IHAVE", "XREPLIC", "TAKETHIS", NULL};
    bool inside = false, any = false;
    struct slice line;
    while (line_next(&heard, SIZE_MAX, &line, NULL) == LINE_OK) {
        struct slice rest = as_string(line);
        if (inside) {
            inside = !slice_is(rest, ".");
            continue;
        }
        const struct slice verb = line_first_word(&rest);
        assert(!slice_is(verb, "AUTHINFO") || f->mode == DIALOGUE_INSIDE || f->plaintext_login);
        assert(any || (!slice_is(verb, "STARTTLS") && !slice_is(verb, "GET")));
        inside = line_is_listed(articles, verb);
        any |= inside;
        if (hides_what_follows(f, verb, rest))
            return;
    }
}
