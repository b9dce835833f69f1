/* imap_inner.h - what the files of the IMAP module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_IMAP_INNER_H
#define TLSFRONT_STARTTLS_IMAP_INNER_H

#include "proxy/starttls/boundary.h"
#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/imap.h"
#include "proxy/starttls/probe.h"
#include "proxy/starttls/step.h"

DIALOGUE_KEPT(imap)

/* ---- syntax (imap_syntax.c) ---- */

/* The word up to a space at the front of *line, which moves behind it and the spaces that follow. A
 * tab is no space in IMAP. */
struct slice imap_word(struct slice *line);

/* RFC 9051, 9: tag. Such a one can be said back. */
bool imap_is_tag(struct slice word);

/* Is it OK, NO, BAD, PREAUTH or BYE? (RFC 9051, 7.1) */
bool imap_is_condition(struct slice word);

/* How a line ends (RFC 9051, 4.3; RFC 7888). */
enum imap_literal {
    IMAP_NO_LITERAL,
    IMAP_SYNC,     /* {n}: the bytes come when "+" was said */
    IMAP_NONSYNC,  /* {n+}: they come at once */
    IMAP_DOUBTFUL, /* one parser would find a literal here, and another would not */
};

enum imap_literal imap_literal_at(struct slice line, uint64_t *size_r);

/* The list of capabilities in a response: "before list after" is all of the line. */
struct imap_list {
    struct slice before, words, after;
};

/* False: there is none. */
bool imap_find_list(struct slice line, struct imap_list *list);

bool imap_list_has(const struct imap_list *list, const char *word);

/* What becomes of the upstream's list. */
struct imap_edit {
    bool upgrade;        /* STARTTLS is listed in any case; otherwise in none */
    bool hide_passwords; /* and LOGINDISABLED, and no other way to log in */
};

/* The line that it stands in, with its ending. */
void imap_put_list(struct buf *out, const struct imap_list *list, const struct imap_edit *edit);

/* ---- commands ---- */

struct imap_verb;

/* One line: "tag verb rest". */
struct imap_command {
    struct slice line, tag, verb, rest;
    enum imap_literal literal; /* at its end */
    uint64_t size;             /* of that literal */
    const struct imap_verb *row;
};

struct imap_verb {
    const char *name; /* NULL in the last row, which is for all others */
    enum step (*take)(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out);
    enum imap_asked asked; /* when the upstream is asked */
    bool bare;             /* it has no arguments */
};

/* ---- words of our own (imap_own.c) ---- */

/* What the client reads first, and what it is told before TLS is demanded. */
void imap_greet(struct dialogue *t, struct dialogue_out *out);
extern const struct imap_verb imap_own_verbs[];

/* Temporarily unavailable, as the row's `refuse`. */
void imap_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client);

/* Our own answer to a command: "OK ..." or "* ...", without tag and CRLF. */
void imap_answer(const struct imap_command *c, struct dialogue_out *out, const char *reply);

/* A refusal that counts. */
enum step imap_refuse(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out,
                      const char *reply);

/* In the tables of both. */
enum step imap_starttls(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out);
enum step imap_login_refusal(struct dialogue *t, const struct imap_command *c,
                             struct dialogue_out *out);
enum step imap_own_id(struct dialogue *t, const struct imap_command *c, struct dialogue_out *out);

/* A command that ended early leaves this much of itself to come. */
enum step imap_skip(struct dialogue *t, enum imap_literal literal, uint64_t size,
                    struct dialogue_out *out);

/* BYE: `why` is a code and words. */
enum step imap_goodbye(struct dialogue *t, struct dialogue_out *out, enum dialogue_reason reason,
                       const char *why);

/* BYE, if that was one error too many. */
enum step imap_count_error(struct dialogue *t, struct dialogue_out *out, enum step otherwise);

/* A browser that was tricked into speaking here (ALPACA): "GET / HTTP/1.1". */
bool imap_is_foreign(struct slice tag, struct slice verb);
extern const char *const imap_foreign_tags[]; /* up to NULL */

/* The upstream said `line`, which is not of IMAP or a refusal: tell the client, and end. */
enum step imap_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out);

/* ---- towards an upstream (imap_pass.c) ---- */

/* The verbs where an upstream hears them. */
extern const struct imap_verb imap_pass_verbs[];

/* Does a field of ID begin with "x-", or is that hard to tell? Dovecot takes from such fields who
 * the client is, when it trusts us. That is ours to tell. */
bool imap_has_proxy_fields(const struct imap_command *c);

/* Hand the upstream a line of a command, or of a response to "+". */
enum step imap_forward(struct dialogue *t, struct slice line, enum imap_literal literal,
                       uint64_t size, struct dialogue_out *out);

/* ---- responses (imap_reply.c, imap_open.c) ---- */

struct imap_response {
    struct slice raw;  /* as it came, with its ending */
    struct slice line; /* without it */
    struct slice first, second, rest;
    struct imap_list list;
    bool has_list;
};

enum step imap_take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* A response to the client, with its list edited. `success`: it is part of a login that went
 * well. */
enum step imap_put_response(struct dialogue *t, const struct imap_response *r, bool success,
                            struct dialogue_out *out);

enum step imap_on_greeting(struct dialogue *t, const struct imap_response *r,
                           struct dialogue_out *out);

/* A response that carries data, and is not for the client if it is `ours`. */
enum step imap_on_data(struct dialogue *t, const struct imap_response *r, bool ours,
                       struct dialogue_out *out);

/* Responses while we are asking. STEP_LEFT: it is none to our command. */
enum step imap_on_opening(struct dialogue *t, const struct imap_response *r,
                          struct dialogue_out *out);

/* Our command was refused by an untagged response alone, as some do: the client waits no longer.
 * The tagged one may come all the same. */
enum step imap_opening_refused(struct dialogue *t);

/* As the row's. */
bool imap_unanswered(struct dialogue *t);

/* Is it a tag of our own commands? */
bool imap_is_own_tag(struct slice tag);

/* Is that the tag of the late answer to us, which is not for the client? Once. */
bool imap_is_owed(struct dialogue *t, struct slice tag);

/* On TLS, behind that; as the functions of struct starttls. */
enum dialogue_verdict imap_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out);
enum dialogue_verdict imap_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out);

/* ---- apart from dialogues (imap_apart.c) ---- */

extern const struct probe_rules imap_probe;
extern const struct boundary_rules imap_boundary;

#endif
