/* smtp_syntax.c - what lines of SMTP look like. */
#include "proxy/starttls/smtp_inner.h"

#include <string.h>

/* ---- commands ---- */

bool smtp_has_controls(struct slice line)
{
    for (size_t i = 0; i < line.size; i++)
        if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f)
            return true;
    return false;
}

bool smtp_take_number(struct slice word, uint64_t *n)
{
    *n = 0;
    for (size_t i = 0; i < word.size; i++) {
        const unsigned digit = (unsigned)word.data[i] - '0';
        if (digit > 9 || *n > (UINT64_MAX - digit) / 10)
            return false;
        *n = *n * 10 + digit;
    }
    return word.size > 0;
}

bool smtp_read_bdat(struct slice line, struct smtp_bdat *b)
{
    static const char verb[] = "BDAT ";
    enum { DIGITS_MAX = 20, VERB = sizeof verb - 1 };
    if (!slice_begins(line, verb))
        return false;
    struct slice size = {line.data + VERB, line.size - VERB};
    const uint8_t *blank = size.size > 0 ? memchr(size.data, ' ', size.size) : NULL;
    struct slice rest = {size.data, 0};
    if (blank != NULL) {
        rest = (struct slice){blank, size.size - (size_t)(blank - size.data)};
        size.size -= rest.size;
    }
    b->last = rest.size > 0;
    return size.size <= DIGITS_MAX && smtp_take_number(size, &b->size) &&
           (!b->last || slice_is(rest, " LAST"));
}

/* ---- replies ---- */

/* RFC 5321, 4.2.1: replies begin with 2 to 5. */
static unsigned code_of(struct slice line)
{
    if (line.size < 3 || line.data[0] < '2' || line.data[0] > '5' || !byte_is_digit(line.data[1]) ||
        !byte_is_digit(line.data[2]))
        return 0;
    return (unsigned)(line.data[0] - '0') * 100 + (unsigned)(line.data[1] - '0') * 10 +
           (unsigned)(line.data[2] - '0');
}

void smtp_reply_read(struct slice line, struct smtp_reply_line *r)
{
    *r = (struct smtp_reply_line){.code = code_of(line), .text = {line.data, 0}};
    r->final = r->code != 0 && (line.size == 3 || line.data[3] != '-');
    if (r->code != 0 && line.size > 4)
        r->text = (struct slice){line.data + 4, line.size - 4};
}

enum line_result smtp_reply_next(struct slice *in, struct smtp_reply_line *r)
{
    struct slice line;
    const uint8_t *start = in->data;
    const enum line_result result = line_next(in, SMTP_LINE_MAX, &line, NULL);
    if (result != LINE_OK)
        return result;
    smtp_reply_read(line, r);
    r->raw = (struct slice){start, (size_t)(in->data - start)};
    return LINE_OK;
}

struct slice smtp_keyword(struct slice text, struct slice *parameters_r)
{
    const struct slice word = line_first_word(&text);
    if (parameters_r != NULL)
        *parameters_r = text;
    /* "AUTH=LOGIN" is AUTH as servers before RFC 2554 wrote it. */
    size_t size = 0;
    while (size < word.size && word.data[size] != '=')
        size++;
    return (struct slice){word.data, size};
}

bool smtp_is_ours(struct slice keyword)
{
    static const char *const ours[] = {"STARTTLS", "X-ANONYMOUSTLS", "XCLIENT", "XFORWARD", NULL};
    return line_is_listed(ours, keyword);
}

bool smtp_is_syntax(unsigned code)
{
    return code >= 500 && code <= 504;
}

bool smtp_is_hello_unknown(unsigned code)
{
    return smtp_is_syntax(code) || code == 550 || code == 554;
}
