/* What the demo's mail servers answer, without sockets. */
#include "tests/demo/dialogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GREETING    "220 demo.invalid ESMTP demo mailbox\r\n"
#define ENVELOPE    "MAIL FROM:<a@x>\r\nRCPT TO:<b@x>\r\n"
#define ENVELOPE_OK "250 2.1.0 OK\r\n250 2.1.5 OK\r\n"

static struct mailbox box;

static int clean(void **state)
{
    (void)state;
    mailbox_free(&box);
    assert_false(box.locked);
    box = (struct mailbox){0};
    return 0;
}

/* Takes out what the server said so far. */
static void expect(struct dialogue *d, const char *said)
{
    buf_put(&d->out, "", 1);
    assert_string_equal((const char *)d->out.data, said);
    d->out.size = 0;
}

static void say(struct dialogue *d, const char *text, const char *answer)
{
    dialogue_feed(d, text, strlen(text));
    dialogue_step(d);
    expect(d, answer);
}

static void open_smtp(struct dialogue *d)
{
    dialogue_open(d, &smtp_protocol, &box);
    expect(d, GREETING);
}

static void open_pop3(struct dialogue *d)
{
    dialogue_open(d, &pop3_protocol, &box);
    expect(d, "+OK demo mailbox\r\n");
}

static void log_in(struct dialogue *d)
{
    open_pop3(d);
    say(d, "USER demo\r\nPASS any\r\n", "+OK\r\n+OK\r\n");
}

static void deliver(const char *text)
{
    struct buf b;
    buf_init(&b, MAILBOX_MESSAGE_MAX);
    buf_puts(&b, text);
    assert_true(mailbox_add(&box, &b));
    buf_free(&b);
}

static void assert_message(size_t index, const char *text)
{
    assert_int_equal(box.messages[index].size, strlen(text));
    assert_memory_equal(box.messages[index].data, text, strlen(text));
}

static void what_smtp_takes_is_in_the_mailbox(void **state)
{
    (void)state;
    struct dialogue d;
    open_smtp(&d);
    say(&d, "HELO x\r\n", "250 demo.invalid\r\n");
    say(&d, ENVELOPE, ENVELOPE_OK);
    say(&d, "DATA\r\n", "354 End with a dot alone on a line\r\n");
    say(&d, "Subject: s\r\n\r\n..dot\r\n.\nbare\r\n", "");
    say(&d, ".\r\n", "250 2.0.0 Taken\r\n");
    say(&d, "QUIT\r\n", "221 2.0.0 Bye\r\n");
    assert_true(d.ended);
    dialogue_close(&d);
    assert_int_equal(box.count, 1);
    assert_message(0, "Subject: s\r\n\r\n.dot\r\n\nbare\r\n");
}

static void smtp_answers_alike_wherever_its_input_is_cut(void **state)
{
    (void)state;
    static const char input[] =
        "EHLO x\r\nmail from:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n..\r\n.\r\nNOOP\r\nQUIT\r\n";
    for (size_t cut = 0; cut < sizeof input; cut++) {
        struct dialogue d;
        open_smtp(&d);
        dialogue_feed(&d, input, cut);
        dialogue_step(&d);
        dialogue_feed(&d, input + cut, sizeof input - 1 - cut);
        dialogue_step(&d);
        expect(&d, "250-demo.invalid\r\n250-PIPELINING\r\n250-8BITMIME\r\n"
                   "250-ENHANCEDSTATUSCODES\r\n250 SIZE 10485760\r\n" ENVELOPE_OK
                   "354 End with a dot alone on a line\r\n250 2.0.0 Taken\r\n"
                   "250 2.0.0 OK\r\n221 2.0.0 Bye\r\n");
        dialogue_close(&d);
        assert_int_equal(box.count, 1);
        assert_message(0, ".\r\n");
        mailbox_free(&box);
    }
}

static void smtp_refuses_what_is_out_of_order_or_unknown(void **state)
{
    (void)state;
    struct dialogue d;
    open_smtp(&d);
    say(&d, "RCPT TO:<b@x>\r\n", "503 5.5.1 MAIL comes first\r\n");
    say(&d, "DATA\r\n", "503 5.5.1 RCPT comes first\r\n");
    say(&d, "MAIL <a@x>\r\n", "501 5.5.4 MAIL FROM:<address> is expected\r\n");
    say(&d, "MAIL FROM:<a@x>\r\nMAIL FROM:<a@x>\r\n",
        "250 2.1.0 OK\r\n503 5.5.1 MAIL was given already\r\n");
    say(&d, "RCPT <b@x>\r\n", "501 5.5.4 RCPT TO:<address> is expected\r\n");
    say(&d, "RSET\r\nRCPT TO:<b@x>\r\n", "250 2.0.0 OK\r\n503 5.5.1 MAIL comes first\r\n");
    say(&d, "AUTH PLAIN AAAA\r\n", "500 5.5.2 Not a command of this server\r\n");
    say(&d, "NOOPS\r\n\r\n",
        "500 5.5.2 Not a command of this server\r\n"
        "500 5.5.2 Not a command of this server\r\n");
    dialogue_feed(&d, "NOOP\0\r\n", 7);
    dialogue_step(&d);
    expect(&d, "500 5.5.2 Not a command of this server\r\n");
    dialogue_close(&d);
}

static void smtp_refuses_a_message_that_is_too_large(void **state)
{
    (void)state;
    struct dialogue d;
    open_smtp(&d);
    say(&d, "MAIL FROM:<a@x> SIZE=10485761\r\n", "552 5.3.4 The message is too large\r\n");
    say(&d, ENVELOPE "DATA\r\n", ENVELOPE_OK "354 End with a dot alone on a line\r\n");
    char line[1024];
    memset(line, 'x', sizeof line);
    memcpy(line + sizeof line - 2, "\r\n", 2);
    for (size_t sent = 0; sent <= MAILBOX_MESSAGE_MAX; sent += sizeof line) {
        dialogue_feed(&d, line, sizeof line);
        dialogue_step(&d);
    }
    say(&d, ".\r\n", "552 5.3.4 The message is too large\r\n");
    say(&d, ENVELOPE "DATA\r\n.\r\n",
        ENVELOPE_OK "354 End with a dot alone on a line\r\n250 2.0.0 Taken\r\n");
    dialogue_close(&d);
    assert_int_equal(box.count, 1);
}

static void smtp_refuses_mail_for_a_full_mailbox(void **state)
{
    (void)state;
    struct dialogue early, late;
    open_smtp(&early);
    say(&early, ENVELOPE, ENVELOPE_OK);
    for (size_t i = 0; i < MAILBOX_MESSAGES; i++)
        deliver("x\r\n");
    open_smtp(&late);
    say(&late, "MAIL FROM:<a@x>\r\n", "452 4.2.2 The mailbox is full\r\n");
    say(&early, "DATA\r\nx\r\n.\r\n",
        "354 End with a dot alone on a line\r\n452 4.2.2 The mailbox is full\r\n");
    dialogue_close(&early);
    dialogue_close(&late);
    assert_int_equal(box.count, MAILBOX_MESSAGES);
}

static void smtp_bounds_recipients_and_lines(void **state)
{
    (void)state;
    struct dialogue d;
    open_smtp(&d);
    say(&d, "MAIL FROM:<a@x>\r\n", "250 2.1.0 OK\r\n");
    for (int i = 0; i < 100; i++)
        say(&d, "RCPT TO:<b@x>\r\n", "250 2.1.5 OK\r\n");
    say(&d, "RCPT TO:<b@x>\r\n", "452 4.5.3 Too many recipients\r\n");
    for (size_t i = 0; i <= DIALOGUE_LINE_MAX; i++)
        dialogue_feed(&d, "x", 1);
    say(&d, "", "500 5.5.2 The line is too long\r\n");
    assert_true(d.ended);
    dialogue_close(&d);
}

static void pop3_shows_the_messages(void **state)
{
    (void)state;
    struct dialogue d;
    deliver("A: 1\r\n\r\n.one\r\ntwo\r\n");
    deliver("no end of line");
    log_in(&d);
    say(&d, "STAT\r\n", "+OK 2 33\r\n");
    say(&d, "LIST\r\n", "+OK\r\n1 19\r\n2 14\r\n.\r\n");
    say(&d, "LIST 2\r\n", "+OK 2 14\r\n");
    say(&d, "UIDL\r\n", "+OK\r\n1 1\r\n2 2\r\n.\r\n");
    say(&d, "RETR 1\r\n", "+OK\r\nA: 1\r\n\r\n..one\r\ntwo\r\n.\r\n");
    say(&d, "RETR 2\r\n", "+OK\r\nno end of line\r\n.\r\n");
    say(&d, "TOP 1 0\r\n", "+OK\r\nA: 1\r\n\r\n.\r\n");
    say(&d, "top 1 1\r\n", "+OK\r\nA: 1\r\n\r\n..one\r\n.\r\n");
    say(&d, "CAPA\r\n", "+OK\r\nUSER\r\nTOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\n.\r\n");
    say(&d, "NOOP\r\n", "+OK\r\n");
    dialogue_close(&d);
}

static void pop3_removes_at_quit_only(void **state)
{
    (void)state;
    struct dialogue d;
    deliver("1\r\n");
    deliver("2\r\n");
    deliver("3\r\n");
    log_in(&d);
    say(&d, "DELE 1\r\nDELE 1\r\n", "+OK\r\n-ERR No such message\r\n");
    say(&d, "RSET\r\nDELE 1\r\nDELE 3\r\n", "+OK\r\n+OK\r\n+OK\r\n");
    say(&d, "STAT\r\n", "+OK 1 3\r\n");
    deliver("came meanwhile\r\n");
    dialogue_close(&d);
    assert_int_equal(box.count, 4);

    log_in(&d);
    say(&d, "DELE 1\r\nDELE 3\r\nQUIT\r\n", "+OK\r\n+OK\r\n+OK Bye\r\n");
    dialogue_close(&d);
    assert_int_equal(box.count, 2);
    assert_message(0, "2\r\n");
    assert_int_equal(box.messages[1].id, 4);
}

static void pop3_asks_who_is_there_and_lets_one_in(void **state)
{
    (void)state;
    struct dialogue one, two;
    open_pop3(&one);
    say(&one, "STAT\r\n", "-ERR Not a command of this server, or not now\r\n");
    say(&one, "PASS x\r\n", "-ERR [AUTH] The only user is demo\r\n");
    say(&one, "USER root\r\nPASS x\r\n", "+OK\r\n-ERR [AUTH] The only user is demo\r\n");
    say(&one, "USER demo\r\nPASS x\r\n", "+OK\r\n+OK\r\n");
    open_pop3(&two);
    say(&two, "USER demo\r\nPASS x\r\n",
        "+OK\r\n-ERR [IN-USE] Another session has the mailbox\r\n");
    dialogue_close(&one);
    say(&two, "PASS x\r\n", "+OK\r\n");
    dialogue_close(&two);
}

static void pop3_refuses_numbers_that_name_no_message(void **state)
{
    (void)state;
    struct dialogue d;
    deliver("x\r\n");
    log_in(&d);
    static const char *const wrong[] = {"0", "2", "-1", "1x", "x", "", "99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char command[64];
        snprintf(command, sizeof command, "RETR %s\r\n", wrong[i]);
        say(&d, command, "-ERR No such message\r\n");
    }
    say(&d, "TOP 1\r\n", "-ERR TOP wants a message and a number of lines\r\n");
    say(&d, "TOP 1 -1\r\n", "-ERR TOP wants a message and a number of lines\r\n");
    dialogue_close(&d);
}

static void answers_wait_for_a_client_that_does_not_read(void **state)
{
    (void)state;
    struct dialogue d;
    struct buf large;
    buf_init(&large, MAILBOX_MESSAGE_MAX);
    while (large.size < DIALOGUE_OUT_ENOUGH)
        buf_puts(&large, "line\r\n");
    assert_true(mailbox_add(&box, &large));
    log_in(&d);
    for (int i = 0; i < 10; i++)
        dialogue_feed(&d, "RETR 1\r\n", 8);
    for (int i = 0; i < 10; i++) {
        dialogue_step(&d);
        assert_int_equal(d.out.size, strlen("+OK\r\n") + large.size + strlen(".\r\n"));
        d.out.size = 0;
    }
    dialogue_step(&d);
    assert_int_equal(d.out.size, 0);
    buf_free(&large);
    dialogue_close(&d);
}

static void too_many_clients_are_told_so(void **state)
{
    (void)state;
    struct dialogue d;
    dialogue_refuse(&d, &pop3_protocol);
    expect(&d, "-ERR [SYS/TEMP] Too many connections\r\n");
    assert_true(d.ended);
    dialogue_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_smtp_takes_is_in_the_mailbox, clean),
        cmocka_unit_test_teardown(smtp_answers_alike_wherever_its_input_is_cut, clean),
        cmocka_unit_test_teardown(smtp_refuses_what_is_out_of_order_or_unknown, clean),
        cmocka_unit_test_teardown(smtp_refuses_a_message_that_is_too_large, clean),
        cmocka_unit_test_teardown(smtp_refuses_mail_for_a_full_mailbox, clean),
        cmocka_unit_test_teardown(smtp_bounds_recipients_and_lines, clean),
        cmocka_unit_test_teardown(pop3_shows_the_messages, clean),
        cmocka_unit_test_teardown(pop3_removes_at_quit_only, clean),
        cmocka_unit_test_teardown(pop3_asks_who_is_there_and_lets_one_in, clean),
        cmocka_unit_test_teardown(pop3_refuses_numbers_that_name_no_message, clean),
        cmocka_unit_test_teardown(answers_wait_for_a_client_that_does_not_read, clean),
        cmocka_unit_test_teardown(too_many_clients_are_told_so, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
