#include "proxy/starttls/sieve_inner.h"

/* ---- a visit ---- */

/* RFC 5804, 1.7: capabilities, strings all of them, then OK, NO or BYE. */
static enum probe_verdict greeting(struct slice line)
{
    if (probe_word(line, "OK"))
        return PROBE_WELL;
    return probe_word(line, "NO") || probe_word(line, "BYE") ? PROBE_ILL : PROBE_MORE;
}

const struct probe_rules sieve_probe = {.line = greeting, PROBE_GOODBYE("LOGOUT\r\n")};

/* ---- where a goodbye may stand ---- */

/* RFC 5804, 4. */
static enum boundary_follows behind_line(struct boundary *b, struct slice head)
{
    static const char *const begins[] = {"\"", "{", "OK", "NO", "BYE"};
    bool known = b->goes_on;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        known |= slice_begins(head, begins[i]);
    if (!known)
        return FOLLOWS_UNKNOWN;
    return boundary_literal(b);
}

const struct boundary_rules sieve_boundary = {.line = behind_line};
