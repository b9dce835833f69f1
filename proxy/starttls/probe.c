#include "proxy/starttls/probe.h"
#include "proxy/starttls/ber.h"
#include "proxy/starttls/line.h"

#include <string.h>

/* Longer than any greeting line that a protocol allows. */
enum { GREETING_LINE_MAX = 2048 };

/* What a line of the greeting means. */
typedef enum probe_verdict line_fn(struct slice line);

static bool begins_with_word(struct slice line, const char *word)
{
    const size_t size = strlen(word);
    return slice_begins(line, word) && (line.size == size || line.data[size] == ' ');
}

/* ---- line protocols ---- */

static enum probe_verdict pop3_line(struct slice line)
{
    return begins_with_word(line, "+OK") ? PROBE_WELL : PROBE_ILL;
}

/* RFC 3501, 7.1: BYE is how a server refuses. */
static enum probe_verdict imap_line(struct slice line)
{
    return begins_with_word(line, "* OK") || begins_with_word(line, "* PREAUTH") ? PROBE_WELL
                                                                                 : PROBE_ILL;
}

/* A greeting may have several lines, the last of them without the hyphen (RFC 5321, 4.2). */
static enum probe_verdict smtp_line(struct slice line)
{
    if (slice_begins(line, "220-"))
        return PROBE_MORE;
    return begins_with_word(line, "220") ? PROBE_WELL : PROBE_ILL;
}

/* RFC 3977, 5.1 */
static enum probe_verdict nntp_line(struct slice line)
{
    return begins_with_word(line, "200") || begins_with_word(line, "201") ? PROBE_WELL : PROBE_ILL;
}

/* RFC 5804, 1.7: capabilities, strings all of them, then OK, NO or BYE. */
static enum probe_verdict sieve_line(struct slice line)
{
    if (begins_with_word(line, "OK"))
        return PROBE_WELL;
    return begins_with_word(line, "NO") || begins_with_word(line, "BYE") ? PROBE_ILL : PROBE_MORE;
}

static enum probe_verdict judge_lines(line_fn *judge, struct slice said, struct slice *words_r)
{
    enum probe_verdict verdict = PROBE_MORE;
    struct slice line;
    enum line_result got = LINE_OK;
    while (verdict == PROBE_MORE &&
           (got = line_next(&said, GREETING_LINE_MAX, &line, NULL)) == LINE_OK)
        verdict = judge(line);
    if (got == LINE_TOO_LONG)
        verdict = PROBE_ILL;
    if (verdict == PROBE_ILL)
        *words_r = got == LINE_OK ? line : (struct slice){0};
    return verdict;
}

/* ---- LDAP ---- */

enum { MESSAGE_ID = 1 };

/* RFC 4511: tags of operations, and results of a server that does not serve now. */
enum {
    LDAP_SEARCH = 0x63,
    LDAP_ENTRY = 0x64,
    LDAP_DONE = 0x65,
    LDAP_REFERENCE = 0x73,
    LDAP_PRESENT = 0x87,
    LDAP_BUSY = 51,
    LDAP_UNAVAILABLE = 52,
};

/* The root of the directory (RFC 4512, 5.1), without any of its attributes. A server may let nobody
 * look there; one that says so is well. */
static void ldap_begin(struct buf *out)
{
    const size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_number(out, BER_INTEGER, MESSAGE_ID);
    const size_t search = ber_open(out, LDAP_SEARCH);
    ber_puts(out, BER_OCTETS, "");
    ber_put_number(out, BER_ENUMERATED, 0); /* the base object alone */
    ber_put_number(out, BER_ENUMERATED, 0); /* no aliases */
    ber_put_number(out, BER_INTEGER, 0);    /* no limits */
    ber_put_number(out, BER_INTEGER, 0);
    ber_put(out, BER_BOOLEAN, "", 1);
    ber_puts(out, LDAP_PRESENT, "objectClass");
    const size_t attributes = ber_open(out, BER_SEQUENCE);
    ber_puts(out, BER_OCTETS, "1.1"); /* RFC 4511, 4.5.1.8: none */
    ber_close(out, attributes);
    ber_close(out, search);
    ber_close(out, message);
}

static enum probe_verdict ldap_done(struct slice contents)
{
    int64_t code;
    if (!ber_number(&contents, BER_ENUMERATED, &code))
        return PROBE_ILL;
    return code == LDAP_BUSY || code == LDAP_UNAVAILABLE ? PROBE_ILL : PROBE_WELL;
}

static enum probe_verdict ldap_message(struct slice message)
{
    int64_t id;
    uint8_t tag;
    struct slice contents;
    if (!ber_number(&message, BER_INTEGER, &id) || id != MESSAGE_ID ||
        !ber_take(&message, &tag, &contents))
        return PROBE_ILL; /* a notice of disconnection has the number 0 */
    if (tag == LDAP_DONE)
        return ldap_done(contents);
    return tag == LDAP_ENTRY || tag == LDAP_REFERENCE ? PROBE_MORE : PROBE_ILL;
}

static enum probe_verdict judge_ldap(struct slice said)
{
    enum probe_verdict verdict = PROBE_MORE;
    while (verdict == PROBE_MORE) {
        struct slice at = said, message;
        uint8_t tag;
        size_t size;
        const enum ber_result head = ber_header(&at, &tag, &size);
        if (head == BER_MORE)
            return PROBE_MORE;
        if (head == BER_BAD || tag != BER_SEQUENCE)
            return PROBE_ILL;
        if (!ber_take(&said, &tag, &message))
            return size > PROBE_MAX ? PROBE_ILL : PROBE_MORE;
        verdict = ldap_message(message);
    }
    return verdict;
}

/* RFC 4511, 4.3 */
static void ldap_leave(struct buf *out)
{
    const size_t message = ber_open(out, BER_SEQUENCE);
    ber_put_number(out, BER_INTEGER, MESSAGE_ID + 1);
    ber_puts(out, 0x42, "");
    ber_close(out, message);
}

/* ---- all ---- */

static const struct probe_row {
    line_fn *line;     /* NULL: the protocol has no lines */
    const char *leave; /* NULL: there is no such line */
} rows[PROTOCOLS] = {
    [PROTOCOL_POP3] = {pop3_line, "QUIT\r\n"},     [PROTOCOL_IMAP] = {imap_line, "a LOGOUT\r\n"},
    [PROTOCOL_SMTP] = {smtp_line, "QUIT\r\n"},     [PROTOCOL_NNTP] = {nntp_line, "QUIT\r\n"},
    [PROTOCOL_SIEVE] = {sieve_line, "LOGOUT\r\n"},
};

void probe_begin(enum protocol p, struct buf *out)
{
    if (p == PROTOCOL_LDAP)
        ldap_begin(out);
}

enum probe_verdict probe_judge(enum protocol p, struct slice said, struct slice *words_r)
{
    enum probe_verdict verdict = PROBE_WELL;
    *words_r = (struct slice){0};
    if (p == PROTOCOL_LDAP)
        verdict = judge_ldap(said);
    else if (rows[p].line != NULL)
        verdict = judge_lines(rows[p].line, said, words_r);
    return verdict == PROBE_MORE && said.size >= PROBE_MAX ? PROBE_ILL : verdict;
}

void probe_leave(enum protocol p, struct buf *out)
{
    if (p == PROTOCOL_LDAP)
        ldap_leave(out);
    else if (rows[p].leave != NULL)
        buf_puts(out, rows[p].leave);
}
