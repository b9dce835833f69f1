#include "proxy/session/query.h"

#include <string.h>

enum { SENT_MAX = 8, PER_TICK = 128, TICK_MS = 100 };

static struct query *query_of(struct link *l)
{
    return container_of(l, struct query, link);
}

static int send_now(const struct queries *all, const struct query *q)
{
    static struct ipc_message m; /* large; one thread */
    struct ipc_challenge_query question = {.serial = q->serial, .slot = q->slot};
    memcpy(question.name, q->name, sizeof q->name);
    ipc_begin(&m, IPC_CHALLENGE_QUERY, 0);
    ipc_append(&m, &question, sizeof question);
    return ipc_send(all->ipc, &m);
}

static void tick(uv_timer_t *timer);

/* Send what may be sent. When the supervisor does not read, the next tick tries again. */
static void proceed(struct queries *all)
{
    while (!link_empty(&all->waiting) && all->sent_count < SENT_MAX && all->left > 0) {
        struct query *q = query_of(all->waiting.next);
        if (send_now(all, q) != 0) {
            all->left = 0;
            break;
        }
        link_remove(&q->link);
        link_add(&all->sent, &q->link);
        q->waiting = false;
        q->sent = true;
        all->sent_count++;
        all->left--;
    }
    if (all->left < PER_TICK && !uv_is_active((uv_handle_t *)&all->tick))
        uv_timer_start(&all->tick, tick, TICK_MS, 0);
}

static void tick(uv_timer_t *timer)
{
    struct queries *all = timer->data;
    all->left = PER_TICK;
    proceed(all);
}

void queries_init(struct queries *all, uv_loop_t *loop, int ipc)
{
    *all = (struct queries){.ipc = ipc, .left = PER_TICK};
    link_init(&all->waiting);
    link_init(&all->sent);
    uv_timer_init(loop, &all->tick);
    all->tick.data = all;
}

void queries_close(struct queries *all)
{
    all->closed = true;
    uv_close((uv_handle_t *)&all->tick, NULL);
}

static bool is_in(struct link *list, uint32_t client)
{
    for (struct link *l = list->next; l != list; l = l->next)
        if (query_of(l)->client == client)
            return true;
    return false;
}

static bool is_known(const struct queries *all, const struct query *q)
{
    const uint64_t hash = challenge_hash(q->slot, q->name);
    for (size_t i = 0; i < all->known_count; i++)
        if (all->known[i] == hash)
            return true;
    return false;
}

bool queries_know(struct queries *all, const struct ipc_message *m)
{
    size_t count;
    if (!ipc_count(m, sizeof *all->known, &count) || count > CHALLENGES_KNOWN_MAX)
        return false;
    memcpy(all->known, m->payload, count * sizeof *all->known);
    all->known_count = count;
    return true;
}

static bool stands_before(const struct query *there, const struct query *q)
{
    return there->known != q->known ? there->known : there->only;
}

/* What there is stands in front. Among equals the only ones of their clients, the first in front of
 * all; behind them the newest. */
static void stand_in_line(struct queries *all, struct query *q)
{
    struct link *next = all->waiting.next;
    q->only = !is_in(&all->sent, q->client) && !is_in(&all->waiting, q->client);
    while (next != &all->waiting && stands_before(query_of(next), q))
        next = next->next;
    link_add(next, &q->link);
}

void query_send(struct queries *all, struct query *q)
{
    q->serial = ++all->serial;
    q->waiting = true;
    q->known = is_known(all, q);
    stand_in_line(all, q);
    if (!all->closed)
        proceed(all);
}

static void take_back(struct queries *all, struct query *q)
{
    link_remove(&q->link);
    all->sent_count -= q->sent;
    q->waiting = q->sent = false;
}

void query_forget(struct queries *all, struct query *q)
{
    if (!q->waiting && !q->sent)
        return;
    take_back(all, q);
    if (!all->closed)
        proceed(all);
}

static struct query *find(struct queries *all, uint64_t serial)
{
    for (struct link *l = all->sent.next; l != &all->sent; l = l->next) {
        struct query *q = query_of(l);
        if (q->serial == serial)
            return q;
    }
    return NULL;
}

void queries_answered(struct queries *all, struct ipc_message *m)
{
    static struct ipc_challenge_answer answer; /* large; one thread */
    memset(answer.challenge.size, 0, sizeof answer.challenge.size);
    memcpy(&answer, m->payload, m->size < sizeof answer ? m->size : sizeof answer);
    explicit_bzero(m->payload, m->size);
    struct query *q = find(all, answer.serial);
    if (q != NULL) {
        take_back(all, q);
        q->answered(q, (enum challenge_outcome)answer.outcome, &answer.challenge);
        proceed(all);
    }
    explicit_bzero(&answer, sizeof answer);
}
