#include "proxy/starttls/probe.h"
#include "proxy/starttls/line.h"

#include <string.h>

/* Longer than any greeting line that a protocol allows. */
enum { GREETING_LINE_MAX = 2048 };

bool probe_word(struct slice line, const char *word)
{
    const size_t size = strlen(word);
    return slice_begins(line, word) && (line.size == size || line.data[size] == ' ');
}

/* Some servers put empty lines between what they say; sessions pass over them, too. */
static enum probe_verdict judge_lines(const struct probe_rules *rules, struct slice said,
                                      struct slice *words_r)
{
    enum probe_verdict verdict = PROBE_MORE;
    struct slice line;
    enum line_result got = LINE_OK;
    while (verdict == PROBE_MORE &&
           (got = line_next(&said, GREETING_LINE_MAX, &line, NULL)) == LINE_OK)
        verdict = line.size == 0 ? PROBE_MORE : rules->line(line);
    if (got == LINE_TOO_LONG)
        verdict = PROBE_ILL;
    if (verdict == PROBE_ILL)
        *words_r = got == LINE_OK ? line : (struct slice){0};
    return verdict;
}

void probe_begin(const struct probe_rules *rules, struct buf *out)
{
    if (rules != NULL && rules->begin != NULL)
        rules->begin(out);
}

enum probe_verdict probe_judge(const struct probe_rules *rules, struct slice said,
                               struct slice *words_r)
{
    *words_r = (struct slice){0};
    if (rules == NULL)
        return PROBE_WELL;
    const enum probe_verdict verdict =
        rules->line != NULL ? judge_lines(rules, said, words_r) : rules->judge(said);
    return verdict == PROBE_MORE && said.size >= PROBE_MAX ? PROBE_ILL : verdict;
}

void probe_leave(const struct probe_rules *rules, struct buf *out)
{
    if (rules != NULL)
        buf_put(out, rules->goodbye, rules->goodbye_size);
}
