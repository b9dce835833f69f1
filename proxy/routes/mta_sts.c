#include "proxy/routes/mta_sts.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* RFC 8461, 3.2: a year; and below a day the policy has run out before most senders come again. */
enum { MAX_AGE_MAX = 31557600, MAX_AGE_LITTLE = 86400, NAME_MAX_SIZE = 253, LABEL_MAX_SIZE = 63 };

struct judge {
    mta_sts_report_fn *report;
    void *arg;
    unsigned line;
    bool version, mode, max_age, none; /* seen; `none`: the mode is that */
    unsigned mx;
};

static void find(struct judge *j, enum diag_severity severity, const char *cause, const char *cure)
{
    j->report(j->arg, severity, j->line, cause, cure);
}

/* Exactly, unlike slice_is(). */
static bool same(struct slice s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

/* ---- values ---- */

/* Of what may stand once, only the first counts. False: this is another. */
static bool first(struct judge *j, bool *seen)
{
    const bool again = *seen;
    *seen = true;
    if (again)
        find(j, DIAG_WARNING, "this key is there already; only the first counts", "remove it");
    return !again;
}

static void take_version(struct judge *j, struct slice value)
{
    if (first(j, &j->version) && !same(value, "STSv1"))
        find(j, DIAG_ERROR, "that is no version that there is", "write version: STSv1");
}

static void take_mode(struct judge *j, struct slice value)
{
    if (!first(j, &j->mode))
        return;
    j->none = same(value, "none");
    if (!j->none && !same(value, "enforce") && !same(value, "testing"))
        find(j, DIAG_ERROR, "that is no mode", "write mode: enforce, testing or none");
}

static void take_max_age(struct judge *j, struct slice value)
{
    unsigned long seconds = 0;
    if (!first(j, &j->max_age))
        return;
    for (size_t i = 0; i < value.size; i++) {
        if (value.data[i] < '0' || value.data[i] > '9' || seconds > MAX_AGE_MAX) {
            seconds = MAX_AGE_MAX + 1UL;
            break;
        }
        seconds = seconds * 10 + (unsigned long)(value.data[i] - '0');
    }
    if (value.size == 0 || seconds > MAX_AGE_MAX)
        find(j, DIAG_ERROR, "max_age is a number of seconds up to 31557600",
             "write max_age: 604800 for a week");
    else if (seconds < MAX_AGE_LITTLE)
        find(j, DIAG_WARNING, "senders forget the policy within a day",
             "write max_age: 604800 for a week, or more, once mode is enforce");
}

static bool is_host_byte(uint8_t c)
{
    return byte_is_alphanumeric(c) || c == '-';
}

/* A name of at least two labels, perhaps "*." in front (RFC 8461, 4.1); no address. */
static bool is_mx(struct slice s)
{
    size_t label = 0, labels = 0;
    bool numeric = true;
    if (s.size > 2 && s.data[0] == '*' && s.data[1] == '.')
        s = (struct slice){s.data + 2, s.size - 2};
    for (size_t i = 0; i <= s.size; i++) {
        const bool ends = i == s.size || s.data[i] == '.';
        if (ends ? label == 0 || label > LABEL_MAX_SIZE : !is_host_byte(s.data[i]))
            return false;
        if (!ends)
            numeric = numeric && byte_is_digit(s.data[i]);
        label = ends ? 0 : label + 1;
        labels += ends;
    }
    return labels >= 2 && !numeric && s.size <= NAME_MAX_SIZE;
}

static void take_mx(struct judge *j, struct slice value)
{
    j->mx++;
    if (!is_mx(value))
        find(j, DIAG_ERROR, "that is no name of a mail server",
             "write one as in mx: mail.example.org or mx: *.example.org, without a dot at its end");
}

static const struct {
    const char *key;
    void (*take)(struct judge *j, struct slice value);
} keys[] = {
    {"version", take_version}, {"mode", take_mode}, {"max_age", take_max_age}, {"mx", take_mx}};

/* ---- lines ---- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct slice trim(struct slice s)
{
    for (; s.size > 0 && is_blank(s.data[0]); s.size--)
        s.data++;
    while (s.size > 0 && is_blank(s.data[s.size - 1]))
        s.size--;
    return s;
}

static bool has_controls(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if ((s.data[i] < ' ' && s.data[i] != '\t') || s.data[i] == 0x7f)
            return true;
    return false;
}

static void judge_field(struct judge *j, struct slice key, struct slice value)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (same(key, keys[i].key)) {
            keys[i].take(j, value);
            return;
        }
    find(j, DIAG_WARNING, "that key is not known; senders pass over it",
         "write version, mode, mx and max_age, in small letters and without blanks before the "
         "colon");
}

static void judge_line(struct judge *j, struct slice line)
{
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    const uint8_t *colon = line.size > 0 ? memchr(line.data, ':', line.size) : NULL;
    if (trim(line).size == 0)
        find(j, DIAG_WARNING, "the line is empty; some senders refuse that", "remove it");
    else if (has_controls(line))
        find(j, DIAG_ERROR, "the line holds control characters", "write it anew, as plain text");
    else if (colon == NULL)
        find(j, DIAG_ERROR, "the line has no colon", "write KEY: VALUE, each in a line of its own");
    else
        judge_field(j, (struct slice){line.data, (size_t)(colon - line.data)},
                    trim((struct slice){colon + 1, (size_t)(line.data + line.size - colon - 1)}));
}

static void judge_lines(struct judge *j, struct slice policy)
{
    while (policy.size > 0) {
        const uint8_t *end = memchr(policy.data, '\n', policy.size);
        const size_t size = end != NULL ? (size_t)(end - policy.data) : policy.size;
        const size_t taken = size + (end != NULL);
        j->line++;
        judge_line(j, (struct slice){policy.data, size});
        policy = (struct slice){policy.data + taken, policy.size - taken};
    }
}

/* ---- the whole ---- */

static void judge_absent(struct judge *j)
{
    if (!j->version)
        find(j, DIAG_ERROR, "there is no version", "add version: STSv1");
    if (!j->mode)
        find(j, DIAG_ERROR, "there is no mode", "add mode: testing, and later enforce");
    if (!j->max_age)
        find(j, DIAG_ERROR, "there is no max_age", "add max_age: 604800 for a week");
    if (j->mx == 0 && !j->none)
        find(j, DIAG_ERROR, "there is no mx: with such a policy no mail would be sent",
             "add a line for each of the domain's mail servers, as in mx: mail.example.org");
}

void mta_sts_judge(struct slice policy, mta_sts_report_fn *report, void *arg)
{
    struct judge j = {.report = report, .arg = arg};
    if (policy.size > MTA_STS_SIZE_MAX) {
        find(&j, DIAG_ERROR, "it is larger than the 64 KiB that senders read", "make it shorter");
        return;
    }
    judge_lines(&j, policy);
    j.line = 0;
    judge_absent(&j);
}
