#include "proxy/signer/signer.h"

#include "proxy/base/clock.h"
#include "proxy/base/exits.h"
#include "proxy/base/log.h"
#include "proxy/base/socket.h"
#include "proxy/ipc/ipc.h"
#include "proxy/ipc/process.h"
#include "proxy/signer/keys.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ANSWER_WITHIN_US = 1000 };

struct signer {
    struct log log;
    int ipc, channel;          /* the second -1: there is no worker now */
    bool unsent;               /* `answer` waits until the worker reads */
    struct ipc_message answer; /* what is signed of the questions, and not sent */
    uint64_t answer_begun;     /* by clock_us() */
    struct ipc_sign questions[SIGN_AT_ONCE];
    size_t question_count, next; /* the latter is the first that is not answered */
    struct ipc_message message;  /* that was received last */
    struct signer_keys keys;
    bool ending;
};

/* ---- to the supervisor ---- */

static void tell(struct signer *s, enum ipc_type type, uint32_t generation, const void *data,
                 size_t size)
{
    static struct ipc_message m; /* large; one thread */
    ipc_begin(&m, type, generation);
    ipc_append(&m, data, size);
    if (process_say(&m) != 0)
        s->ending = true;
}

/* What the supervisor says is said by the same program, so this is a fault of ours. */
static void fail(struct signer *s, const char *why)
{
    log_event(&s->log, LOG_LEVEL_ERROR, "signer-failed", "%s", why);
    s->ending = true;
}

/* ---- from the supervisor ---- */

static void on_hello(struct signer *s, struct ipc_message *m)
{
    struct ipc_hello hello;
    struct err e;
    if (!ipc_take(m, &hello, sizeof hello)) {
        fail(s, "the first order is not understood");
        return;
    }
    if (process_confine(&hello, SANDBOX_SIGNER, &e) != 0)
        fail(s, e.text);
}

static void on_log(struct signer *s, struct ipc_message *m)
{
    if (!process_take_log(&s->log, m))
        fail(s, "an order about the log is not understood");
}

static void on_keys(struct signer *s, struct ipc_message *m)
{
    struct err e = {.text = "no keys came along"};
    struct bundle *b = m->fd_count == 1 && !ipc_lacks_fds(m) ? bundle_from_fd(m->fds[0], &e) : NULL;
    if (b == NULL || signer_keys_add(&s->keys, m->generation, b, &e) != 0)
        tell(s, IPC_REFUSED, m->generation, e.text, strlen(e.text) + 1);
    bundle_free(b); /* wipes */
}

static void close_channel(struct signer *s)
{
    descriptor_close(&s->channel);
    s->unsent = false;
    s->question_count = s->next = 0;
    ipc_begin(&s->answer, IPC_SIGNED, 0);
}

static void on_channel(struct signer *s, struct ipc_message *m)
{
    if (m->fd_count != 1 || ipc_lacks_fds(m)) {
        fail(s, "no socket came along");
        return;
    }
    close_channel(s);
    s->channel = m->fds[0];
    m->fd_count = 0;
}

static void on_commit(struct signer *s, struct ipc_message *m)
{
    signer_keys_commit(&s->keys, m->generation);
}

static void on_abort(struct signer *s, struct ipc_message *m)
{
    signer_keys_abort(&s->keys, m->generation);
}

static void on_ping(struct signer *s, struct ipc_message *m)
{
    (void)m;
    tell(s, IPC_PONG, 0, "", 0);
}

static void on_stop(struct signer *s, struct ipc_message *m)
{
    (void)m;
    s->ending = true;
}

static void (*const handlers[])(struct signer *s, struct ipc_message *m) = {
    [IPC_HELLO] = on_hello,     [IPC_LOG] = on_log,       [IPC_KEYS] = on_keys,
    [IPC_CHANNEL] = on_channel, [IPC_COMMIT] = on_commit, [IPC_ABORT] = on_abort,
    [IPC_PING] = on_ping,       [IPC_STOP] = on_stop,
};

/* All that is there. */
static void hear_supervisor(struct signer *s)
{
    struct ipc_message *m = &s->message;
    int got;
    while (!s->ending && (got = ipc_receive(s->ipc, m)) != 0) {
        if (got < 0) { /* without a supervisor there is nobody to work for */
            s->ending = true;
            return;
        }
        if (m->type < sizeof handlers / sizeof *handlers && handlers[m->type] != NULL)
            handlers[m->type](s, m);
        ipc_close_fds(m);
    }
}

/* ---- the worker ---- */

/* Where the system has no room, it would be lost, and the worker would wait for it: it asks once
 * more by another socket. */
static void send_answer(struct signer *s)
{
    const bool sent = ipc_send(s->channel, &s->answer) == 0;
    s->unsent = !sent && errno == EAGAIN;
    if (sent)
        ipc_begin(&s->answer, IPC_SIGNED, 0);
    else if (!s->unsent)
        close_channel(s);
}

/* The keys came, or come just now, before whoever wants them signed for. */
static enum tls_signed make(struct signer *s, const struct tls_sign_request *r,
                            struct tls_signature *out)
{
    const enum tls_signed outcome = signer_keys_sign(&s->keys, r, out);
    if (outcome == TLS_SIGNED)
        return outcome;
    hear_supervisor(s);
    return signer_keys_sign(&s->keys, r, out);
}

/* Answers that are quickly made go out together; who waits for one does not wait for long. */
static void answer_next(struct signer *s)
{
    const struct ipc_sign *question = &s->questions[s->next];
    struct ipc_signed reply = {.serial = question->serial};
    const int channel = s->channel;
    if (s->answer.size == 0)
        s->answer_begun = clock_us();
    reply.outcome = (uint32_t)make(s, &question->request, &reply.signature);
    if (s->channel != channel || s->question_count == 0) /* it is another worker's by now */
        return;
    ipc_append(&s->answer, &reply, sizeof reply);
    s->next++;
    if (s->next == s->question_count || clock_us() - s->answer_begun > ANSWER_WITHIN_US)
        send_answer(s);
}

/* The supervisor kills who says that. */
static void betrayed(struct signer *s)
{
    close_channel(s);
    tell(s, IPC_BETRAYED, 0, "", 0);
}

/* False: no worker says that. */
static bool take_questions(struct signer *s, const struct ipc_message *m)
{
    size_t count;
    if (m->type != IPC_SIGN || m->fd_count > 0 || !ipc_count(m, sizeof *s->questions, &count) ||
        count == 0 || count > SIGN_AT_ONCE)
        return false;
    memcpy(s->questions, m->payload, m->size);
    s->question_count = count;
    s->next = 0;
    return true;
}

static void hear_worker(struct signer *s)
{
    struct ipc_message *m = &s->message;
    const int got = ipc_receive(s->channel, m);
    const bool sense = got == 1 ? take_questions(s, m) : got == 0 || errno != EPROTO;
    if (got == 1)
        ipc_close_fds(m);
    if (!sense)
        betrayed(s);
    else if (got < 0)
        close_channel(s); /* the worker is gone */
    else if (got == 1)
        answer_next(s);
}

/* ---- the process ---- */

/* One question per turn, so that the supervisor never waits for more than one signature. */
static void turn(struct signer *s)
{
    const bool owes = s->next < s->question_count && !s->unsent;
    struct pollfd fds[] = {{.fd = s->ipc, .events = POLLIN},
                           {.fd = s->channel,
                            .events = owes        ? 0
                                      : s->unsent ? POLLOUT
                                                  : POLLIN}};
    if (poll(fds, sizeof fds / sizeof *fds, owes ? 0 : -1) < 0)
        return; /* a signal */
    if (fds[0].revents != 0)
        hear_supervisor(s);
    if (s->channel != fds[1].fd || s->ending)
        return; /* the worker is another one by now */
    if (owes)
        answer_next(s);
    else if (fds[1].revents != 0 && s->unsent)
        send_answer(s);
    else if (fds[1].revents != 0)
        hear_worker(s);
}

int signer_run(unsigned index)
{
    static struct signer s;
    struct err e;
    char who[24];
    if (!process_begin() || index >= WORKERS_MAX)
        return EXIT_USAGE;
    snprintf(who, sizeof who, "signer-%u", index);
    log_init(&s.log, who);
    s.ipc = PROCESS_IPC;
    s.channel = -1;
    if (tls_init(&e) != 0)
        fail(&s, e.text);
    while (!s.ending)
        turn(&s);
    close_channel(&s);
    signer_keys_free(&s.keys);
    explicit_bzero(&s.message, sizeof s.message);
    log_close(&s.log);
    return 0;
}
