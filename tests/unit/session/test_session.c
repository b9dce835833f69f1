/* test_session.c - one session on a real loop: with clients that never speak TLS, and with
 * openssl(1) as one that does. What goes on inside TLS for long is the integration tests' part. */
#include "proxy/session/peer.h"
#include "proxy/session/session.h"
#include "proxy/session/sessions.h"
#include "tests/support/loop.h"
#include "tests/support/pem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct fixture {
    uv_loop_t loop;
    struct log log_lines;
    struct peer_scratch peers;
    struct all_counters parts;
    uint8_t seed[16];
    struct sessions all;
    struct generation *generation;
    char scratch[TLS_CHUNK_MAX + 1];
    int shared, log;
    char lines[20000];
    int listener, upstream; /* for clients; for sessions */
    struct sockaddr_in at, upstream_at;
    pid_t openssl;
    int to_openssl, from_openssl;
};

static char *pem;

static int group_setup(void **state)
{
    (void)state;
    struct err e;
    signal(SIGPIPE, SIG_IGN); /* as the worker does */
    if (tls_init(&e) != 0)
        return -1;
    pem = pem_make("mail.example", 1, 90);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    free(pem);
    return 0;
}

static int listen_on_loopback(struct sockaddr_in *at)
{
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof *at), 0);
    assert_int_equal(listen(fd, 4), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    return fd;
}

static struct generation *load(const struct fixture *f)
{
    char text[1000];
    struct diags d = {0};
    struct bundle *b = bundle_new();
    snprintf(text, sizeof text,
             "certificate mail { chain = /mail.pem }\n"
             "route pop3s { listen = \"127.0.0.1:995\" protocol = pop3 certificate = {mail}\n"
             "upstream = \"127.0.0.1:%u\" }\n",
             ntohs(f->upstream_at.sin_port));
    assert_int_equal(bundle_add(b, BUNDLE_TEXT, "/t.conf", text, strlen(text), NULL), 0);
    assert_int_equal(bundle_add(b, BUNDLE_FILE, "/mail.pem", pem, strlen(pem), NULL), 0);
    struct config *c = config_load(b, &d);
    assert_non_null(c);
    struct generation *g = generation_load(c, b, GENERATION_JUDGED, &d);
    assert_int_equal(d.count, 0);
    bundle_free(b);
    return g;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct err e;
    int ends[2];
    *state = f;
    uv_loop_init(&f->loop);
    f->peers = (struct peer_scratch){f->scratch, sizeof f->scratch};
    f->loop.data = &f->peers;
    f->shared = counters_create(&e);
    f->all = (struct sessions){.loop = &f->loop,
                               .log = &f->log_lines,
                               .engine = tls_engine_new(&e),
                               .counters = counters_map_own(f->shared),
                               .parts = &f->parts,
                               .worker_count = 1,
                               .seed = f->seed,
                               .limit = 100};
    sessions_init(&f->all, -1);
    f->parts.parts[0] = f->all.counters;
    if (f->all.counters == NULL || f->all.engine == NULL ||
        pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0)
        return -1;
    f->log = ends[0];
    log_init(&f->log_lines, "worker-0");
    log_redirect(&f->log_lines, LOG_TARGET_FILE, ends[1]);
    f->listener = listen_on_loopback(&f->at);
    f->upstream = listen_on_loopback(&f->upstream_at);
    f->generation = load(f);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    sessions_close(&f->all);
    generation_free(f->generation); /* sessions held their own references */
    loop_end(&f->loop);
    tls_engine_free(f->all.engine);
    counters_unmap(f->all.counters);
    log_close(&f->log_lines);
    close(f->shared);
    close(f->log);
    close(f->listener);
    close(f->upstream);
    free(f);
    return 0;
}

/* Accept the next client and make it a session, as the acceptor does. */
static void serve(struct fixture *f, bool admitted, enum starttls_refusal refusal)
{
    struct newcomer n = {.generation = f->generation,
                         .route = &f->generation->routes[0],
                         .admission = {.admitted = admitted, .refusal = refusal}};
    loop_until(&f->loop,
               (n.fd = accept4(f->listener, (struct sockaddr *)&n.client,
                               &(socklen_t){sizeof n.client}, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0);
    counter_add(&f->all.counters->route[0].active, admitted);
    session_start(&f->all, &n);
}

static int call(struct fixture *f)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&f->at, sizeof f->at), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    serve(f, true, REFUSE_DRAINING);
    return fd;
}

static const struct route_counters *counters(const struct fixture *f)
{
    return &f->all.counters->route[0];
}

static const struct route_details *details(const struct fixture *f)
{
    return &f->all.counters->details[f->generation->routes[0].slot];
}

/* The last session is gone and out of all counts; the log is in f->lines. */
static void assert_over(struct fixture *f)
{
    loop_until(&f->loop, f->all.count == 0);
    assert_true(link_empty(&f->all.members));
    assert_int_equal(counter_get(&counters(f)->active), 0);
    assert_int_equal(counter_get(&counters(f)->handshaking), 0);
    for (unsigned stage = 0; stage < STAGES; stage++)
        assert_int_equal(counter_get(&counters(f)->stage[stage]), 0);
    assert_int_equal(f->generation->references, 1);
    const ssize_t n = read(f->log, f->lines, sizeof f->lines - 1);
    f->lines[n > 0 ? n : 0] = '\0';
}

/* ---- without TLS ---- */

static void a_probe_that_sends_nothing_leaves_no_line(void **state)
{
    struct fixture *f = *state;
    int fd = call(f);
    assert_int_equal(counter_get(&counters(f)->handshaking), 1);
    close(fd);
    assert_over(f);
    assert_int_equal(counter_get(&counters(f)->handshake_failures), 0);
    assert_string_equal(f->lines, "");
}

static void nonsense_gets_an_alert_and_a_line(void **state)
{
    struct fixture *f = *state;
    uint8_t alert[100] = {0};
    ssize_t n = 0;
    int fd = call(f);
    assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    loop_until(&f->loop, (n = read(fd, alert, sizeof alert)) > 0);
    assert_int_equal(n, 7);
    assert_int_equal(alert[0], 21); /* an alert */
    assert_int_equal(alert[5], 2);  /* a fatal one */
    loop_until(&f->loop, read(fd, alert, sizeof alert) == 0);
    close(fd);
    assert_over(f);
    assert_int_equal(counter_get(&counters(f)->handshake_failures), 1);
    assert_int_equal(counter_get(&details(f)->handshake_faults[HANDSHAKE_PROTOCOL]), 1);
    assert_int_equal(counter_get(&details(f)->ends[STAGE_HANDSHAKE][FAULT_CLIENT]), 1);
    assert_non_null(strstr(f->lines, " level=info from=worker-0 event=end id=00000000-1 "
                                     "route=pop3s protocol=pop3 client=127.0.0.1:"));
    assert_non_null(strstr(f->lines, " stage=handshake bytes-in=0 bytes-out=0 "));
    assert_non_null(strstr(f->lines, " fault=client end="));
}

static void silence_ends_with_the_handshake_timeout(void **state)
{
    struct fixture *f = *state;
    char byte;
    f->generation->config->routes[0].handshake_timeout = 1000;
    int fd = call(f);
    assert_int_equal(send(fd, "\x16\x03", 2, 0), 2);
    loop_until(&f->loop, read(fd, &byte, 1) == 0 || errno != EAGAIN);
    close(fd);
    assert_over(f);
    assert_int_equal(counter_get(&counters(f)->handshake_failures), 1);
    assert_int_equal(counter_get(&details(f)->handshake_faults[HANDSHAKE_LATE]), 1);
    assert_non_null(strstr(f->lines, "end=\"the client did not finish the handshake in time\""));
}

static void a_stop_ends_a_session_in_its_handshake(void **state)
{
    struct fixture *f = *state;
    char byte;
    int fd = call(f);
    sessions_stop(&f->all);
    loop_until(&f->loop, read(fd, &byte, 1) == 0);
    close(fd);
    assert_over(f);
}

/* ---- with openssl(1) ---- */

/* Over all ciphers and groups that have a name. */
static uint64_t counted_handshakes(const struct fixture *f)
{
    uint64_t sum = 0;
    for (unsigned c = 1; tls_cipher_name(c) != NULL; c++)
        for (unsigned g = 1; tls_group_name(g) != NULL; g++)
            for (unsigned resumed = 0; resumed < 2; resumed++)
                sum += counter_get(&details(f)->tls[c][g][resumed]);
    return sum;
}

static void start_openssl(struct fixture *f)
{
    char at[32];
    int in[2], out[2];
    snprintf(at, sizeof at, "127.0.0.1:%u", ntohs(f->at.sin_port));
    assert_int_equal(pipe2(in, O_CLOEXEC), 0);
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    f->openssl = fork();
    assert_true(f->openssl >= 0);
    if (f->openssl == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        execlp("openssl", "openssl", "s_client", "-quiet", "-connect", at, "-servername",
               "mail.example", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    f->to_openssl = in[1];
    f->from_openssl = out[0];
    assert_int_equal(fcntl(f->from_openssl, F_SETFL, O_NONBLOCK), 0);
}

/* Everything until the end of what openssl prints. */
static void assert_openssl_prints(struct fixture *f, const char *expected)
{
    char text[1000];
    size_t size = 0;
    ssize_t n = 0;
    loop_until(&f->loop, (n = read(f->from_openssl, text + size, sizeof text - 1 - size)) == 0 ||
                             (n > 0 && (size += (size_t)n) == 0));
    text[size] = '\0';
    assert_string_equal(text, expected);
    close(f->to_openssl);
    close(f->from_openssl);
    assert_int_equal(waitpid(f->openssl, NULL, 0), f->openssl);
}

static void without_an_upstream_the_client_reads_why(void **state)
{
    struct fixture *f = *state;
    shutdown(f->upstream, SHUT_RDWR); /* refuses from now on */
    start_openssl(f);
    serve(f, true, REFUSE_DRAINING);
    assert_openssl_prints(f, "-ERR [SYS/TEMP] Service not available, try again later\r\n");
    assert_over(f);
    assert_int_equal(counter_get(&counters(f)->handshakes), 1);
    assert_int_equal(counter_get(&counters(f)->refused), 1);
    assert_int_equal(counter_get(&counters(f)->upstream_failures), 1);
    assert_int_equal(counter_get(&details(f)->refused[REFUSAL_UPSTREAM]), 1);
    assert_int_equal(counter_get(&details(f)->ends[STAGE_DIAL][FAULT_UPSTREAM]), 1);
    assert_int_equal(counted_handshakes(f), 1);
    const char *text = f->generation->targets[0].upstreams.items[0].endpoint->text;
    const struct upstream_counters *u = upstream_counters_find(details(f), upstream_key(text));
    assert_non_null(u);
    assert_int_equal(counter_get(&u->up), 0);
    assert_int_equal(counter_get(&u->failures[counter_get(&u->why)]), 1);
    assert_non_null(strstr(f->lines, " event=upstream-failed "));
    assert_non_null(strstr(f->lines, " fault=upstream end=\"refused: no upstream available\""));
}

static void one_too_many_reads_so_and_never_counts(void **state)
{
    struct fixture *f = *state;
    start_openssl(f);
    serve(f, false, REFUSE_TOO_MANY);
    assert_int_equal(counter_get(&counters(f)->active), 0);
    assert_openssl_prints(f, "-ERR [SYS/TEMP] Too many connections, try again later\r\n");
    assert_over(f);
    assert_true(accept(f->upstream, NULL, NULL) < 0); /* nobody was dialled */
}

static void bytes_go_both_ways_and_the_upstreams_end_is_the_clients(void **state)
{
    struct fixture *f = *state;
    char text[10] = "";
    int fd = -1;
    start_openssl(f);
    serve(f, true, REFUSE_DRAINING);
    /* Before the upstream is there. */
    assert_int_equal(write(f->to_openssl, "STAT\n", 5), 5);
    loop_until(&f->loop, (fd = accept4(f->upstream, NULL, NULL, SOCK_NONBLOCK)) >= 0);
    assert_int_equal(send(fd, "+OK hello\r\n", 11, 0), 11);
    loop_until(&f->loop, read(fd, text, sizeof text) == 5);
    assert_string_equal(text, "STAT\n");
    assert_int_equal(send(fd, "+OK 0 0\r\n", 9, 0), 9);
    close(fd);
    assert_openssl_prints(f, "+OK hello\r\n+OK 0 0\r\n");
    assert_over(f);
    assert_int_equal(counter_get(&counters(f)->bytes_in), 5);
    assert_int_equal(counter_get(&counters(f)->bytes_out), 20);
    assert_non_null(strstr(f->lines, " event=open "));
    assert_non_null(strstr(f->lines, " sni=mail.example "));
    assert_non_null(strstr(f->lines, " stage=relay bytes-in=5 bytes-out=20 "));
    assert_non_null(strstr(f->lines, " fault=none end=\"the upstream closed\""));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_probe_that_sends_nothing_leaves_no_line),
        CASE(nonsense_gets_an_alert_and_a_line),
        CASE(silence_ends_with_the_handshake_timeout),
        CASE(a_stop_ends_a_session_in_its_handshake),
        CASE(without_an_upstream_the_client_reads_why),
        CASE(one_too_many_reads_so_and_never_counts),
        CASE(bytes_go_both_ways_and_the_upstreams_end_is_the_clients),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
