/* line.h - taking lines off a slice, and the few things that line protocols have in common. */
#ifndef TLSFRONT_LINE_H
#define TLSFRONT_LINE_H

#include "proxy/base/slice.h"

#include <stdbool.h>
#include <stddef.h>

/* The longest line of IMAP, whose servers take as much. The other protocols have their own limits;
 * longer lines end the session. */
enum { LINE_MAX_IMAP = 65536 };

enum line_result {
    LINE_MORE,     /* no complete line yet; nothing was consumed */
    LINE_OK,       /* *line excludes the ending, *in starts behind it */
    LINE_TOO_LONG, /* longer than `max`, complete or not; nothing was consumed */
};

/* Take the next line, ended by CRLF. A bare LF ends it too: *bare_lf_r (may be NULL) tells, because
 * some protocols must not take it so. NUL and 8-bit bytes are data. */
enum line_result line_next(struct slice *in, size_t max, struct slice *line, bool *bare_lf_r);

/* Does it hold no end of a line? */
bool line_is_cut_short(struct slice in);

/* The word at the front of *line (up to a space or tab), which moves behind it and the white space
 * that follows. Empty at the end. */
struct slice line_word(struct slice *line);

/* The same, over white space in front: servers skip it. */
struct slice line_first_word(struct slice *line);

/* Of the three digits that replies of SMTP and NNTP begin with, the first. */
static inline bool reply_is_class(unsigned code, unsigned class)
{
    return code / 100 == class;
}

/* White space to one server or another: Postfix skips all that isspace() knows, Dovecot's POP3 a
 * CR. */
static inline bool line_is_gap(uint8_t c)
{
    return c <= ' ' || c == 0x7f;
}

/* Where a verb ends without a blank, to some parsers of IMAP and ManageSieve. */
#define LINE_STOPS "(){\""

/* Is `word` one of `names`, up to NULL, whatever the case; or does it begin one? */
bool line_is_listed(const char *const *names, struct slice word);
bool line_begins_listed(const char *const *names, struct slice word);

/* As line_first_word(), for those who must not miss a verb that a server would find: between such
 * white space, and up to one of `stops`, which may be NULL. */
struct slice line_verb(struct slice *line, const char *stops);

#endif
