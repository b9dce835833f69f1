#include "proxy/supervisor/signers.h"
#include "proxy/ipc/process.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct signer *signer_of(const struct child *c)
{
    return c->owner;
}

/* ---- what they are told ---- */

static struct ipc_message message; /* large; one thread */

static void send_keys(struct signer *s, const struct release *p)
{
    if (!release_has_keys(p))
        return;
    ipc_begin(&message, IPC_KEYS, p->number);
    message.fds[0] = p->keys;
    message.fd_count = 1;
    child_send(&s->child, &message);
}

/* ---- what they say ---- */

/* The same bytes were a key to the supervisor, so it is about memory: perhaps there is more for its
 * successor. */
static bool on_refused(struct signer *s, const struct ipc_message *m)
{
    char why[200], text[300];
    if (!ipc_take_text(m, why, sizeof why))
        return false;
    snprintf(text, sizeof text, "cannot load the keys (%s)", why);
    child_replace(&s->child, "failed", text);
    return true;
}

static bool on_message(struct child *c, const struct ipc_message *m)
{
    struct signer *s = signer_of(c);
    if (m->type == IPC_REFUSED)
        return on_refused(s, m);
    if (m->type != IPC_BETRAYED || m->size != 0)
        return false;
    s->all->events->betrayed(s->all->arg, c->index);
    return true;
}

/* ---- life ---- */

static void started(struct child *c)
{
    struct signer *s = signer_of(c);
    struct signers *ss = s->all;
    process_put_hello(&message, ss->identity);
    child_send(c, &message);
    child_send_log(c);
    send_keys(s, ss->current);
    if (ss->current->number != 0)
        child_tell(&s->child, IPC_COMMIT, ss->current->number);
    send_keys(s, ss->next);
    ss->events->started(ss->arg, c->index);
}

static const struct child_kind kind = {
    .name = "signer", .loss = "", .started = started, .message = on_message};

void signers_init(struct signers *ss)
{
    ss->children = (struct children){.kind = &kind, .loop = ss->loop, .log = ss->log};
}

static struct signer *signer_at(struct signers *ss, unsigned index)
{
    if (ss->items[index] != NULL)
        return ss->items[index];
    struct signer *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->all = ss;
    child_init(&s->child, &ss->children, index, s);
    ss->items[index] = s;
    ss->count = index + 1;
    return s;
}

/* Those of workers that will retire, too: their sessions go on. */
void signers_prepare(struct signers *ss)
{
    for (unsigned i = 0; i < ss->count; i++)
        if (ss->items[i]->child.life == CHILD_RUNNING)
            send_keys(ss->items[i], ss->next);
    for (unsigned i = 0; release_has_keys(ss->next) && i < ss->next->workers; i++) {
        struct signer *s = signer_at(ss, i);
        if (s == NULL)
            return; /* out of memory: fewer workers have one, and serve nobody new */
        if (s->child.life != CHILD_RUNNING)
            child_start(&s->child);
    }
}

void signers_commit(struct signers *ss)
{
    for (unsigned i = 0; i < ss->count; i++)
        child_tell(&ss->items[i]->child, IPC_COMMIT, ss->current->number);
}

void signers_abort(struct signers *ss, uint32_t number)
{
    for (unsigned i = 0; i < ss->count; i++)
        child_tell(&ss->items[i]->child, IPC_ABORT, number);
}

int signers_connect(struct signers *ss, unsigned index)
{
    int pair[2];
    struct signer *s = index < ss->count ? ss->items[index] : NULL;
    if (s == NULL || s->child.life != CHILD_RUNNING ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    ipc_begin(&message, IPC_CHANNEL, 0);
    message.fds[0] = pair[0];
    message.fd_count = 1;
    child_send(&s->child, &message);
    close(pair[0]);
    return pair[1];
}

void signers_dismiss(struct signers *ss, unsigned index)
{
    struct signer *s = index < ss->count ? ss->items[index] : NULL;
    if (s == NULL)
        return;
    child_retire(&s->child);
    child_tell(&s->child, IPC_STOP, 0);
}

void signers_send_log(struct signers *ss)
{
    for (unsigned i = 0; i < ss->count; i++)
        child_send_log(&ss->items[i]->child);
}

void signers_close(struct signers *ss)
{
    ss->children.ending = true;
    for (unsigned i = 0; i < ss->count; i++)
        child_close(&ss->items[i]->child);
}

void signers_free(struct signers *ss)
{
    for (unsigned i = 0; i < ss->count; i++)
        free(ss->items[i]);
}
