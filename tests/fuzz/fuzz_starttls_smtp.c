/* fuzz_starttls_smtp.c - see lines.h. No upgrade and no foreign identity ever reaches the upstream,
 * and no password where it must not pass. */
#include "proxy/starttls/smtp.h"

#define MODULE starttls_smtp
#include "lines.h"

/* A dot alone to a lax server, which takes any end of a line for one, and sees no blanks there. */
static bool is_end(struct slice line)
{
    size_t n = 1;
    while (n < line.size && line.data[n] == ' ')
        n++;
    return line.size > 0 && line.data[0] == '.' && (n == line.size || line.data[n] < ' ');
}

static bool says_who(struct slice line)
{
    return slice_is(line_verb(&line, NULL), "XCLIENT") && line.size > 0 &&
           memchr(line.data, '=', line.size) != NULL;
}

/* Bytes that are counted, in a form that says how many, are no commands. Where it offers no BDAT
 * they are on TLS. */
static bool skip_bytes(const struct dialogue_facts *f, struct slice line, struct slice *heard)
{
    const uint8_t *digit = line.data + strlen("BDAT ");
    size_t size = 0;
    if (f->mode == DIALOGUE_INSIDE || !slice_begins(line, "BDAT "))
        return false;
    for (; *digit >= '0' && *digit <= '9' && size < heard->size; digit++)
        size = size * 10 + (size_t)(*digit - '0');
    if (size > heard->size)
        size = heard->size;
    heard->data += size;
    heard->size -= size;
    return true;
}

/* As a server reads it to whom a text ends with a dot alone between any ends of lines. Behind it
 * there may be commands that are text to us, but no password and no identity. In what is text here,
 * bytes and responses may be what the other side refused to take for text. */
static void check_upstream(const struct dialogue_facts *f, struct slice heard)
{
    static const char *const passwords[] = {"AUTH", "X-EXPS", NULL};
    static const char *const no_commands_behind[] = {"BDAT", "XEXCH50", "TURN", "ATRN", NULL};
    static const char *const never[] = {"STARTTLS", "XFORWARD", "X-ANONYMOUSTLS",
                                        "GET",      "POST",     NULL};
    const bool withheld = f->mode != DIALOGUE_INSIDE && !f->plaintext_login;
    bool inside = false, any = false;
    unsigned identities = 0;
    struct slice line;
    while (line_next(&heard, SIZE_MAX, &line, NULL) == LINE_OK) {
        struct slice rest = line;
        const struct slice verb = line_verb(&rest, NULL);
        const bool password = line_is_listed(passwords, verb);
        if (inside) {
            inside = !is_end(line);
        } else {
            assert(any || !line_is_listed(never, verb));
            identities += says_who(line);
            assert(identities <= (f->client_address != NULL ? 1U : 0U));
            assert(!password || !withheld);
            any |= inside = slice_is(verb, "DATA");
            if (skip_bytes(f, line, &heard))
                continue;
        }
        if (line_is_listed(no_commands_behind, verb) || (password && !withheld))
            return;
    }
}
