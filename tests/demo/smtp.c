#include "tests/demo/smtp.h"
#include "tests/demo/dialogue.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECIPIENTS_MAX 100 /* RFC 5321, 4.5.3.1.8: no fewer */

static void smtp_forget(struct smtp *s)
{
    s->mail = false;
    s->data = false;
    s->recipients = 0;
    buf_free(&s->message);
}

static void smtp_open(struct dialogue *d)
{
    buf_init(&d->smtp.message, MAILBOX_MESSAGE_MAX);
    buf_puts(&d->out, "220 demo.invalid ESMTP demo mailbox\r\n");
}

static void smtp_close(struct dialogue *d)
{
    buf_free(&d->smtp.message);
}

static void smtp_helo(struct dialogue *d, const char *argument)
{
    (void)argument;
    smtp_forget(&d->smtp);
    buf_puts(&d->out, "250 demo.invalid\r\n");
}

static void smtp_ehlo(struct dialogue *d, const char *argument)
{
    (void)argument;
    smtp_forget(&d->smtp);
    buf_printf(&d->out,
               "250-demo.invalid\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
               "250-ENHANCEDSTATUSCODES\r\n250 SIZE %zu\r\n",
               MAILBOX_MESSAGE_MAX);
}

/* What MAIL's SIZE parameter announces (RFC 1870); 0 when it has none. */
static unsigned long long announced_size(const char *argument)
{
    const char *size = strcasestr(argument, " SIZE=");
    return size != NULL ? strtoull(size + strlen(" SIZE="), NULL, 10) : 0;
}

static void smtp_mail(struct dialogue *d, const char *argument)
{
    if (strncasecmp(argument, "FROM:", 5) != 0) {
        buf_puts(&d->out, "501 5.5.4 MAIL FROM:<address> is expected\r\n");
    } else if (d->smtp.mail) {
        buf_puts(&d->out, "503 5.5.1 MAIL was given already\r\n");
    } else if (announced_size(argument) > MAILBOX_MESSAGE_MAX) {
        buf_puts(&d->out, "552 5.3.4 The message is too large\r\n");
    } else if (mailbox_full(d->mailbox)) {
        buf_puts(&d->out, "452 4.2.2 The mailbox is full\r\n");
    } else {
        d->smtp.mail = true;
        buf_puts(&d->out, "250 2.1.0 OK\r\n");
    }
}

static void smtp_rcpt(struct dialogue *d, const char *argument)
{
    if (strncasecmp(argument, "TO:", 3) != 0) {
        buf_puts(&d->out, "501 5.5.4 RCPT TO:<address> is expected\r\n");
    } else if (!d->smtp.mail) {
        buf_puts(&d->out, "503 5.5.1 MAIL comes first\r\n");
    } else if (d->smtp.recipients == RECIPIENTS_MAX) {
        buf_puts(&d->out, "452 4.5.3 Too many recipients\r\n");
    } else {
        d->smtp.recipients++;
        buf_puts(&d->out, "250 2.1.5 OK\r\n");
    }
}

static void smtp_data(struct dialogue *d, const char *argument)
{
    (void)argument;
    if (d->smtp.recipients == 0) {
        buf_puts(&d->out, "503 5.5.1 RCPT comes first\r\n");
        return;
    }
    d->smtp.data = true;
    buf_puts(&d->out, "354 End with a dot alone on a line\r\n");
}

static void smtp_rset(struct dialogue *d, const char *argument)
{
    (void)argument;
    smtp_forget(&d->smtp);
    buf_puts(&d->out, "250 2.0.0 OK\r\n");
}

static void smtp_noop(struct dialogue *d, const char *argument)
{
    (void)argument;
    buf_puts(&d->out, "250 2.0.0 OK\r\n");
}

static void smtp_quit(struct dialogue *d, const char *argument)
{
    (void)argument;
    buf_puts(&d->out, "221 2.0.0 Bye\r\n");
    d->ended = true;
}

static void smtp_message_end(struct dialogue *d)
{
    if (d->smtp.message.failed)
        buf_puts(&d->out, "552 5.3.4 The message is too large\r\n");
    else if (!mailbox_add(d->mailbox, &d->smtp.message))
        buf_puts(&d->out, "452 4.2.2 The mailbox is full\r\n");
    else
        buf_puts(&d->out, "250 2.0.0 Taken\r\n");
    smtp_forget(&d->smtp);
}

static void smtp_message_line(struct dialogue *d, const char *line, size_t length)
{
    if (length == 3 && memcmp(line, ".\r\n", 3) == 0) {
        smtp_message_end(d);
        return;
    }
    size_t stuffed = line[0] == '.' ? 1 : 0;
    buf_put(&d->smtp.message, line + stuffed, length - stuffed);
}

static const struct dialogue_verb verbs[] = {
    {"HELO", smtp_helo}, {"EHLO", smtp_ehlo}, {"MAIL", smtp_mail},
    {"RCPT", smtp_rcpt}, {"DATA", smtp_data}, {"RSET", smtp_rset},
    {"NOOP", smtp_noop}, {"QUIT", smtp_quit}, {NULL, NULL},
};

static void smtp_line(struct dialogue *d, const char *line, size_t length)
{
    if (d->smtp.data)
        smtp_message_line(d, line, length);
    else if (!dialogue_command(d, verbs, line, length))
        buf_puts(&d->out, "500 5.5.2 Not a command of this server\r\n");
}

const struct dialogue_protocol smtp_protocol = {
    .name = "smtp",
    .busy = "421 4.3.2 Too many connections\r\n",
    .too_long = "500 5.5.2 The line is too long\r\n",
    .open = smtp_open,
    .line = smtp_line,
    .close = smtp_close,
};
