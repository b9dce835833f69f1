#include "tests/demo/pop3.h"
#include "tests/demo/dialogue.h"

#include <stdlib.h>
#include <string.h>

static void pop3_open(struct dialogue *d)
{
    buf_puts(&d->out, "+OK demo mailbox\r\n");
}

static void pop3_close(struct dialogue *d)
{
    if (d->pop3.logged_in)
        d->mailbox->locked = false;
}

static void pop3_ok(struct dialogue *d)
{
    buf_puts(&d->out, "+OK\r\n");
}

static void pop3_capa(struct dialogue *d, const char *argument)
{
    (void)argument;
    buf_puts(&d->out, "+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\n.\r\n");
}

static void pop3_user(struct dialogue *d, const char *argument)
{
    d->pop3.user = strcmp(argument, "demo") == 0;
    pop3_ok(d);
}

static void pop3_pass(struct dialogue *d, const char *argument)
{
    (void)argument;
    if (!d->pop3.user) {
        buf_puts(&d->out, "-ERR [AUTH] The only user is demo\r\n");
    } else if (d->mailbox->locked) {
        buf_puts(&d->out, "-ERR [IN-USE] Another session has the mailbox\r\n");
    } else {
        d->mailbox->locked = true;
        d->pop3.logged_in = true;
        d->pop3.count = d->mailbox->count;
        pop3_ok(d);
    }
}

static void pop3_quit(struct dialogue *d, const char *argument)
{
    (void)argument;
    for (size_t i = d->pop3.count; i-- > 0;) {
        if (d->pop3.deleted[i])
            mailbox_remove(d->mailbox, i);
    }
    buf_puts(&d->out, "+OK Bye\r\n");
    d->ended = true;
}

static void pop3_stat(struct dialogue *d, const char *argument)
{
    (void)argument;
    size_t count = 0, size = 0;
    for (size_t i = 0; i < d->pop3.count; i++) {
        if (!d->pop3.deleted[i]) {
            count++;
            size += d->mailbox->messages[i].size;
        }
    }
    buf_printf(&d->out, "+OK %zu %zu\r\n", count, size);
}

/* The message that `argument` begins with, *rest_r behind its number; NULL, with the refusal
 * written, when there is no such message. */
static const struct message *pop3_message(struct dialogue *d, const char *argument, char **rest_r)
{
    char *rest;
    unsigned long number = strtoul(argument, &rest, 10);
    bool numeric = rest != argument && (*rest == '\0' || *rest == ' ');
    if (!numeric || number < 1 || number > d->pop3.count || d->pop3.deleted[number - 1]) {
        buf_puts(&d->out, "-ERR No such message\r\n");
        return NULL;
    }
    if (rest_r != NULL)
        *rest_r = rest;
    return &d->mailbox->messages[number - 1];
}

static size_t pop3_size_of(const struct message *m)
{
    return m->size;
}

static size_t pop3_id_of(const struct message *m)
{
    return m->id;
}

/* LIST and UIDL: one message's line, or all of them. */
static void pop3_listing(struct dialogue *d, const char *argument,
                         size_t (*value)(const struct message *))
{
    if (*argument != '\0') {
        const struct message *m = pop3_message(d, argument, NULL);
        if (m != NULL)
            buf_printf(&d->out, "+OK %td %zu\r\n", m - d->mailbox->messages + 1, value(m));
        return;
    }
    pop3_ok(d);
    for (size_t i = 0; i < d->pop3.count; i++) {
        if (!d->pop3.deleted[i])
            buf_printf(&d->out, "%zu %zu\r\n", i + 1, value(&d->mailbox->messages[i]));
    }
    buf_puts(&d->out, ".\r\n");
}

static void pop3_list(struct dialogue *d, const char *argument)
{
    pop3_listing(d, argument, pop3_size_of);
}

static void pop3_uidl(struct dialogue *d, const char *argument)
{
    pop3_listing(d, argument, pop3_id_of);
}

/* The message, dot-stuffed: its header and so many lines of its body. */
static void pop3_send(struct dialogue *d, const struct message *m, unsigned long body_lines)
{
    const char *p = (const char *)m->data, *end = p + m->size;
    bool in_body = false;
    pop3_ok(d);
    if (d->out.failed)
        return;
    while (p < end && (!in_body || body_lines > 0)) {
        const char *lf = memchr(p, '\n', (size_t)(end - p));
        const char *next = lf != NULL ? lf + 1 : end;
        if (*p == '.')
            buf_puts(&d->out, ".");
        buf_put(&d->out, p, (size_t)(next - p));
        if (in_body)
            body_lines--;
        else
            in_body = *p == '\n' || (*p == '\r' && next - p == 2);
        p = next;
    }
    /* What was sent last may have a bare LF at its end, or nothing. */
    bool at_line_start = memcmp(d->out.data + d->out.size - 2, "\r\n", 2) == 0;
    buf_puts(&d->out, at_line_start ? ".\r\n" : "\r\n.\r\n");
}

static void pop3_retr(struct dialogue *d, const char *argument)
{
    const struct message *m = pop3_message(d, argument, NULL);
    if (m != NULL)
        pop3_send(d, m, (unsigned long)-1);
}

static void pop3_top(struct dialogue *d, const char *argument)
{
    char *lines;
    const struct message *m = pop3_message(d, argument, &lines);
    if (m == NULL)
        return;
    lines += strspn(lines, " ");
    char *end;
    unsigned long count = strtoul(lines, &end, 10);
    if (end == lines || *end != '\0' || *lines == '-')
        buf_puts(&d->out, "-ERR TOP wants a message and a number of lines\r\n");
    else
        pop3_send(d, m, count);
}

static void pop3_dele(struct dialogue *d, const char *argument)
{
    const struct message *m = pop3_message(d, argument, NULL);
    if (m == NULL)
        return;
    d->pop3.deleted[m - d->mailbox->messages] = true;
    pop3_ok(d);
}

static void pop3_rset(struct dialogue *d, const char *argument)
{
    (void)argument;
    memset(d->pop3.deleted, 0, sizeof d->pop3.deleted);
    pop3_ok(d);
}

static void pop3_noop(struct dialogue *d, const char *argument)
{
    (void)argument;
    pop3_ok(d);
}

/* RFC 1939: what may be said before the login and what after it. */
static const struct dialogue_verb before_login[] = {
    {"CAPA", pop3_capa}, {"USER", pop3_user}, {"PASS", pop3_pass},
    {"QUIT", pop3_quit}, {NULL, NULL},
};

static const struct dialogue_verb after_login[] = {
    {"CAPA", pop3_capa}, {"STAT", pop3_stat}, {"LIST", pop3_list}, {"UIDL", pop3_uidl},
    {"RETR", pop3_retr}, {"TOP", pop3_top},   {"DELE", pop3_dele}, {"RSET", pop3_rset},
    {"NOOP", pop3_noop}, {"QUIT", pop3_quit}, {NULL, NULL},
};

static void pop3_line(struct dialogue *d, const char *line, size_t length)
{
    const struct dialogue_verb *verbs = d->pop3.logged_in ? after_login : before_login;
    if (!dialogue_command(d, verbs, line, length))
        buf_puts(&d->out, "-ERR Not a command of this server, or not now\r\n");
}

const struct dialogue_protocol pop3_protocol = {
    .name = "pop3",
    .busy = "-ERR [SYS/TEMP] Too many connections\r\n",
    .too_long = "-ERR The line is too long\r\n",
    .open = pop3_open,
    .line = pop3_line,
    .close = pop3_close,
};
