#include "proxy/starttls/nntp_inner.h"

/* ---- a visit ---- */

/* RFC 3977, 5.1 */
static enum probe_verdict greeting(struct slice line)
{
    return probe_word(line, "200") || probe_word(line, "201") ? PROBE_WELL : PROBE_ILL;
}

const struct probe_rules nntp_probe = {.line = greeting, PROBE_GOODBYE("QUIT\r\n")};

/* ---- where a goodbye may stand ---- */

/* 211 is LISTGROUP's, with a text, and GROUP's; 206 begins compression (RFC 8054). */
static enum boundary_follows behind_line(struct boundary *b, struct slice head)
{
    const unsigned code = nntp_code_of(head);
    (void)b;
    if (code == 211)
        return FOLLOWS_DOUBT;
    if (code == 0 || code == 206)
        return FOLLOWS_UNKNOWN;
    return nntp_has_text(code) ? FOLLOWS_TEXT : FOLLOWS_UNIT;
}

const struct boundary_rules nntp_boundary = {.line = behind_line};
