/* demo_mailbox.c - demo-mailbox, two small mail servers without TLS: what comes in by SMTP goes out
 * by POP3. For trying tlsfront, on loopback addresses only: it asks for no password.
 *
 * It prints one line "PROTOCOL ADDRESS:PORT" per listener when it is ready, and runs until INT or
 * TERM. */
#include "tests/demo/dialogue.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define CLIENTS_MAX 64
#define CHUNK       ((size_t)64 * 1024)

enum { LISTENERS = 2, SIGNALS = 2 };

struct server {
    uv_loop_t loop;
    uv_signal_t signals[SIGNALS];
    struct listener {
        uv_tcp_t tcp;
        const struct dialogue_protocol *protocol;
        struct server *server;
    } listeners[LISTENERS];
    size_t listening;
    unsigned clients;
    struct mailbox mailbox;
};

struct client {
    uv_tcp_t tcp;
    struct server *server;
    struct dialogue dialogue;
    uv_write_t write;
    struct buf writing; /* not empty: a write is under way, and nothing is read meanwhile */
    char chunk[CHUNK];
};

static void client_step(struct client *c);

/* --- clients --- */

static void client_closed(uv_handle_t *handle)
{
    struct client *c = handle->data;
    c->server->clients--;
    dialogue_close(&c->dialogue);
    buf_free(&c->writing);
    free(c);
}

static void client_close(struct client *c)
{
    if (!uv_is_closing((uv_handle_t *)&c->tcp))
        uv_close((uv_handle_t *)&c->tcp, client_closed);
}

static void client_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    (void)suggested;
    struct client *c = handle->data;
    *buf = uv_buf_init(c->chunk, sizeof c->chunk);
}

static void client_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct client *c = stream->data;
    if (n < 0) {
        client_close(c);
    } else if (n > 0) {
        dialogue_feed(&c->dialogue, buf->base, (size_t)n);
        client_step(c);
    }
}

static void client_written(uv_write_t *request, int status)
{
    struct client *c = request->data;
    buf_free(&c->writing);
    if (status < 0)
        client_close(c);
    else
        client_step(c);
}

/* Answer what was read; send the answers, or else read on, or else end. */
static void client_step(struct client *c)
{
    uv_stream_t *stream = (uv_stream_t *)&c->tcp;
    if (c->writing.size > 0 || uv_is_closing((uv_handle_t *)&c->tcp))
        return;
    dialogue_step(&c->dialogue);
    if (c->dialogue.out.size > 0) {
        uv_read_stop(stream);
        struct buf sent = c->writing;
        c->writing = c->dialogue.out;
        c->dialogue.out = sent;
        c->dialogue.out.limit = c->writing.limit;
        uv_buf_t out = uv_buf_init((char *)c->writing.data, (unsigned)c->writing.size);
        c->write.data = c;
        if (uv_write(&c->write, stream, &out, 1, client_written) != 0)
            client_close(c);
    } else if (c->dialogue.ended) {
        client_close(c);
    } else {
        uv_read_start(stream, client_alloc, client_read);
    }
}

static void listener_connection(uv_stream_t *stream, int status)
{
    struct listener *l = (struct listener *)stream;
    struct client *c = status == 0 ? calloc(1, sizeof *c) : NULL;
    if (c == NULL)
        return;
    c->server = l->server;
    c->server->clients++;
    buf_init(&c->writing, 0);
    if (c->server->clients > CLIENTS_MAX)
        dialogue_refuse(&c->dialogue, l->protocol);
    else
        dialogue_open(&c->dialogue, l->protocol, &l->server->mailbox);
    uv_tcp_init(&l->server->loop, &c->tcp);
    c->tcp.data = c;
    if (uv_accept(stream, (uv_stream_t *)&c->tcp) == 0)
        client_step(c);
    else
        client_close(c);
}

/* --- the server --- */

/* "127.0.0.1:0", "[::1]:110"; false for whatever is no loopback address. */
static bool parse_loopback(const char *text, struct sockaddr_storage *addr)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || end == colon + 1 || port > 65535)
        return false;
    if (strcmp(host, "[::1]") == 0)
        return uv_ip6_addr("::1", (int)port, (struct sockaddr_in6 *)addr) == 0;
    struct sockaddr_in *in = (struct sockaddr_in *)addr;
    return uv_ip4_addr(host, (int)port, in) == 0 && ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

static void print_address(const struct listener *l)
{
    struct sockaddr_storage addr;
    int length = sizeof addr;
    char host[INET6_ADDRSTRLEN];
    uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&addr, &length);
    uv_ip_name((struct sockaddr *)&addr, host, sizeof host);
    bool v6 = addr.ss_family == AF_INET6;
    uint16_t port =
        v6 ? ((struct sockaddr_in6 *)&addr)->sin6_port : ((struct sockaddr_in *)&addr)->sin_port;
    printf(v6 ? "%s [%s]:%u\n" : "%s %s:%u\n", l->protocol->name, host, ntohs(port));
}

static int server_listen(struct server *s, const struct dialogue_protocol *p, const char *address)
{
    struct sockaddr_storage addr;
    if (!parse_loopback(address, &addr)) {
        fprintf(stderr, "demo-mailbox: %s: not a loopback ADDRESS:PORT, like 127.0.0.1:0\n",
                address);
        return 2;
    }
    struct listener *l = &s->listeners[s->listening++];
    l->protocol = p;
    l->server = s;
    uv_tcp_init(&s->loop, &l->tcp);
    int error = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&addr, 0);
    if (error == 0)
        error = uv_listen((uv_stream_t *)&l->tcp, 128, listener_connection);
    if (error != 0) {
        fprintf(stderr, "demo-mailbox: cannot listen on %s: %s\n", address, uv_strerror(error));
        return 1;
    }
    print_address(l);
    return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (uv_is_closing(handle))
        return;
    uv_close(handle, handle->data != NULL ? client_closed : NULL); /* only clients have data */
}

static void signal_received(uv_signal_t *handle, int number)
{
    (void)number;
    uv_walk(handle->loop, close_handle, NULL);
}

static void server_watch_signals(struct server *s)
{
    static const int numbers[SIGNALS] = {SIGINT, SIGTERM};
    for (size_t i = 0; i < SIGNALS; i++) {
        uv_signal_init(&s->loop, &s->signals[i]);
        uv_signal_start(&s->signals[i], signal_received, numbers[i]);
    }
}

static void server_close(struct server *s)
{
    uv_walk(&s->loop, close_handle, NULL);
    uv_run(&s->loop, UV_RUN_DEFAULT);
    uv_loop_close(&s->loop);
    mailbox_free(&s->mailbox);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: demo-mailbox SMTP-ADDRESS:PORT POP3-ADDRESS:PORT\n"
                        "Port 0 is any free port.\n");
        return 2;
    }
    static struct server server;
    signal(SIGPIPE, SIG_IGN);
    if (uv_loop_init(&server.loop) != 0)
        return 1;
    server_watch_signals(&server);
    int status = server_listen(&server, &smtp_protocol, argv[1]);
    if (status == 0)
        status = server_listen(&server, &pop3_protocol, argv[2]);
    fflush(stdout);
    if (status == 0)
        uv_run(&server.loop, UV_RUN_DEFAULT);
    server_close(&server);
    return status;
}
