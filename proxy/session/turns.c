#include "proxy/session/turns.h"

/* About a millisecond of RSA-2048, a quarter of one with ECDSA: what a relayed byte may have to
 * wait for others' handshakes. */
enum { STEPS_PER_TURN = 4 };

static void turn_over(uv_check_t *check)
{
    struct turns *t = check->data;
    t->taken = 0;
}

/* Runs in every turn while somebody waits; an active idle handle keeps the loop from sleeping. */
static void more(uv_idle_t *idle)
{
    struct turns *t = idle->data;
    while (!link_empty(&t->waiting) && t->taken < STEPS_PER_TURN) {
        t->taken++;
        t->go_on(t->waiting.next);
    }
    if (link_empty(&t->waiting))
        uv_idle_stop(idle);
}

void turns_init(struct turns *t, uv_loop_t *loop, void (*go_on)(struct link *l))
{
    *t = (struct turns){.go_on = go_on};
    link_init(&t->waiting);
    uv_idle_init(loop, &t->more);
    uv_check_init(loop, &t->over);
    t->more.data = t->over.data = t;
    uv_check_start(&t->over, turn_over);
}

bool turns_take(struct turns *t)
{
    if (t->taken >= STEPS_PER_TURN || !link_empty(&t->waiting))
        return false;
    t->taken++;
    return true;
}

void turns_wait(struct turns *t, struct link *l)
{
    link_add(&t->waiting, l);
    uv_idle_start(&t->more, more);
}

void turns_close(struct turns *t)
{
    uv_close((uv_handle_t *)&t->more, NULL);
    uv_close((uv_handle_t *)&t->over, NULL);
}
