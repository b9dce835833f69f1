#include "proxy/starttls/line.h"

#include <string.h>
#include <strings.h>

enum line_result line_next(struct slice *in, size_t max, struct slice *line, bool *bare_lf_r)
{
    const uint8_t *end = in->size > 0 ? memchr(in->data, '\n', in->size) : NULL;
    if (end == NULL) { /* a CR at the end may be the beginning of CRLF, which does not count */
        const bool cr = in->size > 0 && in->data[in->size - 1] == '\r';
        return in->size > max + (cr ? 1 : 0) ? LINE_TOO_LONG : LINE_MORE;
    }

    size_t size = (size_t)(end - in->data);
    const size_t taken = size + 1;
    const bool crlf = size > 0 && in->data[size - 1] == '\r';
    if (crlf)
        size--;
    if (size > max)
        return LINE_TOO_LONG;
    if (bare_lf_r != NULL)
        *bare_lf_r = !crlf;
    *line = (struct slice){in->data, size};
    in->data += taken;
    in->size -= taken;
    return LINE_OK;
}

bool line_is_cut_short(struct slice in)
{
    return in.size == 0 || memchr(in.data, '\n', in.size) == NULL;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct slice line_word(struct slice *line)
{
    struct slice word = {line->data, 0};
    if (line->size == 0) /* whose data may be NULL */
        return word;
    while (word.size < line->size && !is_blank(line->data[word.size]))
        word.size++;
    size_t skip = word.size;
    while (skip < line->size && is_blank(line->data[skip]))
        skip++;
    line->data += skip;
    line->size -= skip;
    return word;
}

struct slice line_first_word(struct slice *line)
{
    struct slice word = line_word(line);
    return word.size > 0 ? word : line_word(line);
}

static void skip_gap(struct slice *in)
{
    while (in->size > 0 && line_is_gap(in->data[0])) {
        in->data++;
        in->size--;
    }
}

static bool ends_verb(uint8_t c, const char *stops)
{
    return line_is_gap(c) || (stops != NULL && strchr(stops, c) != NULL);
}

struct slice line_verb(struct slice *line, const char *stops)
{
    skip_gap(line);
    struct slice verb = {line->data, 0};
    while (verb.size < line->size && !ends_verb(line->data[verb.size], stops))
        verb.size++;
    if (verb.size > 0) { /* the data of an empty line may be NULL */
        line->data += verb.size;
        line->size -= verb.size;
    }
    skip_gap(line);
    return verb;
}

bool line_is_listed(const char *const *names, struct slice word)
{
    while (*names != NULL && !slice_is(word, *names))
        names++;
    return *names != NULL;
}

bool line_begins_listed(const char *const *names, struct slice word)
{
    while (*names != NULL && (word.size > strlen(*names) ||
                              strncasecmp(*names, (const char *)word.data, word.size) != 0))
        names++;
    return *names != NULL;
}
