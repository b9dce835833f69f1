#include "tests/support/fake_peer.h"

#include <assert.h>
#include <string.h>

struct fake_peer fake_peers[2];

void fake_reset(void)
{
    memset(fake_peers, 0, sizeof fake_peers);
}

static struct fake_peer *fake_of(const struct peer *p)
{
    for (int side = FAKE_CLIENT; side <= FAKE_UPSTREAM; side++)
        if (fake_peers[side].peer == p)
            return &fake_peers[side];
    return NULL;
}

static int begin(struct fake_peer *f, struct peer *p, enum peer_life life,
                 const struct peer_events *events)
{
    const int rc = f->refuses;
    assert(f->peer == NULL);
    *p = (struct peer){.events = events, .life = life};
    f->peer = p;
    f->ending = FAKE_OPEN;
    f->refuses = 0;
    return rc;
}

int peer_open(struct peer *p, uv_loop_t *loop, int fd, bool is_unix,
              const struct peer_events *events)
{
    (void)loop, (void)fd, (void)is_unix;
    return begin(&fake_peers[FAKE_CLIENT], p, PEER_OPEN, events);
}

int peer_connect(struct peer *p, uv_loop_t *loop, const struct peer_target *target,
                 const struct peer_events *events)
{
    (void)loop, (void)target;
    struct fake_peer *f = &fake_peers[FAKE_UPSTREAM];
    const bool at_once = f->here && f->refuses == 0;
    f->connects++;
    if (f->refuses == UV_EAGAIN) { /* nothing has happened */
        f->refuses = 0;
        return UV_EAGAIN;
    }
    const int rc = begin(f, p, at_once ? PEER_OPEN : PEER_CONNECTING, events);
    return at_once ? PEER_CONNECTED : rc;
}

void peer_read(struct peer *p, bool on)
{
    p->reading = on && !p->eof && p->life == PEER_OPEN;
}

int peer_send(struct peer *p, const uint8_t *data, size_t size, bool more)
{
    struct fake_peer *f = fake_of(p);
    (void)more;
    if (size == 0)
        return 0;
    assert(!p->fin_wanted);
    if (p->life != PEER_OPEN)
        return UV_ENOTCONN;
    if (f->breaks != 0) {
        p->send_error = f->breaks;
        return p->eof ? p->send_error : 0;
    }
    assert(size <= sizeof f->sent - f->sent_size);
    memcpy(f->sent + f->sent_size, data, size);
    f->sent_size += size;
    if (f->stuck)
        p->queued += size;
    return 0;
}

void peer_acknowledge(struct peer *p)
{
    fake_of(p)->acknowledged++;
}

size_t peer_outstanding(const struct peer *p)
{
    return p->life == PEER_OPEN ? p->queued + fake_of(p)->undelivered : 0;
}

size_t peer_undelivered(struct peer *p)
{
    return p->life == PEER_OPEN && p->send_error == 0 ? p->queued + fake_of(p)->undelivered : 0;
}

static void send_fin(struct peer *p)
{
    p->fin_sent = true;
    fake_of(p)->ending = FAKE_FIN;
}

void peer_shutdown(struct peer *p)
{
    if (p->life != PEER_OPEN || p->fin_wanted)
        return;
    p->fin_wanted = true;
    if (p->queued == 0)
        send_fin(p);
}

void peer_close(struct peer *p, bool reset)
{
    if (p->life == PEER_NONE || p->life == PEER_CLOSING)
        return;
    p->life = PEER_CLOSING;
    p->reading = false;
    fake_of(p)->ending = reset || p->queued > 0 ? FAKE_RESET : FAKE_CLOSED;
}

void fake_drain(struct fake_peer *f)
{
    struct peer *p = f->peer;
    f->stuck = false;
    p->queued = 0;
    if (p->fin_wanted && !p->fin_sent)
        send_fin(p);
    p->events->drained(p);
}

void fake_finish_closing(struct fake_peer *f)
{
    struct peer *p = f->peer;
    if (p == NULL || p->life != PEER_CLOSING)
        return;
    f->peer = NULL;
    p->queued = 0;
    p->life = PEER_NONE;
    p->events->closed(p);
}
