/* smtp_inner.h - what the files of the SMTP module share; nobody else includes it. */
#ifndef TLSFRONT_STARTTLS_SMTP_INNER_H
#define TLSFRONT_STARTTLS_SMTP_INNER_H

#include "proxy/starttls/boundary.h"
#include "proxy/starttls/dialogue.h"
#include "proxy/starttls/probe.h"
#include "proxy/starttls/smtp.h"
#include "proxy/starttls/step.h"

DIALOGUE_KEPT(smtp)

/* RFC 4954, 4 asks for 12288 octets for the lines of an authentication exchange, the longest that
 * the protocol knows. */
enum { SMTP_LINE_MAX = 12288 };

/* What the upstream was asked; its reply may change what we know. */
enum smtp_asked {
    SMTP_ASKED_OTHER,
    SMTP_ASKED_UNKNOWN, /* a command that we do not know */
    SMTP_ASKED_EHLO,
    SMTP_ASKED_LHLO,
    SMTP_ASKED_HELO,
    SMTP_ASKED_MAIL,
    SMTP_ASKED_RCPT,
    SMTP_ASKED_RSET,
    SMTP_ASKED_DATA,
    SMTP_ASKED_TEXT, /* takes the place of DATA when the mail text is through */
    SMTP_ASKED_BDAT,
    SMTP_ASKED_LAST, /* the last BDAT or BURL of a mail */
    SMTP_ASKED_AUTH,
    SMTP_ASKED_XEXCH50,
    SMTP_ASKED_TURN,
    SMTP_ASKED_EMPTY, /* on TLS: an empty line */
    SMTP_ASKED_KINDS
};

/* ---- commands ---- */

struct smtp_verb;

/* One line: "verb rest", without the ending and white space in front. */
struct smtp_command {
    struct slice line, verb, rest;
    const struct smtp_verb *row;
};

struct smtp_verb {
    const char *name; /* NULL in the last row, which is for all others */
    enum step (*take)(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out);
    enum smtp_asked asked; /* when the upstream is asked */
    bool waits;            /* and nothing behind it is read before the reply */
};

/* The verbs where an upstream hears them. */
extern const struct smtp_verb smtp_pass_verbs[];

enum step smtp_take_response(struct dialogue *t, struct slice *in, struct dialogue_out *out);
enum step smtp_take_text(struct dialogue *t, struct slice *in, struct dialogue_out *out);
enum step smtp_take_bytes(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* The client's next bytes are counted. */
void smtp_begin_bytes(struct dialogue *t);

/* ---- words of our own (smtp_own.c); they wait until those before them have come ---- */

/* What the client reads first, and what it is told before TLS is demanded. */
void smtp_greet(struct dialogue *t, struct dialogue_out *out);
extern const struct smtp_verb smtp_own_verbs[];

/* Temporarily unavailable, as the row's `refuse`. */
void smtp_unavailable(enum starttls_refusal why, const char *hostname, struct buf *to_client);

/* A refusal that counts, without CRLF. */
enum step smtp_refuse(struct dialogue *t, struct dialogue_out *out, const char *reply);

/* In the tables of both: STARTTLS, and what a tricked browser says. */
enum step smtp_starttls(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out);
enum step smtp_foreign(struct dialogue *t, const struct smtp_command *c, struct dialogue_out *out);

/* A login in clear. */
enum step smtp_refuse_login(struct dialogue *t, const struct smtp_command *c,
                            struct dialogue_out *out, const char *reply);

/* A command that is not for here. */
#define SMTP_NO_COMMAND "502 5.5.1 Command not implemented"

/* 421 at once, for a client with too many errors. */
void smtp_goodbye(struct dialogue *t, struct dialogue_out *out);

/* The upstream said `line`, which is not of SMTP or a refusal: tell the client, and end. */
enum step smtp_protocol_error(struct dialogue *t, enum dialogue_reason why, struct slice line,
                              struct dialogue_out *out);

/* On TLS, as the functions of struct starttls. */
enum dialogue_verdict smtp_client_inside(struct dialogue *t, struct slice *in,
                                         struct dialogue_out *out);
enum dialogue_verdict smtp_upstream_inside(struct dialogue *t, struct slice *in,
                                           struct dialogue_out *out);

/* What mail text may not hide, also where passwords wait for TLS, and what is said then. */
#define SMTP_CAUGHT "421 4.7.0 Insufficient authorization"
extern const struct hidden_rules smtp_hidden, smtp_hidden_login;

/* A number of bytes that are to come. */
bool smtp_take_number(struct slice word, uint64_t *n);

/* RFC 3030, 2: exactly "BDAT size" or "BDAT size LAST". Servers differ in what else they take for
 * one, and for which size, and whoever is wrong about that reads text as commands. */
struct smtp_bdat {
    uint64_t size;
    bool last;
};

bool smtp_read_bdat(struct slice line, struct smtp_bdat *b);
#define SMTP_NO_BDAT "501 5.5.4 Syntax: BDAT size [LAST]"

/* A byte that no command holds (RFC 5321, 4.1.2), and that the upstream might read differently. */
bool smtp_has_controls(struct slice line);

/* ---- replies ---- */

struct smtp_reply_line {
    struct slice raw;  /* as it came, with its ending */
    struct slice text; /* behind the code and what follows it */
    unsigned code;     /* 0: it has none, or one that is no reply, as sendmail's 050 */
    bool final;
};

/* Read a line that has lost its ending; r->raw is not known then. */
void smtp_reply_read(struct slice line, struct smtp_reply_line *r);

enum line_result smtp_reply_next(struct slice *in, struct smtp_reply_line *r);

/* The keyword of a line of capabilities; *parameters_r (may be NULL) is what follows. */
struct slice smtp_keyword(struct slice text, struct slice *parameters_r);

/* Ways into TLS are ours alone, and so is the word about who the client is: the client does not see
 * the upstream's. */
bool smtp_is_ours(struct slice keyword);

/* Is it of the kind that complains of the command as such (RFC 5321, 4.2.2: 500 to 504)? Old
 * servers say so to EHLO; some say 550 or 554. */
bool smtp_is_hello_unknown(unsigned code);

bool smtp_is_syntax(unsigned code);

enum step smtp_take_reply(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* The greeting and what we do behind it. STEP_TAKEN: the dialogue is open. */
enum step smtp_open(struct dialogue *t, struct slice *in, struct dialogue_out *out);

/* ---- apart from dialogues (smtp_apart.c) ---- */

extern const struct probe_rules smtp_probe;
extern const struct boundary_rules smtp_boundary;

#endif
