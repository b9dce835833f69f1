#include "proxy/session/signing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OUT_MAX = 64, AGAIN_MS = 1000 };

_Static_assert(SIGN_AT_ONCE <= IPC_PER_MESSAGE(struct ipc_sign) &&
                   SIGN_AT_ONCE <= IPC_PER_MESSAGE(struct ipc_signed),
               "questions and answers fit in a message");

struct signer_channel {
    uv_poll_t poll;
    uv_prepare_t prepare; /* active while there is something to be asked */
    unsigned handles;     /* that are not closed yet */
    struct signings *all;
    int fd;
};

static struct signing *signing_of(struct link *l)
{
    return container_of(l, struct signing, link);
}

/* ---- the socket ---- */

static void channel_closed(uv_handle_t *handle)
{
    struct signer_channel *c = handle->data;
    if (--c->handles == 0)
        free(c);
}

/* In their order, in front of what is there. */
static void move_to_front(struct link *from, struct link *to)
{
    while (!link_empty(from)) {
        struct link *last = from->previous;
        link_remove(last);
        link_add(to->next, last); /* before the first */
    }
}

/* What it was asked waits in front of what it was not. */
static void drop_channel(struct signings *all)
{
    struct signer_channel *c = all->channel;
    if (c == NULL)
        return;
    all->channel = NULL;
    all->out = 0;
    move_to_front(&all->sent, &all->waiting);
    uv_poll_stop(&c->poll);
    close(c->fd);
    uv_close((uv_handle_t *)&c->poll, channel_closed);
    uv_close((uv_handle_t *)&c->prepare, channel_closed);
}

/* ---- asking ---- */

static void put(struct ipc_message *m, const struct signing *s)
{
    const struct ipc_sign question = {.serial = s->serial, .request = *s->request};
    ipc_append(m, &question, sizeof question);
}

/* The next ones, as far as they may go out now. How many these are. */
static unsigned gather(const struct signings *all, struct ipc_message *m)
{
    unsigned n = 0;
    ipc_begin(m, IPC_SIGN, 0);
    for (struct link *l = all->waiting.next;
         l != &all->waiting && n < SIGN_AT_ONCE && all->out + n < OUT_MAX; l = l->next, n++)
        put(m, signing_of(l));
    return n;
}

static void note_sent(struct signings *all, unsigned count)
{
    all->out += count;
    for (; count > 0; count--) {
        struct link *first = all->waiting.next;
        link_remove(first);
        link_add(&all->sent, first);
    }
}

static void channel_ready(uv_poll_t *poll, int status, int events);

/* A signer that is late has its socket full. */
static void watch(struct signer_channel *c, bool full)
{
    uv_poll_start(&c->poll, UV_READABLE | (full ? UV_WRITABLE : 0), channel_ready);
}

static void try_later(struct signings *all);

static void cannot_ask(struct signer_channel *c, int error)
{
    if (error == EAGAIN) {
        watch(c, true);
        return;
    }
    if (error != ENOBUFS)
        drop_channel(c->all); /* the signer has gone */
    try_later(c->all);
}

static void ask(uv_prepare_t *prepare)
{
    static struct ipc_message m; /* large; one thread */
    struct signer_channel *c = prepare->data;
    unsigned n;
    uv_prepare_stop(prepare);
    while ((n = gather(c->all, &m)) > 0) {
        if (ipc_send(c->fd, &m) != 0) {
            cannot_ask(c, errno);
            return;
        }
        note_sent(c->all, n);
    }
}

/* At the end of this turn of the loop. */
static void proceed(struct signings *all)
{
    if (link_empty(&all->waiting))
        return;
    if (all->channel != NULL)
        uv_prepare_start(&all->channel->prepare, ask);
    else
        try_later(all);
}

/* Without a signer, its socket has perhaps not come through: the supervisor can make another. */
static void ask_for_signer(struct signings *all)
{
    static struct ipc_message m; /* large; one thread */
    ipc_begin(&m, IPC_SIGNER, 0);
    (void)ipc_send(all->ipc, &m); /* or else next time */
}

static void time_to_try(uv_timer_t *timer)
{
    struct signings *all = timer->data;
    if (all->channel == NULL && !link_empty(&all->waiting))
        ask_for_signer(all);
    proceed(all);
}

static void try_later(struct signings *all)
{
    if (!uv_is_active((uv_handle_t *)&all->again))
        uv_timer_start(&all->again, time_to_try, AGAIN_MS, 0);
}

void signing_begin(struct signings *all, struct signing *s)
{
    s->serial = ++all->serial;
    s->begun = true;
    link_add(&all->waiting, &s->link);
    proceed(all);
}

void signing_forget(struct signing *s)
{
    if (s->begun)
        link_remove(&s->link);
    s->begun = false;
}

/* ---- answers ---- */

/* They come in the order of the requests; those before it that are gone were forgotten. */
static struct signing *find(struct signings *all, uint64_t serial)
{
    for (struct link *l = all->sent.next; l != &all->sent; l = l->next)
        if (signing_of(l)->serial == serial)
            return signing_of(l);
    return NULL;
}

/* False: no signer says that. */
static bool on_answer(struct signings *all, const struct ipc_signed *answer)
{
    if (answer->signature.size > sizeof answer->signature.bytes || all->out == 0)
        return false;
    all->out--;
    struct signing *s = find(all, answer->serial);
    if (s == NULL)
        return true;
    signing_forget(s);
    s->answered(s, answer->outcome == TLS_SIGNED ? &answer->signature : NULL);
    return true;
}

static bool on_answers(struct signings *all, const struct ipc_message *m)
{
    size_t count;
    bool good = m->type == IPC_SIGNED && m->fd_count == 0 &&
                ipc_count(m, sizeof(struct ipc_signed), &count) && count > 0;
    for (size_t i = 0; good && i < count; i++) {
        struct ipc_signed answer;
        memcpy(&answer, m->payload + i * sizeof answer, sizeof answer);
        good = on_answer(all, &answer);
    }
    return good;
}

static void channel_ready(uv_poll_t *poll, int status, int events)
{
    static struct ipc_message m; /* large; one thread */
    struct signer_channel *c = container_of(poll, struct signer_channel, poll);
    struct signings *all = c->all;
    (void)status;
    if (events & UV_WRITABLE)
        watch(c, false);
    int got = 1;
    bool more = true; /* that more is to come; what nobody waits for shows in the next turn */
    for (int i = 0; i < OUT_MAX && got == 1 && more && all->channel == c; i++) {
        got = ipc_receive(c->fd, &m);
        if (got == 1 && !on_answers(all, &m)) {
            ipc_close_fds(&m);
            got = -1;
        }
        more = all->out > 0;
    }
    if (got < 0 && all->channel == c)
        drop_channel(all);
    proceed(all);
}

/* ---- life ---- */

void signings_init(struct signings *all, uv_loop_t *loop, int ipc)
{
    *all = (struct signings){.loop = loop, .ipc = ipc};
    uv_timer_init(loop, &all->again);
    all->again.data = all;
    link_init(&all->waiting);
    link_init(&all->sent);
}

void signings_use(struct signings *all, int fd)
{
    struct signer_channel *c = calloc(1, sizeof *c);
    drop_channel(all);
    if (c == NULL || uv_poll_init(all->loop, &c->poll, fd) != 0) {
        free(c);
        close(fd);
        proceed(all);
        return;
    }
    uv_prepare_init(all->loop, &c->prepare);
    c->poll.data = c->prepare.data = c;
    c->handles = 2;
    c->all = all;
    c->fd = fd;
    all->channel = c;
    watch(c, false);
    proceed(all);
}

void signings_close(struct signings *all)
{
    drop_channel(all);
    uv_close((uv_handle_t *)&all->again, NULL);
}
