#include "proxy/starttls/imap_inner.h"

#include <string.h>

/* ---- a visit ---- */

/* RFC 3501, 7.1: BYE is how a server refuses. */
static enum probe_verdict greeting(struct slice line)
{
    return probe_word(line, "* OK") || probe_word(line, "* PREAUTH") ? PROBE_WELL : PROBE_ILL;
}

const struct probe_rules imap_probe = {.line = greeting, PROBE_GOODBYE("a LOGOUT\r\n")};

/* ---- where a goodbye may stand ---- */

static bool holds(struct slice s, const char *word)
{
    const size_t size = strlen(word);
    for (; s.size >= size; s.data++, s.size--)
        if (slice_begins(s, word))
            return true;
    return false;
}

/* RFC 9051, 7: "* ...", "+ ...", or a tag and its status. What follows COMPRESS (RFC 4978) is no
 * lines any more. */
static bool is_imap(struct slice head)
{
    if (slice_begins(head, "* ") || slice_begins(head, "+"))
        return true;
    const struct slice tag = line_word(&head);
    if (tag.size == 0 || slice_begins(head, "NO ") || slice_begins(head, "BAD "))
        return tag.size > 0;
    return slice_begins(head, "OK ") && !holds(head, "compress") && !holds(head, "deflate");
}

static enum boundary_follows behind_line(struct boundary *b, struct slice head)
{
    if (!b->goes_on && !is_imap(head))
        return FOLLOWS_UNKNOWN;
    return boundary_literal(b);
}

const struct boundary_rules imap_boundary = {.line = behind_line};
