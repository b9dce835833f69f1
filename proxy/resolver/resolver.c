#include "proxy/resolver/resolver.h"
#include "proxy/base/clock.h"
#include "proxy/base/exits.h"
#include "proxy/ipc/ipc.h"
#include "proxy/ipc/process.h"
#include "proxy/resolver/service.h"

#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <resolv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A question, its answer, and the message that brings it: a thread's own. */
struct task {
    struct ipc_resolve question;
    struct ipc_resolved answer;
    struct ipc_message message;
};

/* ---- talking ---- */

/* By any thread. Where the supervisor is there, and yet cannot be told, it asks a successor. */
static void send_message(const struct ipc_message *m)
{
    if (process_say(m) != 0)
        _exit(errno == EPIPE || errno == ECONNRESET ? 0 : EXIT_RUNTIME);
}

/* ---- a question ---- */

static void add_address(struct ipc_resolved *r, const struct sockaddr *addr)
{
    const struct sockaddr_in *in = (const void *)addr;
    const struct sockaddr_in6 *in6 = (const void *)addr;
    struct ipc_resolved_address *a = &r->addresses[r->count];
    *a = (struct ipc_resolved_address){.family = addr->sa_family};
    if (addr->sa_family == AF_INET) {
        memcpy(a->bytes, &in->sin_addr, sizeof in->sin_addr);
        r->count++;
    } else if (addr->sa_family == AF_INET6) {
        memcpy(a->bytes, &in6->sin6_addr, sizeof in6->sin6_addr);
        a->scope = in6->sin6_scope_id;
        r->count++;
    }
}

static void look_up(const char *name, struct ipc_resolved *out)
{
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    const int status = getaddrinfo(name, NULL, &hints, &list);
    out->error = status == EAI_SYSTEM ? errno : status;
    if (status != 0)
        return;
    for (const struct addrinfo *a = list; a != NULL && out->count < RESOLVED_MAX; a = a->ai_next)
        add_address(out, a->ai_addr);
    freeaddrinfo(list);
}

/* ---- a service ---- */

static int error_of(int why)
{
    switch (why) {
    case HOST_NOT_FOUND:
        return EAI_NONAME;
    case TRY_AGAIN:
        return EAI_AGAIN;
    case NO_DATA:
        return EAI_NODATA;
    default:
        return EAI_FAIL;
    }
}

/* The name is whole: no domain of resolv.conf is put behind it. 0, or an error. */
static int ask_for_service(const char *name, struct service *out)
{
    uint8_t reply[NS_MAXMSG];
    struct __res_state state;
    memset(&state, 0, sizeof state);
    if (res_ninit(&state) != 0)
        return EAI_FAIL;
    const int size = res_nquery(&state, name, ns_c_in, ns_t_srv, reply, sizeof reply);
    const int why = state.res_h_errno;
    res_nclose(&state);
    if (size < 0)
        return error_of(why);
    return service_parse(reply, (size_t)size < sizeof reply ? (size_t)size : sizeof reply, out);
}

static void add_target(const struct service_target *t, struct ipc_resolved *out)
{
    const uint32_t before = out->count;
    look_up(t->host, out);
    for (uint32_t i = before; i < out->count; i++) {
        const struct upstream_share share = service_share(t, out->count - before);
        out->addresses[i].port = t->port;
        out->addresses[i].tier = (uint16_t)share.tier;
        out->addresses[i].weight = share.weight;
    }
}

/* For all targets of a service; each may take the system's own patience. */
enum { SERVICE_PATIENCE_MS = 20000 };

/* A target without an address is passed over, unless they all are; and so are the last of many
 * whose name servers do not answer. */
static void look_up_service(const char *name, struct ipc_resolved *out)
{
    struct service found;
    out->error = ask_for_service(name, &found);
    if (out->error != 0)
        return;
    out->ttl = found.ttl > 0 ? found.ttl : 1;
    const uint64_t end = clock_ms() + SERVICE_PATIENCE_MS;
    for (size_t i = 0; i < found.count && out->count < RESOLVED_MAX && (i == 0 || clock_ms() < end);
         i++)
        add_target(&found.targets[i], out);
    if (out->count > 0)
        out->error = 0;
}

static void *answer(void *arg)
{
    struct task *t = arg;
    if (t->question.service)
        look_up_service(t->question.name, &t->answer);
    else
        look_up(t->question.name, &t->answer);
    ipc_put_resolved(&t->message, &t->answer);
    send_message(&t->message);
    free(t);
    return NULL;
}

/* An answer, too: the supervisor asks again later. */
static void cannot_ask(uint64_t serial, int why)
{
    static struct ipc_message m; /* large; only for the thread that listens */
    const struct ipc_resolved r = {.serial = serial, .error = why};
    ipc_put_resolved(&m, &r);
    send_message(&m);
}

static int start_thread(struct task *t)
{
    pthread_t thread;
    const int error = pthread_create(&thread, NULL, answer, t);
    return error != 0 ? error : pthread_detach(thread);
}

static void on_resolve(const struct ipc_message *m)
{
    struct ipc_resolve question;
    if (!ipc_take(m, &question, sizeof question) ||
        memchr(question.name, '\0', sizeof question.name) == NULL)
        return;
    struct task *t = calloc(1, sizeof *t);
    if (t == NULL) {
        cannot_ask(question.serial, ENOMEM);
        return;
    }
    t->question = question;
    t->answer.serial = question.serial;
    const int error = start_thread(t);
    if (error != 0) {
        free(t);
        cannot_ask(question.serial, error);
    }
}

/* ---- the thread that listens ---- */

static void send_pong(void)
{
    static struct ipc_message m; /* large */
    ipc_begin(&m, IPC_PONG, 0);
    send_message(&m);
}

/* 0, or -1 with the reason. */
static int on_hello(const struct ipc_message *m, struct err *e)
{
    struct ipc_hello hello;
    if (!ipc_take(m, &hello, sizeof hello))
        return err_set(e, "an order of kind %d, of size %u, is not understood", (int)m->type,
                       m->size);
    return process_confine(&hello, SANDBOX_RESOLVER, e); /* threads of later are in it, too */
}

static int on_message(struct ipc_message *m, struct err *e)
{
    int result = 0;
    if (m->type == IPC_HELLO)
        result = on_hello(m, e);
    else if (m->type == IPC_RESOLVE)
        on_resolve(m);
    else if (m->type == IPC_PING)
        send_pong();
    ipc_close_fds(m);
    return result;
}

int resolver_run(void)
{
    static struct ipc_message m; /* large */
    struct err e;
    int got, result = 0;
    if (!process_begin())
        return EXIT_USAGE;
    while (result == 0 && (got = ipc_receive(PROCESS_IPC, &m)) >= 0)
        if (got == 0)
            poll(&(struct pollfd){.fd = PROCESS_IPC, .events = POLLIN}, 1, -1);
        else
            result = on_message(&m, &e);
    if (result != 0)
        fprintf(stderr, "tlsfront: the resolver cannot work: %s\n", e.text);
    _exit(result != 0 ? EXIT_RUNTIME : 0); /* other threads may be in the middle of a library */
}
