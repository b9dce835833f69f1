#include "proxy/session/query.h"

#include <stddef.h>
#include <string.h>

enum { SENT_MAX = 8, PER_TICK = 32, TICK_MS = 100 };

static struct ask *of(struct link *l)
{
    return (struct ask *)(void *)((char *)l - offsetof(struct ask, link));
}

static int send_ask(struct worker *w, const struct ask *a)
{
    static struct ipc_message m; /* large; one thread */
    struct ipc_ask question = {.serial = a->serial, .slot = a->slot};
    memcpy(question.name, a->name, sizeof a->name);
    ipc_begin(&m, IPC_ASK, 0);
    ipc_append(&m, &question, sizeof question);
    return ipc_send(w->ipc, &m);
}

static void tick(uv_timer_t *timer);

/* Send what may be sent. When the supervisor does not read, the next tick tries again. */
static void proceed(struct worker *w)
{
    struct asker *q = &w->asker;
    while (!link_empty(&q->waiting) && q->sent_count < SENT_MAX && q->left > 0) {
        struct ask *a = of(q->waiting.next);
        if (send_ask(w, a) != 0) {
            q->left = 0;
            break;
        }
        link_remove(&a->link);
        link_add(&q->sent, &a->link);
        a->waiting = false;
        a->sent = true;
        q->sent_count++;
        q->left--;
    }
    if (q->left < PER_TICK && !uv_is_active((uv_handle_t *)&q->tick))
        uv_timer_start(&q->tick, tick, TICK_MS, 0);
}

static void tick(uv_timer_t *timer)
{
    struct worker *w = timer->data;
    w->asker.left = PER_TICK;
    proceed(w);
}

void ask_init(struct worker *w)
{
    link_init(&w->asker.waiting);
    link_init(&w->asker.sent);
    w->asker.left = PER_TICK;
    uv_timer_init(&w->loop, &w->asker.tick);
    w->asker.tick.data = w;
}

void ask_close(struct worker *w)
{
    uv_close((uv_handle_t *)&w->asker.tick, NULL);
}

void ask_put(struct worker *w, struct ask *a)
{
    a->serial = ++w->asker.serial;
    a->waiting = true;
    link_add(&w->asker.waiting, &a->link);
    proceed(w);
}

static void take_back(struct worker *w, struct ask *a)
{
    link_remove(&a->link);
    w->asker.sent_count -= a->sent;
    a->waiting = a->sent = false;
}

void ask_forget(struct worker *w, struct ask *a)
{
    if (!a->waiting && !a->sent)
        return;
    take_back(w, a);
    if (!w->ending)
        proceed(w);
}

static struct ask *find(struct worker *w, uint64_t serial)
{
    for (struct link *l = w->asker.sent.next; l != &w->asker.sent; l = l->next)
        if (of(l)->serial == serial)
            return of(l);
    return NULL;
}

void ask_heard(struct worker *w, struct ipc_message *m)
{
    static struct ipc_answer answer; /* large; one thread */
    memset(answer.challenge.size, 0, sizeof answer.challenge.size);
    memcpy(&answer, m->payload, m->size < sizeof answer ? m->size : sizeof answer);
    explicit_bzero(m->payload, m->size);
    struct ask *a = find(w, answer.serial);
    if (a != NULL) {
        take_back(w, a);
        a->answered(a, (enum challenge_outcome)answer.outcome, &answer.challenge);
        proceed(w);
    }
    explicit_bzero(&answer, sizeof answer);
}
