/* client.c - the TLS client of the bench; options.c tells its command line. */
#include "tests/bench/exchange.h"
#include "tests/bench/link.h"
#include "tests/bench/options.h"
#include "tests/bench/pattern.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

enum { SLICE = 1000 }; /* units */

enum stage { STAGE_OPEN, STAGE_EXCHANGE, STAGE_FINISH, STAGE_HELD };

struct conn {
    struct link link;
    enum stage stage;
    struct exchange exchange;
    struct act act; /* in place of an exchange: WORK_SCRIPT */
    uint64_t began;
};

/* A client prepares with one run and is measured in the next. */
struct run {
    struct links links;
    struct script script;
    struct conn *conns;
    int loop;
    bool measured;
    uint64_t started, finished, total; /* units: connections, messages, or whole transfers */
    uint64_t *times;                   /* nanoseconds of each finished unit */
};

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* They are there, and that is all. */
static bool only_holds(const struct run *r)
{
    return r->links.options->work == WORK_IDLE || r->links.options->work == WORK_HALF;
}

static bool stops_halfway(const struct run *r)
{
    return r->links.options->work == WORK_HALF || r->links.options->work == WORK_ABORT;
}

static bool keeps_connections(const struct run *r)
{
    return r->links.options->work != WORK_HANDSHAKE && r->links.options->work != WORK_ABORT;
}

static void exchange_next(const struct run *r, struct conn *c)
{
    const struct options *o = r->links.options;
    assert(o->conns > 0);
    uint64_t transfer = r->measured ? o->count / o->conns : 1;
    switch (o->work) {
    case WORK_HANDSHAKE:
    case WORK_HALF: /* which do not come so far */
    case WORK_ABORT:
    case WORK_IDLE:
        exchange_start(&c->exchange, ORDER_ECHO, 1);
        break;
    case WORK_ECHO:
        exchange_start(&c->exchange, ORDER_ECHO, r->measured ? o->size : 1);
        break;
    case WORK_DOWNLOAD:
        exchange_start(&c->exchange, ORDER_DOWNLOAD, transfer);
        break;
    case WORK_UPLOAD:
        exchange_start(&c->exchange, ORDER_UPLOAD, transfer);
        break;
    case WORK_SCRIPT:
        c->act.script = &r->script;
        c->act.end = r->measured ? r->script.count : r->script.opening;
        break;
    }
    c->stage = STAGE_EXCHANGE;
}

static void begin_connection(struct run *r, struct conn *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    r->started++;
    c->began = now();
    c->stage = STAGE_OPEN;
    link_start(&c->link, &r->links);
    if (epoll_ctl(r->loop, EPOLL_CTL_ADD, c->link.fd, &event) != 0)
        die("client: epoll_ctl: %s", strerror(errno));
}

/* One unit is done; the connection goes on to its next, if there is one. */
static void unit_done(struct run *r, struct conn *c)
{
    r->times[r->finished++] = now() - c->began;
    if (!keeps_connections(r) || !r->measured || r->started == r->total) {
        c->stage = STAGE_HELD;
        return;
    }
    r->started++;
    c->began = now();
    exchange_next(r, c);
}

static bool play(struct run *r, struct conn *c)
{
    return r->links.options->work == WORK_SCRIPT ? act_step(&c->act, &c->link)
                                                 : exchange_step(&c->exchange, &c->link);
}

/* The proxy has answered the ClientHello. */
static void halfway(struct run *r, struct conn *c)
{
    unit_done(r, c);
    if (keeps_connections(r))
        return;
    link_drop(&c->link);
    if (r->started < r->total)
        begin_connection(r, c);
}

static void step(struct run *r, struct conn *c)
{
    const bool half = stops_halfway(r);
    if (c->stage == STAGE_OPEN && half && link_half_open(&c->link))
        halfway(r, c);
    else if (c->stage == STAGE_OPEN && !half && link_open(&c->link))
        exchange_next(r, c);
    while (c->stage == STAGE_EXCHANGE && play(r, c)) {
        if (keeps_connections(r)) {
            unit_done(r, c);
        } else {
            link_finish(&c->link);
            c->stage = STAGE_FINISH;
        }
    }
    if (c->stage == STAGE_FINISH && link_closed(&c->link)) {
        unit_done(r, c);
        if (r->started < r->total)
            begin_connection(r, c);
    }
}

/* Works until total units are done, on so many connections at once. */
static void work(struct run *r, uint64_t total, unsigned conns)
{
    struct epoll_event events[64];
    r->total = total;
    r->started = r->finished = 0;
    free(r->times);
    r->times = calloc(total, sizeof(*r->times));
    if (r->times == NULL)
        die("client: out of memory");
    for (unsigned i = 0; i < conns && r->started < total; i++) {
        struct conn *c = &r->conns[i];
        if (c->link.open) {
            r->started++;
            c->began = now();
            exchange_next(r, c);
            step(r, c);
        } else {
            begin_connection(r, c);
        }
    }
    while (r->finished < total) {
        int count = epoll_wait(r->loop, events, 64, 30000);
        if (count == 0)
            die("client: nothing moved for 30 seconds, after %llu of %llu",
                (unsigned long long)r->finished, (unsigned long long)total);
        for (int i = 0; i < count; i++)
            step(r, events[i].data.ptr);
    }
}

/* Opens in small groups, so that no queue overflows. */
static void hold_sessions(struct run *r)
{
    struct conn *all = r->conns;
    for (uint64_t opened = 0; opened < r->links.options->count;) {
        uint64_t left = r->links.options->count - opened;
        unsigned group = left < 16 ? (unsigned)left : 16;
        r->conns = all + opened;
        work(r, group, group);
        opened += group;
    }
    r->conns = all;
}

static void prepare(struct run *r)
{
    const struct options *o = r->links.options;
    if (only_holds(r))
        hold_sessions(r);
    else if (!keeps_connections(r))
        work(r, 2, 1); /* a ticket, and warm caches */
    else
        work(r, o->conns, o->conns);
    if (o->resume)
        links_resume(&r->links);
    r->measured = true;
}

static void measure(struct run *r)
{
    const struct options *o = r->links.options;
    if (o->work == WORK_DOWNLOAD || o->work == WORK_UPLOAD || o->work == WORK_SCRIPT)
        work(r, o->conns, o->conns);
    else if (!only_holds(r))
        work(r, o->count, o->conns);
}

static int by_size(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The time that 99 of 100 units keep, in the quietest of some slices of the run: what others do on
 * the machine can only make it longer. */
static double quietest_p99(uint64_t *times, uint64_t count)
{
    uint64_t best = UINT64_MAX, slice = count < SLICE ? count : SLICE;
    for (uint64_t at = 0; at + slice <= count; at += slice) {
        qsort(times + at, slice, sizeof(*times), by_size);
        uint64_t p99 = times[at + slice * 99 / 100];
        best = p99 < best ? p99 : best;
    }
    return (double)best / 1e3;
}

static void report(const struct run *r, uint64_t elapsed)
{
    printf("{\"units\": %llu, \"seconds\": %.6f, \"p99_us\": %.2f}\n",
           (unsigned long long)r->finished, (double)elapsed / 1e9,
           quietest_p99(r->times, r->finished));
    fflush(stdout);
}

static void wait_for_line(void)
{
    for (int c; (c = getchar()) != '\n';)
        if (c == EOF)
            exit(0);
}

int main(int argc, char **argv)
{
    struct options options;
    struct run run = {0};
    options_parse(&options, argc, argv);
    pattern_init();
    links_init(&run.links, &options);
    if (options.script != NULL)
        run.script = script_of(options.script, options.count);
    run.loop = epoll_create1(EPOLL_CLOEXEC);
    run.conns = calloc(only_holds(&run) ? options.count : options.conns, sizeof(*run.conns));
    if (run.loop < 0 || run.conns == NULL)
        die("client: set-up: %s", strerror(errno));
    prepare(&run);
    puts("ready");
    fflush(stdout);
    wait_for_line();
    uint64_t began = now();
    measure(&run);
    report(&run, now() - began);
    wait_for_line();
    free(run.times);
    free(run.conns);
    return 0;
}
