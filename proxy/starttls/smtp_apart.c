#include "proxy/starttls/smtp_inner.h"

/* ---- a visit ---- */

/* A greeting may have several lines, the last of them without the hyphen (RFC 5321, 4.2). */
static enum probe_verdict greeting(struct slice line)
{
    if (slice_begins(line, "220-"))
        return PROBE_MORE;
    return probe_word(line, "220") ? PROBE_WELL : PROBE_ILL;
}

const struct probe_rules smtp_probe = {.line = greeting, PROBE_GOODBYE("QUIT\r\n")};

/* ---- where a goodbye may stand ---- */

static enum boundary_follows behind_line(struct boundary *b, struct slice head)
{
    struct smtp_reply_line reply;
    (void)b;
    smtp_reply_read(head, &reply);
    if (reply.code == 0)
        return FOLLOWS_UNKNOWN;
    return reply.final ? FOLLOWS_UNIT : FOLLOWS_MORE;
}

const struct boundary_rules smtp_boundary = {.line = behind_line};
