#include "proxy/session/query.h"

#include <string.h>

/* Invented names get a share of what may be out and of what may be asked, and no more of them wait
 * than are asked for in less than a second. */
enum {
    SENT_MAX = 8,
    INVENTED_SENT_MAX = 4,
    PER_TICK = 128,
    INVENTED_PER_TICK = 32,
    TICK_MS = 100,
    WAITING_MAX = 256
};

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

static bool may_send(const struct queries *all, const struct query *q)
{
    return q->known
               ? all->sent_count < SENT_MAX && all->left > 0
               : all->sent_count < INVENTED_SENT_MAX && all->left > PER_TICK - INVENTED_PER_TICK;
}

static void is_sent(struct queries *all, struct query *q)
{
    link_remove(&q->link);
    link_add(&all->sent, &q->link);
    q->waiting = false;
    q->sent = true;
    all->waiting_count--;
    all->sent_count++;
    all->left--;
}

/* Send what may be sent. When the supervisor does not read, the next tick tries again. */
static void proceed(struct queries *all)
{
    while (!link_empty(&all->waiting) && may_send(all, query_of(all->waiting.next))) {
        struct query *q = query_of(all->waiting.next);
        if (send_now(all, q) != 0) {
            all->left = 0;
            break;
        }
        is_sent(all, q);
    }
    const bool owed = all->left < PER_TICK || all->waiting_count > WAITING_MAX;
    if (owed && !uv_is_active((uv_handle_t *)&all->tick))
        uv_timer_start(&all->tick, tick, TICK_MS, 0);
}

static void take_back(struct queries *all, struct query *q)
{
    link_remove(&q->link);
    all->waiting_count -= q->waiting;
    all->sent_count -= q->sent;
    q->waiting = q->sent = false;
}

/* The supervisor needs a moment to see what has just been put there. */
static bool is_new(const struct queries *all, const struct query *q)
{
    return all->ticks - q->since < 2;
}

/* Those at the end of the line are told that nobody will look. */
static void thin_out(struct queries *all)
{
    struct link *l = all->waiting.previous;
    while (all->waiting_count > WAITING_MAX && l != &all->waiting) {
        struct query *q = query_of(l);
        l = l->previous;
        if (is_new(all, q))
            continue;
        take_back(all, q);
        q->answered(q, CHALLENGE_CROWDED, NULL);
    }
}

static void tick(uv_timer_t *timer)
{
    struct queries *all = timer->data;
    all->left = PER_TICK;
    all->ticks++;
    proceed(all);
    thin_out(all);
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

/* Again, for each that waits: there may be what was not there when it came. */
static void look_again(struct queries *all)
{
    struct link *end = &all->waiting;
    for (struct link *l = end->next, *next; l != end; l = next) {
        struct query *q = query_of(l);
        next = l->next;
        if (q->known || !is_known(all, q))
            continue;
        q->known = true;
        link_remove(l);
        stand_in_line(all, q);
    }
    if (!all->closed)
        proceed(all);
}

bool queries_know(struct queries *all, const struct ipc_message *m)
{
    size_t count;
    if (!ipc_count(m, sizeof *all->known, &count) || count > CHALLENGES_KNOWN_MAX)
        return false;
    memcpy(all->known, m->payload, count * sizeof *all->known);
    all->known_count = count;
    look_again(all);
    return true;
}

void query_send(struct queries *all, struct query *q)
{
    q->serial = ++all->serial;
    q->waiting = true;
    q->since = all->ticks;
    all->waiting_count++;
    q->known = is_known(all, q);
    stand_in_line(all, q);
    if (!all->closed)
        proceed(all);
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
