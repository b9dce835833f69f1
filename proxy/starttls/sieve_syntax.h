/* sieve_syntax.h - taking commands and replies of ManageSieve off a slice (RFC 5804, 4). Such a
 * unit is a line, which goes on behind the literals in it. */
#ifndef TLSFRONT_STARTTLS_SIEVE_SYNTAX_H
#define TLSFRONT_STARTTLS_SIEVE_SYNTAX_H

#include "proxy/base/buf.h"
#include "proxy/starttls/line.h"

/* The longest unit. Before a login there is nothing larger than what authentication needs. Small
 * enough that reading it again for every byte that comes costs little. */
enum { SIEVE_UNIT_MAX = 16384 };

enum sieve_kind {
    SIEVE_MORE,     /* incomplete */
    SIEVE_BAD,      /* nothing that there is */
    SIEVE_TOO_LONG, /* a literal longer than any unit */
    SIEVE_END,      /* the end of the unit: CRLF, or a bare LF */
    SIEVE_ATOM,
    SIEVE_QUOTED,  /* "text"; a backslash stays before what it escapes */
    SIEVE_LITERAL, /* {4} or {4+}, CRLF, text */
    SIEVE_PARENTHESIS,
};

struct sieve_token {
    enum sieve_kind kind;
    struct slice text; /* without quotes and length */
};

/* Take the next token. Nothing is promised of *in when it is one of the first three. */
void sieve_token_next(struct slice *in, struct sieve_token *t);

bool sieve_is_string(const struct sieve_token *t);

/* A unit: its first token, and what is behind that up to and with the end. */
struct sieve_unit {
    struct slice raw, rest;
    struct sieve_token first;
};

enum sieve_result {
    SIEVE_UNIT_MORE,     /* no complete unit yet; nothing was consumed */
    SIEVE_UNIT_OK,       /* *in starts behind it */
    SIEVE_UNIT_BAD,      /* no unit; the line where that showed was consumed */
    SIEVE_UNIT_TOO_LONG, /* longer than SIEVE_UNIT_MAX, complete or not; nothing was consumed */
};

enum sieve_result sieve_unit_next(struct slice *in, struct sieve_unit *u);

/* Does a line, which has lost its end, go on behind a literal? *size_r: of the literal, else 0. */
bool sieve_literal_at(struct slice line, uint64_t *size_r);

/* Nothing but the end is behind the first. */
bool sieve_is_alone(const struct sieve_unit *u);

/* Can it be written so that nothing of it is a command to a server that knows no literals there?
 * Before a login they hold names, passwords and SASL's base64. */
bool sieve_is_plain(struct slice raw);

/* Write a unit of the client's, a plain one, in a form that cannot be read in two ways: one blank
 * between tokens, CRLF, and literals in quotes, or if they are too long for these as RFC 5804 has
 * them in that direction, with a plus. */
void sieve_put_unit(struct buf *out, struct slice raw);

#endif
