/* scene.h - one session between a client and an upstream that the test plays: peers without
 * sockets (fake_peer.h), a clock that stands still, memory that runs out on demand. */
#ifndef TLSFRONT_TESTS_SESSION_SCENE_H
#define TLSFRONT_TESTS_SESSION_SCENE_H

#include "proxy/session/ends.h"
#include "tests/support/clients.h"
#include "tests/support/fake_peer.h"
#include "tests/support/loop.h"
#include "tests/unit/session/tls_client.h"
#include "tls/memory.h"

#include <arpa/inet.h>
#include <fcntl.h>

enum scene_route {
    POP3S,
    TCP,
    REQUIRED,
    OPTIONAL,
    HTTP,
    ALPN,
    MX,
    DIRECTORY,
    SECURED, /* upstream-tls = verify */
    /* and, all with xclient = on: */ POP3S_TELLING,
    MX_TELLING,
    IMAPS_TELLING,
    SIEVE_TELLING,
    LDAPS,
    STS,
    /* with a block for NAME, with a server and a limit of its own: */ NAMED,
    NAMED_OPTIONAL
};

#define NAME  "mail.example"
#define TOKEN "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"

/* What was told of a side already. */
struct scene_mark {
    size_t size;
    int bye;
    enum fake_ending ending;
    unsigned connects;
};

struct scene {
    uv_loop_t loop;
    struct log log;
    struct all_counters parts;
    uint8_t seed[16];
    struct sessions all;
    struct generation *generation, *keyless; /* the same, without keys */
    struct generation *serving;              /* one of them: the next client's */
    struct tls_keyring *keys;                /* those that the second lacks */
    int shared, lines, ipc, supervisor, signer;

    uint64_t clock;
    uv_timer_cb timer; /* NULL: not armed */
    uint64_t timeout;
    uv_timer_cb leaving; /* of a drain that is nearly over */

    struct session *s; /* NULL: gone, or none yet */
    bool gone;
    struct tls_client *tls;
    size_t passed; /* of what was sent to the client, to `tls` */
    struct tls_engine *far_engine;
    struct tls_conn *far; /* the upstream's end of its TLS; NULL: it is in clear */
    size_t far_passed, far_size;
    char far_text[1000]; /* all that it was told; <bye> for close_notify */
    struct scene_mark marks[2];
    int open_fails;       /* a uv error for the next client's socket */
    bool upstream_here;   /* connected at once, of the next one */
    int upstream_refuses; /* likewise: a uv error for its first */
    char log_text[1 << 16];
};

static struct scene f;
static struct fake_peer *const client = &fake_peers[FAKE_CLIENT];
static struct fake_peer *const upstream = &fake_peers[FAKE_UPSTREAM];

/* ---- time and memory, by the linker's --wrap ---- */

uint64_t __wrap_uv_now(const uv_loop_t *loop);
time_t __wrap_time(time_t *at);
int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __wrap_uv_timer_stop(uv_timer_t *t);
int __real_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat);
int __real_uv_timer_stop(uv_timer_t *t);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

uint64_t __wrap_uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return f.clock;
}

time_t __wrap_time(time_t *at)
{
    const time_t now = 1800000000; /* Fri, 15 Jan 2027 08:00:00 GMT */
    if (at != NULL)
        *at = now;
    return now;
}

int __wrap_uv_timer_start(uv_timer_t *t, uv_timer_cb cb, uint64_t timeout, uint64_t repeat)
{
    if (t == &f.all.queries.tick)
        return __real_uv_timer_start(t, cb, timeout, repeat);
    if (t == &f.all.leave.timer) {
        f.leaving = cb;
        return 0;
    }
    f.timer = cb;
    f.timeout = timeout;
    return 0;
}

int __wrap_uv_timer_stop(uv_timer_t *t)
{
    if (t == &f.all.queries.tick)
        return __real_uv_timer_stop(t);
    f.timer = NULL;
    return 0;
}

/* Only what the session itself asks for fails: tls/ has a test of its own for that. */
static long countdown = -1; /* allocations until one fails; negative: none does */
static bool in_session, of_tls, memory_ran_out;

static inline bool fails(void)
{
    const bool counts = in_session && !of_tls;
    of_tls = false;
    if (!counts || countdown < 0 || countdown-- > 0)
        return false;
    memory_ran_out = true;
    return true;
}

static inline bool tls_asks(size_t count, size_t size)
{
    (void)count, (void)size;
    of_tls = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

/* ---- setting up ---- */

static const char scene_config[] =
    "certificate mail { chain = /mail.crt key = /mail.key }\n"
    "route pop3s { listen = \"127.0.0.1:995\" protocol = pop3 certificate = {mail}\n"
    "  upstream = {\"127.0.0.1:1\", \"127.0.0.1:2\"} }\n"
    "route tcp { listen = \"127.0.0.1:996\" protocol = tcp certificate = {mail}\n"
    "  upstream = {\"127.0.0.1:1\", \"127.0.0.1:2\"} idle-timeout = 10m send-proxy = v1 }\n"
    "route required { listen = \"127.0.0.1:110\" protocol = pop3 tls = required\n"
    "  certificate = {mail} upstream = \"127.0.0.1:1\" hostname = front.example }\n"
    "route optional { listen = \"127.0.0.1:111\" protocol = pop3 tls = optional\n"
    "  certificate = {mail} upstream = \"127.0.0.1:1\" hostname = front.example }\n"
    "route http { listen = \"127.0.0.1:80\" protocol = acme tls = off challenges = \"/usr\" }\n"
    "route alpn { listen = \"127.0.0.1:443\" protocol = acme tls = implicit challenges = \"/usr\" "
    "}\n"
    "route mx { listen = \"127.0.0.1:25\" protocol = smtp tls = optional relay-risk = accepted\n"
    "  certificate = {mail} upstream = \"127.0.0.1:1\" hostname = front.example }\n"
    "route directory { listen = \"127.0.0.1:389\" protocol = ldap tls = required\n"
    "  certificate = {mail} upstream = \"127.0.0.1:1\" }\n"
    "route secured { listen = \"127.0.0.1:997\" protocol = tcp certificate = {mail}\n"
    "  upstream = {\"127.0.0.1:1\", \"127.0.0.1:2\"} upstream-tls = verify upstream-ca = "
    "/mail.crt\n"
    "  upstream-name = mail.example }\n"
    "route pop3s-telling { listen = \"127.0.0.1:1995\" protocol = pop3 certificate = {mail}\n"
    "  upstream = {\"127.0.0.1:1\", \"127.0.0.1:2\"} xclient = on greeting-timeout = 9s }\n"
    "route mx-telling { listen = \"127.0.0.1:1025\" protocol = smtp tls = optional\n"
    "  certificate = {mail} upstream = {\"127.0.0.1:1\", \"127.0.0.1:2\"} hostname = "
    "front.example\n"
    "  xclient = on }\n"
    "route imaps-telling { listen = \"127.0.0.1:1993\" protocol = imap certificate = {mail}\n"
    "  upstream = \"127.0.0.1:1\" xclient = on }\n"
    "route sieve-telling { listen = \"127.0.0.1:4190\" protocol = sieve tls = optional\n"
    "  certificate = {mail} upstream = \"127.0.0.1:1\" hostname = front.example xclient = on }\n"
    "route ldaps { listen = \"127.0.0.1:636\" protocol = ldap certificate = {mail}\n"
    "  upstream = \"127.0.0.1:1\" }\n"
    "route sts { listen = \"127.0.0.1:1443\" protocol = mta-sts certificate = {mail}\n"
    "  policy = \"/mta-sts.txt\" }\n"
    "route named { listen = \"127.0.0.1:2995\" protocol = pop3 certificate = {mail}\n"
    "  upstream = \"127.0.0.1:1\" server-name \"" NAME "\" { upstream = \"127.0.0.1:9\"\n"
    "  max-connections = 1 } }\n"
    "route named-optional { listen = \"127.0.0.1:2110\" protocol = pop3 tls = optional\n"
    "  certificate = {mail} upstream = \"127.0.0.1:1\" hostname = front.example\n"
    "  server-name \"" NAME "\" { upstream = \"127.0.0.1:9\" } }\n";

#define SCENE_POLICY "version: STSv1\nmode: none\nmax_age: 604800\n"

static inline struct generation *scene_load(enum generation_use use)
{
    char *crt = tls_client_certificate(NAME, false), *key = tls_client_key();
    struct diags d = {0};
    struct bundle *b = bundle_new();
    bundle_add(b, BUNDLE_TEXT, "/t.conf", scene_config, strlen(scene_config), NULL);
    bundle_add(b, BUNDLE_FILE, "/mail.crt", crt, strlen(crt), NULL);
    bundle_add(b, BUNDLE_FILE, "/mail.key", key, strlen(key), NULL);
    bundle_add(b, BUNDLE_FILE, "/mta-sts.txt", SCENE_POLICY, strlen(SCENE_POLICY), NULL);
    struct config *c = config_load(b, &d);
    for (size_t i = 0; i < d.count; i++)
        if (d.items[i].severity == DIAG_ERROR)
            fail_msg("%s", d.items[i].cause);
    assert_non_null(c);
    struct generation *g = generation_load(c, b, use, &d);
    assert_non_null(g);
    for (size_t i = 0; i < g->config->route_count; i++)
        g->routes[i].slot = (unsigned)i;
    for (size_t i = 0; i < g->config->server_name_count; i++)
        g->names[i].slot = (unsigned)i;
    generation_place_targets(g, DETAILS_OF_NAME(0));
    diags_free(&d);
    bundle_free(b);
    free(crt);
    free(key);
    return g;
}

static inline void scene_take_keys(void)
{
    struct err e;
    uint8_t id[TLS_KEY_ID_SIZE], der[TLS_KEY_DER_MAX];
    const size_t size = tls_identity_export_key(f.generation->identities[0], id, der);
    f.keys = tls_keyring_new();
    assert_int_equal(tls_keyring_add(f.keys, id, TLS_KEY_SERVES, (struct tls_slice){der, size}, &e),
                     0);
}

static inline int scene_group_setup(void **state)
{
    struct err e;
    int ends[2], pair[2];
    (void)state;
    if (tls_init(&e) != 0 || pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    uv_loop_init(&f.loop);
    f.clock = 1000000;
    f.shared = counters_create(&e);
    f.all = (struct sessions){.loop = &f.loop,
                              .log = &f.log,
                              .engine = tls_engine_new(&e),
                              .counters = counters_map_own(f.shared),
                              .parts = &f.parts,
                              .worker_count = 1,
                              .seed = f.seed,
                              .limit = 1000};
    f.lines = ends[0];
    f.ipc = pair[0];
    f.supervisor = pair[1];
    sessions_init(&f.all, f.ipc);
    log_init(&f.log, "worker-0");
    log_redirect(&f.log, LOG_TARGET_FILE, ends[1]);
    f.log.level = LOG_LEVEL_DEBUG;
    f.far_engine = tls_engine_new(&e);
    f.generation = f.serving = scene_load(GENERATION_JUDGED);
    f.keyless = scene_load(GENERATION_SERVED);
    f.signer = -1;
    scene_take_keys();
    memory_gate = tls_asks;
    f.parts.parts[0] = f.all.counters;
    return f.all.counters != NULL && f.all.engine != NULL ? 0 : -1;
}

static inline int scene_group_teardown(void **state)
{
    (void)state;
    memory_gate = NULL;
    sessions_close(&f.all);
    generation_free(f.generation);
    generation_free(f.keyless);
    tls_keyring_free(f.keys);
    while (uv_run(&f.loop, UV_RUN_DEFAULT) != 0)
        continue;
    assert_int_equal(uv_loop_close(&f.loop), 0);
    tls_engine_free(f.all.engine);
    tls_engine_free(f.far_engine);
    counters_unmap_all(&f.parts);
    log_close(&f.log);
    close(f.shared);
    close(f.lines);
    close(f.ipc);
    close(f.supervisor);
    if (f.signer >= 0)
        close(f.signer);
    return 0;
}

/* ---- watching ---- */

static inline void on_ended(void *arg)
{
    (void)arg;
    f.gone = true;
}

/* The client's TLS takes what has come for it. */
static inline void pass_on(void)
{
    if (f.tls == NULL)
        return;
    tls_client_hear(f.tls, client->sent + f.passed, client->sent_size - f.passed);
    f.passed = client->sent_size;
}

/* What has come for the upstream's TLS; *wire is what it has to say to that. */
static inline void far_hears(struct tls_slice *wire)
{
    struct tls_io io = {0};
    const enum tls_status before = tls_conn_status(f.far);
    const enum tls_status status = tls_conn_receive(f.far, upstream->sent + f.far_passed,
                                                    upstream->sent_size - f.far_passed, &io);
    f.far_passed = upstream->sent_size;
    f.far_size += (size_t)snprintf(f.far_text + f.far_size, sizeof f.far_text - f.far_size,
                                   "%.*s%s", (int)io.plain.size, (const char *)io.plain.data,
                                   status == TLS_EOF && before != status ? "<bye>" : "");
    *wire = io.wire;
}

/* An event is over. */
static inline void over(void)
{
    struct tls_slice nothing;
    in_session = false;
    pass_on();
    if (f.far != NULL && tls_conn_status(f.far) != TLS_HANDSHAKE)
        far_hears(&nothing);
}

/* What a side has got since the last time, and what became of its connection: <dialled>, <bye> for
 * close_notify, <alert N>, then <fin>, <close> or <reset>. */
static inline const char *got(enum fake_side side, const char *text, size_t size)
{
    static const char *const endings[] = {"", "<fin>", "<close>", "<reset>"};
    static char out[2][70000];
    const struct fake_peer *p = &fake_peers[side];
    struct scene_mark *m = &f.marks[side];
    const int bye = side == FAKE_CLIENT && f.tls != NULL ? tls_client_last_word(f.tls) : 0;
    char word[32] = "";
    if (bye != m->bye)
        snprintf(word, sizeof word, bye == TLS_CLIENT_BYE ? "<bye>" : "<alert %d>", bye);
    snprintf(out[side], sizeof out[side], "%s%.*s%s%s",
             p->connects > m->connects ? "<dialled>" : "", (int)(size - m->size), text + m->size,
             word, p->ending != m->ending || p->connects > m->connects ? endings[p->ending] : "");
    *m = (struct scene_mark){size, bye, p->ending, p->connects};
    return out[side];
}

static inline const char *client_got(void)
{
    if (f.tls == NULL)
        return got(FAKE_CLIENT, (char *)client->sent, client->sent_size);
    const char *text = tls_client_text(f.tls);
    return got(FAKE_CLIENT, text, strlen(text));
}

static inline const char *upstream_got(void)
{
    if (f.far != NULL)
        return got(FAKE_UPSTREAM, f.far_text, f.far_size);
    return got(FAKE_UPSTREAM, (char *)upstream->sent, upstream->sent_size);
}

/* Lines of that kind since the session's beginning; f.log_text has them all. */
static inline unsigned logged(const char *event)
{
    char word[64];
    unsigned count = 0;
    const size_t size = strlen(f.log_text);
    const ssize_t n = read(f.lines, f.log_text + size, sizeof f.log_text - 1 - size);
    f.log_text[size + (n > 0 ? (size_t)n : 0)] = '\0';
    snprintf(word, sizeof word, " event=%s ", event);
    for (const char *at = f.log_text; (at = strstr(at, word)) != NULL; at += strlen(word))
        count++;
    return count;
}

/* ---- what happens ---- */

static inline void arrive_as(enum scene_route route, bool announced, struct admission admission)
{
    static struct sockaddr_in from;
    from = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xc0000201)};
    struct newcomer n = {.fd = -1,
                         .generation = f.serving,
                         .route = &f.serving->routes[route],
                         .announced = announced,
                         .admission = admission};
    memcpy(&n.client, &from, sizeof from);
    fake_reset();
    client->refuses = f.open_fails;
    f.open_fails = 0;
    upstream->here = f.upstream_here;
    upstream->refuses = f.upstream_refuses;
    f.upstream_here = false;
    f.upstream_refuses = 0;
    memset(f.marks, 0, sizeof f.marks);
    f.all.queries.left = 128; /* as with every tick */
    f.passed = 0;
    f.gone = false;
    f.log_text[0] = '\0';
    memory_ran_out = false;
    f.all.ended = on_ended;
    counter_add(&f.all.counters->route[route].active, admission.admitted);
    f.all.courtesies += admission.courtesy;
    in_session = true;
    session_start(&f.all, &n);
    in_session = false;
    f.s = link_empty(&f.all.members) ? NULL
                                     : container_of(f.all.members.next, struct session, member);
    f.gone = f.s == NULL;
}

static inline void arrive(enum scene_route route)
{
    arrive_as(route, false, (struct admission){.admitted = true});
}

static inline void client_sends(const void *data, size_t size)
{
    uint8_t *copy = malloc(size + 1); /* data[size] is there, and may be written to */
    memcpy(copy, data, size);
    assert_true(client->peer->reading);
    in_session = true;
    client->peer->events->data(client->peer, copy, size);
    free(copy);
    over();
}

/* What its TLS has to send, or as it is. */
static inline void tls_sends(void)
{
    size_t size;
    const uint8_t *data = tls_client_take(f.tls, &size);
    if (size > 0)
        client_sends(data, size);
}

static inline void client_says(const char *text)
{
    if (f.tls == NULL) {
        client_sends(text, strlen(text));
        return;
    }
    tls_client_say(f.tls, text);
    tls_sends();
}

static inline void begin_tls_as(const char *alpn)
{
    f.tls = tls_client_new(NAME, alpn);
    f.passed = client->sent_size;
    f.marks[FAKE_CLIENT] = (struct scene_mark){0};
    tls_sends();
}

/* The whole handshake. */
static inline void begin_tls(void)
{
    begin_tls_as(NULL);
    tls_sends();
    assert_true(tls_client_open(f.tls));
}

static inline void client_ends(void)
{
    client->peer->reading = false;
    client->peer->eof = true;
    in_session = true;
    client->peer->events->eof(client->peer);
    over();
}

static inline void breaks(struct fake_peer *p)
{
    p->peer->life = PEER_BROKEN;
    p->peer->reading = false;
    in_session = true;
    p->peer->events->error(p->peer, UV_ECONNRESET);
    over();
}

static inline void client_breaks(void)
{
    breaks(client);
}

static inline void upstream_connects(int status)
{
    if (status == 0)
        upstream->peer->life = PEER_OPEN;
    in_session = true;
    upstream->peer->events->connected(upstream->peer, status);
    over();
}

static inline void upstream_sends(const void *data, size_t size)
{
    static uint8_t copy[20000];
    assert_true(upstream->peer->reading && size < sizeof copy);
    memcpy(copy, data, size);
    in_session = true;
    upstream->peer->events->data(upstream->peer, copy, size);
    over();
}

/* Through its TLS once that stands. */
static inline void upstream_says(const char *text)
{
    struct tls_io io = {.wire = {(const uint8_t *)text, strlen(text)}};
    char copy[1000];
    snprintf(copy, sizeof copy, "%s", text);
    if (f.far != NULL && tls_conn_status(f.far) != TLS_HANDSHAKE)
        tls_conn_send(f.far, (uint8_t *)copy, strlen(copy), &io);
    upstream_sends(io.wire.data, io.wire.size);
}

/* The rest of its handshake. */
static inline void upstream_shakes(void)
{
    struct tls_slice wire;
    far_hears(&wire);
    upstream_sends(wire.data, wire.size);
    far_hears(&wire);
    assert_int_equal(tls_conn_status(f.far), TLS_OPEN);
}

static inline void upstream_says_bye(void)
{
    struct tls_io io = {0};
    tls_conn_close(f.far, &io);
    upstream_sends(io.wire.data, io.wire.size);
}

static inline void upstream_ends(void)
{
    upstream->peer->reading = false;
    upstream->peer->eof = true;
    in_session = true;
    upstream->peer->events->eof(upstream->peer);
    over();
}

static inline void upstream_breaks(void)
{
    breaks(upstream);
}

static inline void closes(struct fake_peer *p)
{
    in_session = true;
    fake_finish_closing(p);
    over();
}

static inline void drains(struct fake_peer *p)
{
    in_session = true;
    fake_drain(p);
    over();
}

static inline void time_passes(uint64_t ms)
{
    f.clock += ms;
    assert_non_null(f.timer);
    in_session = true;
    f.timer(&f.s->timer);
    over();
}

/* Exactly as long as the timer was set for. */
static inline void times_out(void)
{
    time_passes(f.timeout);
}

static inline void is_stopped(void)
{
    in_session = true;
    sessions_stop(&f.all);
    over();
}

/* In a drain's last part. */
static inline void drain_goes_on(void)
{
    in_session = true;
    f.leaving(&f.all.leave.timer);
    over();
}

/* It begins, and so much of it is over. */
static inline void drain_ends(uint64_t lasts, uint64_t passed)
{
    leave_begin(&f.all.leave, lasts);
    f.clock += passed;
    drain_goes_on();
}

static inline void turn_of_the_loop(void)
{
    in_session = true;
    uv_run(&f.loop, UV_RUN_NOWAIT);
    over();
}

/* The supervisor's answer to the question that is out. */
static inline void supervisor_says(enum challenge_outcome outcome, const char *crt, const char *key)
{
    static struct ipc_message m;
    static struct ipc_challenge_answer a;
    struct ipc_challenge_query asked;
    assert_int_equal(ipc_receive(f.supervisor, &m), 1);
    memcpy(&asked, m.payload, sizeof asked);
    memset(&a, 0, sizeof a);
    a.serial = asked.serial;
    a.outcome = outcome;
    a.challenge.size[0] = crt != NULL ? strlen(crt) : 0;
    a.challenge.size[1] = key != NULL ? strlen(key) : 0;
    if (crt != NULL)
        memcpy(a.challenge.bytes, crt, a.challenge.size[0]);
    if (key != NULL)
        memcpy(a.challenge.bytes + a.challenge.size[0], key, a.challenge.size[1]);
    ipc_begin(&m, IPC_CHALLENGE_ANSWER, 0);
    ipc_append(&m, &a, sizeof a);
    in_session = true;
    queries_answered(&f.all.queries, &m);
    over();
}

/* NULL: there is nothing. */
static inline void supervisor_answers(const char *crt, const char *key)
{
    supervisor_says(crt != NULL ? CHALLENGE_FOUND : CHALLENGE_NONE, crt, key);
}

/* A signer that is there, or another one. */
static inline void signer_comes(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    if (f.signer >= 0)
        close(f.signer);
    f.signer = pair[1];
    signings_use(&f.all.signings, pair[0]);
    uv_run(&f.loop, UV_RUN_NOWAIT);
}

/* Its answer to the request that is out. */
static inline void signer_answers(bool signs)
{
    static struct ipc_message m;
    struct ipc_sign asked;
    struct ipc_signed answer = {0};
    assert_int_equal(ipc_receive(f.signer, &m), 1);
    assert_int_equal(m.type, IPC_SIGN);
    assert_true(ipc_take(&m, &asked, sizeof asked));
    answer.serial = asked.serial;
    answer.outcome =
        signs ? tls_keyring_sign(f.keys, &asked.request, &answer.signature) : TLS_SIGNED_BY_NOBODY;
    ipc_begin(&m, IPC_SIGNED, 0);
    ipc_append(&m, &answer, sizeof answer);
    assert_int_equal(ipc_send(f.signer, &m), 0);
    in_session = true;
    uv_run(&f.loop, UV_RUN_NOWAIT);
    over();
}

/* ---- the end ---- */

static inline void assert_nothing_counted(void)
{
    for (size_t i = 0; i < f.generation->config->route_count; i++) {
        assert_int_equal(counter_get(&f.all.counters->route[i].active), 0);
        assert_int_equal(counter_get(&f.all.counters->route[i].handshaking), 0);
    }
    for (size_t i = 0; i < f.generation->config->server_name_count; i++)
        assert_int_equal(counter_get(&f.all.counters->name[i].active), 0);
    assert_no_clients(&f.all.counters->clients);
}

/* Whatever was going on: the session goes, and nothing of it is left. */
static inline void finish(void)
{
    static struct ipc_message m;
    if (!f.gone)
        is_stopped();
    for (int side = FAKE_CLIENT; side <= FAKE_UPSTREAM; side++)
        fake_finish_closing(&fake_peers[side]);
    for (int turns = 0; !f.gone && turns < 10; turns++)
        uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_true(f.gone);
    assert_in_range(logged("end"), memory_ran_out ? 0 : 1, 1); /* the line wants memory, too */
    assert_int_equal(f.all.count + f.all.courtesies, 0);
    assert_true(link_empty(&f.all.members));
    assert_true(link_empty(&f.all.turns.waiting));
    assert_true(link_empty(&f.all.queries.waiting) && link_empty(&f.all.queries.sent));
    assert_true(link_empty(&f.all.signings.waiting) && link_empty(&f.all.signings.sent));
    assert_int_equal(f.generation->references, 1);
    assert_int_equal(f.keyless->references, 1);
    f.serving = f.generation;
    assert_null(client->peer);
    assert_null(upstream->peer);
    assert_nothing_counted();
    while (ipc_receive(f.supervisor, &m) == 1)
        continue;
    for (size_t i = 0; i < f.generation->config->target_count; i++)
        for (size_t u = 0; u < f.generation->targets[i].upstreams.count; u++)
            f.generation->targets[i].upstreams.items[u].addresses[0].down_until = 0;
    tls_client_free(f.tls);
    f.tls = NULL;
    tls_conn_free(f.far);
    f.far = NULL;
    f.s = NULL;
}

#endif
