#include "proxy/starttls/pop3_inner.h"

/* There is no place for unasked words, and whether a text follows +OK is known only from the
 * question: so nothing is known of where a goodbye may stand. */

static enum probe_verdict greeting(struct slice line)
{
    return probe_word(line, "+OK") ? PROBE_WELL : PROBE_ILL;
}

const struct probe_rules pop3_probe = {.line = greeting, PROBE_GOODBYE("QUIT\r\n")};
