/* imap_syntax.c - tags, literals, lists of capabilities. See imap_inner.h. */
#include "proxy/starttls/imap_inner.h"

#include <string.h>

struct slice imap_word(struct slice *line)
{
    struct slice word = {line->data, 0};
    while (word.size < line->size && line->data[word.size] != ' ')
        word.size++;
    size_t skip = word.size;
    while (skip < line->size && line->data[skip] == ' ')
        skip++;
    line->data += skip;
    line->size -= skip;
    return word;
}

bool imap_is_tag(struct slice word)
{
    if (word.size == 0 || word.size > IMAP_TAG_MAX)
        return false;
    for (size_t i = 0; i < word.size; i++) {
        const uint8_t c = word.data[i];
        if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\+", c) != NULL)
            return false;
    }
    return true;
}

bool imap_is_condition(struct slice word)
{
    static const char *const conditions[] = {"OK", "NO", "BAD", "PREAUTH", "BYE"};
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        if (slice_is(word, conditions[i]))
            return true;
    return false;
}

/* ---- literals ---- */

/* Does a quoted string begin in `s` that does not end in it? (RFC 9051, 9: quoted) */
static bool is_quote_open(struct slice s)
{
    bool open = false;
    for (size_t i = 0; i < s.size; i++) {
        if (s.data[i] == '"')
            open = !open;
        else if (open && s.data[i] == '\\')
            i++;
    }
    return open;
}

/* False when the number is larger than any that there is (RFC 9051, 9: number64). */
static bool take_number(struct slice digits, uint64_t *n)
{
    *n = 0;
    for (size_t i = 0; i < digits.size; i++) {
        const unsigned digit = (unsigned)digits.data[i] - '0';
        if (*n > ((uint64_t)INT64_MAX - digit) / 10)
            return false;
        *n = *n * 10 + digit;
    }
    return true;
}

/* A literal is an argument of its own, so a space or "(" stands in front of it, or the "~" of
 * literal8. Otherwise, or within quotes, it could be the end of a careless client's password. */
enum imap_literal imap_literal_at(struct slice line, uint64_t *size_r)
{
    *size_r = 0;
    size_t end = line.size;
    if (end == 0 || line.data[--end] != '}')
        return IMAP_NO_LITERAL;
    const bool nonsync = end > 0 && line.data[end - 1] == '+';
    if (nonsync)
        end--;
    size_t start = end;
    while (start > 0 && byte_is_digit(line.data[start - 1]))
        start--;
    if (start == end || start == 0 || line.data[start - 1] != '{')
        return IMAP_NO_LITERAL;
    const struct slice before = {line.data, start - 1};
    if (before.size == 0 || memchr(" (~", before.data[before.size - 1], 3) == NULL ||
        is_quote_open(before) ||
        !take_number((struct slice){line.data + start, end - start}, size_r))
        return IMAP_DOUBTFUL;
    return nonsync ? IMAP_NONSYNC : IMAP_SYNC;
}

/* ---- lists of capabilities ---- */

/* What is behind `front`, which begins as `whole` does. */
static struct slice behind(struct slice whole, struct slice front)
{
    return (struct slice){front.data + front.size,
                          whole.size - (size_t)(front.data - whole.data) - front.size};
}

/* "[CAPABILITY words]" at the front of `text`. One without its end has nothing behind it. */
static bool find_code(struct slice line, struct slice text, struct imap_list *list)
{
    static const char code[] = "[CAPABILITY";
    const size_t size = sizeof code - 1;
    if (!slice_begins(text, code) ||
        (text.size > size && text.data[size] != ' ' && text.data[size] != ']'))
        return false;
    const size_t front = (size_t)(text.data - line.data) + size;
    list->before = (struct slice){line.data, front};
    list->words = behind(line, list->before);
    const uint8_t *end =
        list->words.size > 0 ? memchr(list->words.data, ']', list->words.size) : NULL;
    if (end != NULL)
        list->words.size = (size_t)(end - list->words.data);
    list->after = behind(line, list->words);
    return true;
}

/* RFC 9051, 7.2.2: "* CAPABILITY words", and 7.1: the code in a status response. */
bool imap_find_list(struct slice line, struct imap_list *list)
{
    struct slice rest = line;
    const struct slice first = line_word(&rest), second = line_word(&rest);
    if (imap_is_condition(second))
        return find_code(line, rest, list);
    if (!slice_is(first, "*") || !slice_is(second, "CAPABILITY"))
        return false;
    list->before = (struct slice){line.data, (size_t)(second.data - line.data) + second.size};
    list->words = behind(line, list->before);
    list->after = behind(line, list->words);
    return true;
}

bool imap_list_has(const struct imap_list *list, const char *word)
{
    struct slice words = list->words;
    while (words.size > 0)
        if (slice_is(line_word(&words), word))
            return true;
    return false;
}

/* LOGINDISABLED beside STARTTLS means "not before TLS" (RFC 9051, 6.2.3), and the client that reads
 * it inside TLS would not even try. Alone it means that LOGIN is never taken, and stays. */
static bool is_kept(struct slice word, const struct imap_edit *edit, bool had_upgrade)
{
    if (word.size == 0 || slice_is(word, "STARTTLS"))
        return false;
    if (slice_is(word, "LOGINDISABLED"))
        return edit->upgrade ? !edit->hide_passwords : !had_upgrade;
    /* SASL-IR would make a client say its password before we could refuse it (RFC 4959). */
    return !edit->hide_passwords || !(slice_begins(word, "AUTH=") || slice_is(word, "SASL-IR"));
}

void imap_put_list(struct buf *out, const struct imap_list *list, const struct imap_edit *edit)
{
    const bool had_upgrade = imap_list_has(list, "STARTTLS");
    struct slice words = list->words;
    buf_put(out, list->before.data, list->before.size);
    while (words.size > 0) {
        const struct slice word = line_word(&words);
        if (!is_kept(word, edit, had_upgrade))
            continue;
        buf_puts(out, " ");
        buf_put(out, word.data, word.size);
    }
    if (edit->upgrade)
        buf_puts(out, edit->hide_passwords ? " STARTTLS LOGINDISABLED" : " STARTTLS");
    buf_put(out, list->after.data, list->after.size);
    buf_puts(out, "\r\n");
}
