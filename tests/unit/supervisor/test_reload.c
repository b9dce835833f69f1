/* test_reload.c - the transaction from one configuration to the next, with workers, a resolver and
 * callers that do what the test says: the linker takes those below, and leaves the library's out.
 */
#include "proxy/base/exits.h"
#include "proxy/supervisor/reload.h"
#include "tests/support/files.h"
#include "tests/support/listen_config.h"
#include "tests/support/loop.h"

#include <sys/socket.h>
#include <sys/un.h>

#define CONFIGURATION "user = nobody\nlog = \"@/new.log\"\n" ROUTE_A
#define ROUTE_A                                                                                    \
    "certificate one { chain = one.pem }\n"                                                        \
    "route a { listen = \"unix:@/a.sock\" protocol = pop3 certificate = one\n"                     \
    "  upstream = \"127.0.0.1:1\" }\n"
#define NAMED_ROUTE                                                                                \
    "route b { listen = \"unix:@/b.sock\" protocol = imap certificate = one\n"                     \
    "  upstream = \"mail.invalid:143\" }\n"
#define ANOTHER_ROUTE                                                                              \
    "route b { listen = \"unix:@/b.sock\" protocol = imap certificate = one\n"                     \
    "  upstream = \"127.0.0.1:1\" }\n"

static uv_loop_t loop;
static struct log logger;
static struct workers workers;
static struct listeners listeners;
static struct reload reload;
static char configuration[80];

/* ---- the workers ---- */

static struct {
    unsigned alive, aborted, replaced, reserved;
    unsigned patience_ms; /* 0: the test has no time */
    bool no_room;
} w;

int workers_reserve(struct workers *ws, unsigned count, struct err *e)
{
    (void)ws;
    w.reserved = w.no_room ? 0 : count;
    return w.no_room ? err_set(e, "too many") : 0;
}

void workers_give_back(struct workers *ws)
{
    (void)ws;
    w.reserved = 0;
}

void workers_prepare(struct workers *ws, struct release *next)
{
    assert_int_equal(w.reserved, next->workers);
    ws->next = *next;
    *next = (struct release){0};
}

void workers_commit(struct workers *ws)
{
    release_clear(&ws->current);
    ws->current = ws->next;
    ws->next = (struct release){0};
    w.alive = ws->current.workers;
}

void workers_abort(struct workers *ws)
{
    w.aborted++;
    release_clear(&ws->next);
}

void workers_replace_late(struct workers *ws, uint32_t number, bool committed)
{
    assert_int_equal(number, committed ? ws->current.number : ws->next.number);
    w.replaced++;
}
void workers_name_late(const struct workers *ws, uint32_t number, bool committed, struct buf *out)
{
    assert_int_equal(number, committed ? ws->current.number : ws->next.number);
    buf_puts(out, "worker 7 (process 99)");
}

unsigned workers_alive(const struct workers *ws)
{
    (void)ws;
    return w.alive;
}

uint32_t workers_oldest(const struct workers *ws)
{
    return ws->current.number;
}

uint64_t workers_timeout(const struct workers *ws, uint64_t usual_ms)
{
    (void)ws;
    assert_true(usual_ms > 1000);
    return w.patience_ms > 0 ? w.patience_ms : 1;
}

/* ---- the loader: the library's own, but for the time that it takes ---- */

static unsigned loading_ms;

bool __real_load_configuration(const char *path, struct candidate *out, struct diags *d);
bool __wrap_load_configuration(const char *path, struct candidate *out, struct diags *d);

bool __wrap_load_configuration(const char *path, struct candidate *out, struct diags *d)
{
    usleep(loading_ms * 1000);
    return __real_load_configuration(path, out, d);
}

/* ---- the sandbox ---- */

static struct {
    unsigned entered;
    bool too_narrow;
} confined;

void confinement_enter(struct confinement *k, const struct config *c)
{
    (void)k;
    assert_non_null(c);
    confined.entered++;
}

bool confinement_judge(const struct confinement *k, const struct config *c, struct diags *d)
{
    (void)k;
    if (confined.too_narrow)
        diag_add(d, DIAG_ERROR, &c->log_file.at, "restart the daemon", "given up");
    return !confined.too_narrow;
}

/* ---- the resolver ---- */

static bool names_settled;
static const struct config *names_of;

int resolver_add(struct resolver *r, const struct config *c)
{
    (void)r;
    names_of = c;
    return 0;
}

void resolver_keep(struct resolver *r, const struct config *c)
{
    (void)r;
    names_of = c;
}

bool resolver_settled(const struct resolver *r)
{
    (void)r;
    return names_settled;
}

bool resolver_awaits(const struct resolver *r, const struct endpoint *e)
{
    (void)r;
    (void)e;
    return !names_settled;
}
const char *resolver_failure(const struct resolver *r, const struct endpoint *e)
{
    (void)r;
    (void)e;
    return "no such name";
}

const struct upstream_address *resolver_find(const struct resolver *r, const struct endpoint *e,
                                             size_t *count)
{
    (void)r, (void)e;
    *count = 0;
    return NULL;
}

/* ---- who asks ---- */

struct control_request {
    int status; /* -1: not answered yet */
    char text[2000];
};

void control_answer(struct control_request *request, int status, const struct buf *text)
{
    assert_int_equal(request->status, -1); /* each once */
    request->status = status;
    snprintf(request->text, sizeof request->text, "%.*s", (int)text->size,
             (const char *)text->data);
}

static struct control_request asks(void)
{
    return (struct control_request){.status = -1};
}

/* ---- the owner ---- */

static struct {
    unsigned begun, committed, shown, rehearsed, finished;
    const struct generation *next;
    bool refuses, is_deaf, committed_log;
    struct reload_outcome outcome;
    char text[1200];
    struct control_request *asks_again; /* out of `finished` */
} owner;

static void begun(void *arg)
{
    (void)arg;
    owner.begun++;
}

static int claim(void *arg, const struct config *c, struct diags *d)
{
    (void)arg;
    if (owner.refuses)
        diag_add(d, DIAG_ERROR, &c->control_at, "choose another", "the owner refuses");
    return owner.refuses ? -1 : 0;
}

static void commit(void *arg, struct generation *g, const struct candidate *l, int log_fd)
{
    (void)arg;
    assert_ptr_equal(g, workers.next.generation);
    assert_non_null(l->bundle);
    owner.committed++;
    owner.committed_log = log_fd >= 0;
    owner.next = g;
    log_close_target(log_fd);
}

static void committed(void *arg, const struct generation *g, struct diags *d)
{
    (void)arg;
    assert_ptr_equal(g, owner.next);
    assert_ptr_equal(g, workers.current.generation);
    if (owner.is_deaf)
        diag_add(d, DIAG_ERROR, NULL, NULL, "somebody listens there");
    owner.shown++;
}

static void finished(void *arg, const struct reload_outcome *outcome)
{
    (void)arg;
    owner.finished++;
    owner.outcome = *outcome;
    snprintf(owner.text, sizeof owner.text, "%s", outcome->text);
    assert_int_equal(reload.stage, RELOAD_IDLE);
    if (owner.asks_again != NULL) {
        struct control_request *request = owner.asks_again;
        owner.asks_again = NULL;
        reload_request(&reload, request);
    }
}

/* A rehearsal ends here. */
static void rehearsed(void *arg, const struct candidate *l)
{
    (void)arg;
    assert_non_null(l->bundle);
    owner.rehearsed++;
}

static const struct reload_events events = {begun, claim, commit, committed, rehearsed, finished};

/* ---- the stage ---- */

static int begin(void **state)
{
    struct err e;
    (void)state;
    memset(&owner, 0, sizeof owner);
    memset(&w, 0, sizeof w);
    memset(&confined, 0, sizeof confined);
    names_settled = true;
    files_begin(&logger);
    files_path("t.conf", configuration);
    files_configure("t.conf", CONFIGURATION);
    files_save_certificate("one.pem", 1, 90);
    uv_loop_init(&loop);
    workers = (struct workers){0};
    listeners = (struct listeners){0};
    const struct reload_parts with = {.loop = &loop,
                                      .log = &logger,
                                      .path = configuration,
                                      .workers = &workers,
                                      .listeners = &listeners};
    reload_init(&reload, &with, &events, NULL);
    return tls_init(&e);
}

static int end(void **state)
{
    (void)state;
    reload_close(&reload);
    loop_end(&loop);
    listeners_close(&listeners);
    reload_free(&reload);
    release_clear(&workers.current);
    release_clear(&workers.next);
    files_end(&logger);
    return 0;
}

static char said[2000];

static int first(void)
{
    struct buf text;
    buf_init(&text, sizeof said);
    const int status = reload_first(&reload, &text);
    snprintf(said, sizeof said, "%.*s", (int)text.size, text.data != NULL ? (char *)text.data : "");
    buf_free(&text);
    return status;
}

static void start(void)
{
    assert_int_equal(first(), 0);
    reload_committed(&reload, 1);
    assert_int_equal(owner.finished, 1);
    assert_int_equal(workers.current.number, 1);
    files_logged();
}

static void assert_in_service(uint32_t number)
{
    assert_int_equal(workers.current.number, number);
    assert_int_equal(workers.next.number, 0);
    assert_ptr_equal(names_of, workers.current.generation->config);
    assert_int_equal(reload.stage, RELOAD_IDLE);
}

/* ---- the first ---- */

static void the_first_is_committed_without_asking_anybody(void **state)
{
    (void)state;
    assert_int_equal(first(), 0);
    assert_int_equal(owner.committed, 1);
    assert_int_equal(owner.shown, 1);
    assert_true(owner.committed_log);
    assert_int_equal(owner.finished, 0); /* the workers that it started have to load it */
    reload_committed(&reload, 1);
    assert_int_equal(owner.finished, 1);
    assert_true(owner.outcome.first);
    assert_int_equal(owner.outcome.status, 0);
    assert_non_null(strstr(owner.text, "generation 1 in service: 1 route, 1 certificate, "));
    assert_non_null(strstr(files_logged(), "event=started"));
    assert_in_service(1);
}

static void a_first_that_cannot_be_is_an_exit_status(void **state)
{
    (void)state;
    files_configure("t.conf", "route {");
    assert_int_equal(first(), EXIT_CONFIGURATION);
    assert_int_equal(owner.committed, 0);
    assert_non_null(strstr(said, "t.conf:1: error: "));
    assert_non_null(strstr(said, "tlsfront: the configuration has errors"));
}

/* ---- the first of a new image ---- */

static void over_an_upgrade_the_first_is_committed_when_all_are_prepared(void **state)
{
    (void)state;
    workers.careful = true;
    assert_int_equal(first(), 0);
    assert_int_equal(owner.committed, 0);
    assert_int_equal(workers.next.number, 1);
    reload_prepared(&reload, 1);
    assert_int_equal(owner.committed, 1);
    reload_committed(&reload, 1);
    assert_in_service(1);
}

static void what_was_judged_before_is_not_read_again(void **state)
{
    (void)state;
    struct candidate judged;
    struct diags d = {0};
    struct buf text;
    assert_true(load_configuration(configuration, &judged, &d));
    struct bundle *b = judged.bundle;
    judged.bundle = NULL;
    candidate_free(&judged);
    diags_free(&d);
    files_configure("t.conf", "route {");
    buf_init(&text, sizeof said);
    assert_int_equal(reload_first_with(&reload, b, &text), 0);
    buf_free(&text);
    reload_committed(&reload, 1);
    assert_in_service(1);
}

static void a_rehearsal_ends_when_all_are_prepared(void **state)
{
    (void)state;
    workers.careful = reload.rehearsal = true;
    assert_int_equal(first(), 0);
    reload_prepared(&reload, 1);
    assert_int_equal(owner.rehearsed, 1);
    assert_int_equal(owner.committed, 0);
    assert_false(uv_is_active((uv_handle_t *)&reload.timer));
}

static void a_rehearsal_that_a_worker_refuses_is_over(void **state)
{
    (void)state;
    workers.careful = reload.rehearsal = true;
    assert_int_equal(first(), 0);
    reload_refused(&reload, 1, "no room");
    assert_int_equal(owner.rehearsed, 0);
    assert_int_equal(owner.outcome.status, EXIT_RUNTIME);
    assert_non_null(strstr(owner.text, "no room"));
}

static void the_sandbox_is_entered_once(void **state)
{
    (void)state;
    start();
    assert_int_equal(confined.entered, 1);
    reload_request(&reload, NULL);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(confined.entered, 1);
}

static void where_it_is_off_no_sandbox_is_entered(void **state)
{
    (void)state;
    files_configure("t.conf", "sandbox = off\n" CONFIGURATION);
    start();
    assert_int_equal(confined.entered, 0);
}

/* ---- the next ---- */

static void what_the_sandbox_does_not_allow_is_refused_and_not_tried(void **state)
{
    (void)state;
    char path[80];
    struct control_request one = asks();
    start();
    confined.too_narrow = true;
    files_configure("t.conf", "log = \"@/narrow.log\"\nuser = nobody\n" ROUTE_A);
    reload_request(&reload, &one);
    assert_int_equal(one.status, EXIT_CONFIGURATION);
    assert_non_null(strstr(one.text, "cure: restart the daemon"));
    files_path("narrow.log", path);
    assert_int_equal(access(path, F_OK), -1);
    assert_in_service(1);
}

static void a_caller_hears_what_has_changed_when_all_have_it(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    files_configure("t.conf", CONFIGURATION ANOTHER_ROUTE);
    reload_request(&reload, &one);
    assert_int_equal(reload.stage, RELOAD_PREPARING);
    assert_int_equal(owner.committed, 1);
    reload_prepared(&reload, 2);
    assert_int_equal(reload.stage, RELOAD_COMMITTING);
    assert_int_equal(one.status, -1);
    reload_committed(&reload, 2);
    assert_int_equal(one.status, 0);
    assert_non_null(strstr(one.text, "route b"));
    assert_non_null(strstr(one.text, "generation 2 in service"));
    assert_false(owner.committed_log); /* it is the same */
    assert_false(owner.outcome.first);
    assert_non_null(strstr(files_logged(), "event=reloaded"));
    assert_in_service(2);
}

static void what_is_said_of_another_generation_or_too_late_is_nothing(void **state)
{
    (void)state;
    start();
    reload_prepared(&reload, 1);
    reload_refused(&reload, 1, "why");
    reload_committed(&reload, 1);
    reload_settled(&reload);
    assert_in_service(1);
    reload_request(&reload, NULL);
    reload_prepared(&reload, 1);
    reload_prepared(&reload, 3);
    reload_refused(&reload, 1, "why");
    reload_committed(&reload, 2);
    assert_int_equal(reload.stage, RELOAD_PREPARING);
    reload_prepared(&reload, 2);
    reload_refused(&reload, 2, "why");
    reload_committed(&reload, 1);
    assert_int_equal(reload.stage, RELOAD_COMMITTING);
    reload_committed(&reload, 2);
    assert_in_service(2);
}

static void who_asks_meanwhile_gets_one_that_begins_later(void **state)
{
    (void)state;
    struct control_request one = asks(), two = asks(), three = asks();
    start();
    reload_request(&reload, &one);
    reload_request(&reload, &two);
    reload_request(&reload, &three);
    assert_int_equal(owner.begun, 1);
    reload_prepared(&reload, 2);
    files_configure("t.conf", CONFIGURATION ANOTHER_ROUTE);
    reload_committed(&reload, 2);
    assert_int_equal(one.status, 0);
    assert_null(strstr(one.text, "route b"));
    assert_int_equal(two.status, -1);
    assert_int_equal(owner.begun, 2);
    reload_prepared(&reload, 3);
    reload_committed(&reload, 3);
    assert_int_equal(two.status, 0);
    assert_int_equal(three.status, 0);
    assert_non_null(strstr(three.text, "route b"));
    assert_int_equal(owner.begun, 2);
    assert_in_service(3);
}

static void one_may_be_asked_for_when_one_has_ended(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    owner.asks_again = &one;
    reload_request(&reload, NULL);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    reload_prepared(&reload, 3);
    reload_committed(&reload, 3);
    assert_int_equal(one.status, 0);
    assert_in_service(3);
}

/* ---- refusals ---- */

static void a_mistake_is_told_and_changes_nothing(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    files_configure("t.conf", CONFIGURATION "route c { protocol = gopher }\n");
    reload_request(&reload, &one);
    assert_int_equal(one.status, EXIT_CONFIGURATION);
    assert_non_null(strstr(one.text, "t.conf:6"));
    assert_non_null(strstr(one.text, "generation 1 stays in service"));
    assert_int_equal(owner.outcome.status, EXIT_CONFIGURATION);
    assert_int_equal(w.aborted, 0); /* no worker was asked */
    assert_in_service(1);
    files_configure("t.conf", CONFIGURATION);
    reload_request(&reload, NULL);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_in_service(2);
}

static void what_the_owner_cannot_have_is_refused(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    owner.refuses = true;
    reload_request(&reload, &one);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "the owner refuses"));
    assert_in_service(1);
}

static void more_workers_than_there_is_room_for_are_refused(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    w.no_room = true;
    files_configure("t.conf", CONFIGURATION ANOTHER_ROUTE);
    reload_request(&reload, &one);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "error: too many"));
    assert_non_null(strstr(one.text, "reload refused: there is no room for the workers"));
    assert_int_equal(listeners.count, 1);
    assert_in_service(1);
    w.no_room = false;
    reload_request(&reload, NULL);
    reload_cancel(&reload);
    assert_int_equal(w.reserved, 0);
}

/* What another process has, and check cannot tell from what is ours. */
static int listen_elsewhere(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    files_path(name, at.sun_path);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

static void an_address_that_is_taken_is_refused_and_the_others_given_back(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    const int taken = listen_elsewhere("taken.sock");
    const unsigned open = open_descriptors();
    files_configure("t.conf", CONFIGURATION ANOTHER_ROUTE
                    "route c { listen = \"unix:@/taken.sock\" protocol = imap certificate = one\n"
                    "  upstream = \"127.0.0.1:1\" }\n");
    reload_request(&reload, &one);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_int_equal(listeners.count, 1);
    assert_int_equal(open_descriptors(), open);
    assert_in_service(1);
    close(taken);
}

static void what_a_worker_cannot_load_is_refused_with_its_words(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    files_configure("t.conf", CONFIGURATION ANOTHER_ROUTE);
    reload_request(&reload, &one);
    reload_refused(&reload, 2, "out of memory");
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "a worker could not load it: out of memory"));
    assert_int_equal(w.aborted, 1);
    assert_int_equal(listeners.count, 1);
    assert_in_service(1);
}

static void a_worker_that_does_not_load_it_is_replaced_once(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    reload_request(&reload, &one);
    loop_until(&loop, w.replaced == 1);
    assert_int_equal(one.status, -1);
    loop_until(&loop, one.status != -1);
    assert_int_equal(w.replaced, 1);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "worker 7 (process 99) did not get ready in time"));
    assert_in_service(1);
}

static void a_worker_that_does_not_take_over_is_told_of_and_it_stays_in_service(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    reload_request(&reload, &one);
    reload_prepared(&reload, 2);
    loop_until(&loop, one.status != -1);
    assert_int_equal(w.replaced, 1);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "worker 7 (process 99) did not take over the new generation"));
    assert_non_null(strstr(files_logged(), "event=reload-incomplete"));
    assert_int_equal(w.aborted, 0);
    assert_in_service(2);
}

static void who_was_ready_at_the_last_moment_has_time_to_take_over(void **state)
{
    (void)state;
    enum { LONG_MS = 60000, MOMENT_MS = 10 };
    start();
    w.patience_ms = LONG_MS;
    reload_request(&reload, NULL);
    uv_timer_start(&reload.timer, reload.timer.timer_cb, MOMENT_MS, 0);
    reload_prepared(&reload, 2);
    assert_int_equal(reload.stage, RELOAD_COMMITTING);
    assert_true(uv_timer_get_due_in(&reload.timer) > MOMENT_MS);
    reload_committed(&reload, 2);
    assert_in_service(2);
}

static void a_first_that_nobody_can_listen_for_is_not_said_to_be_in_service(void **state)
{
    (void)state;
    owner.is_deaf = true;
    assert_int_equal(first(), 0);
    reload_committed(&reload, 1);
    assert_int_equal(owner.outcome.status, EXIT_RUNTIME);
    assert_null(strstr(owner.text, "in service"));
    assert_null(strstr(files_logged(), "reload-incomplete"));
}

static void other_route_on(uint16_t port)
{
    char text[1000];
    snprintf(text, sizeof text,
             CONFIGURATION "route b { listen = \"127.0.0.1:%u\" protocol = imap certificate = one\n"
                           "  upstream = \"127.0.0.1:1\" }\n",
             port);
    files_configure("t.conf", text);
}

static int listen_on_port(uint16_t port)
{
    static const int on = 1;
    const struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 1), 0);
    return fd;
}

/* Between bind() and listen(); the rest is in service. */
static void an_address_that_another_takes_meanwhile_is_told_of_and_had_later(void **state)
{
    (void)state;
    struct control_request one = asks();
    const uint16_t port = free_port();
    start();
    other_route_on(port);
    reload_request(&reload, &one);
    const int other = listen_on_port(port);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "route b: cannot listen on 127.0.0.1:"));
    assert_non_null(strstr(one.text, "`ss -ltnp`"));
    assert_non_null(strstr(one.text, "generation 2 is in service, but not on every address"));
    assert_non_null(strstr(files_logged(), "event=reload-incomplete"));
    assert_in_service(2);
    close(other);
    loop_until(&loop, !listeners_deaf(&listeners));
    assert_non_null(strstr(files_logged(), "event=listening"));
}

static void what_the_owner_finds_at_the_commit_is_told(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    owner.is_deaf = true;
    reload_request(&reload, &one);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(one.status, EXIT_RUNTIME);
    assert_non_null(strstr(one.text, "somebody listens there"));
    assert_in_service(2);
}

/* They would be read again and again for its sake. */
static void of_files_alone_a_deaf_address_is_no_failure(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    start();
    owner.is_deaf = true;
    assert_true(load_configuration(configuration, &l, &d));
    reload_files(&reload, l.bundle);
    candidate_free(&l);
    diags_free(&d);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(owner.outcome.status, 0);
    assert_non_null(strstr(files_logged(), "somebody listens there"));
}

static void a_caller_beside_the_log_is_told_the_outcome_alone(void **state)
{
    (void)state;
    struct control_request brief = asks(), full = asks();
    start();
    files_configure("t.conf", CONFIGURATION ANOTHER_ROUTE);
    reload_request_brief(&reload, &brief);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(strncmp(brief.text, "generation 2 in service: 2 routes", 33), 0);
    brief = asks();
    files_configure("t.conf", CONFIGURATION "nonsense = 1\n");
    reload_request_brief(&reload, &brief);
    reload_request(&reload, &full);
    assert_int_equal(brief.status, EXIT_CONFIGURATION);
    assert_null(strstr(brief.text, "nonsense"));
    assert_non_null(strstr(brief.text, "reload refused: the configuration has errors"));
    assert_non_null(strstr(full.text, "nonsense"));
    assert_non_null(strstr(files_logged(), "nonsense"));
}

/* ---- names ---- */

static void workers_are_asked_when_all_names_have_been(void **state)
{
    (void)state;
    start();
    names_settled = false;
    reload_request(&reload, NULL);
    assert_int_equal(reload.stage, RELOAD_RESOLVING);
    reload_settled(&reload);
    assert_int_equal(reload.stage, RELOAD_PREPARING);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_in_service(2);
}

/* Which is counted from when the loop last looked at the clock. */
static void the_time_for_names_begins_when_all_is_loaded(void **state)
{
    (void)state;
    start();
    names_settled = false;
    loading_ms = 50;
    uv_update_time(&loop);
    const uint64_t before = uv_now(&loop);
    reload_request(&reload, NULL);
    assert_int_equal(reload.stage, RELOAD_RESOLVING);
    assert_true(uv_now(&loop) >= before + loading_ms);
    loading_ms = 0;
    reload_cancel(&reload);
    assert_in_service(1);
}

static const char *described(void)
{
    static char text[300];
    struct buf b;
    buf_init(&b, sizeof text);
    reload_describe(&reload, &b);
    buf_put(&b, "", 1);
    memcpy(text, b.data, b.size);
    buf_free(&b);
    return text;
}

static void one_that_waits_for_an_upgrade_says_so(void **state)
{
    (void)state;
    start();
    reload_hold(&reload, true);
    reload_request(&reload, NULL);
    assert_string_equal(described(),
                        "the reload waits for an upgrade that is rehearsed, and begins "
                        "after that\n");
    reload_hold(&reload, false);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_in_service(2);
    assert_non_null(strstr(described(), "no reload is under way"));
}

static void it_tells_what_it_waits_for(void **state)
{
    (void)state;
    start();
    assert_non_null(strstr(described(), "no reload is under way"));
    names_settled = false;
    files_configure("t.conf", CONFIGURATION NAMED_ROUTE);
    reload_request(&reload, NULL);
    assert_string_equal(described(),
                        "the reload goes on, and waits for the addresses of mail.invalid:143\n");
    names_settled = true;
    reload_settled(&reload);
    assert_string_equal(described(), "the reload goes on, and waits for these to load the new "
                                     "generation: worker 7 (process 99)\n");
    reload_prepared(&reload, 2);
    assert_string_equal(described(), "the reload goes on, and waits for these to take over the new "
                                     "generation: worker 7 (process 99)\n");
    reload_committed(&reload, 2);
    assert_in_service(2);
}

static void a_name_without_address_is_a_warning(void **state)
{
    (void)state;
    struct control_request one = asks();
    start();
    files_configure("t.conf", CONFIGURATION NAMED_ROUTE);
    reload_request(&reload, &one);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(one.status, 0);
    assert_non_null(strstr(one.text, "\"mail.invalid:143\" has no address: no such name"));
    assert_in_service(2);
}

/* ---- files alone ---- */

static void files_alone_are_read_with_the_texts_in_service(void **state)
{
    (void)state;
    struct candidate l;
    struct diags d = {0};
    start();
    assert_true(load_configuration(configuration, &l, &d));
    files_configure("t.conf", "half of a sente");
    reload_files(&reload, l.bundle);
    candidate_free(&l);
    diags_free(&d);
    reload_prepared(&reload, 2);
    reload_committed(&reload, 2);
    assert_int_equal(owner.outcome.status, 0);
    assert_true(owner.outcome.files_only);
    assert_in_service(2);
    reload_request(&reload, NULL);
    assert_false(owner.outcome.files_only);
    assert_int_equal(owner.outcome.status, EXIT_CONFIGURATION);
}

/* ---- the end ---- */

static void cancel_in(enum reload_stage stage, unsigned generation)
{
    struct control_request one = asks(), two = asks();
    names_settled = stage != RELOAD_RESOLVING;
    if (stage != RELOAD_IDLE) {
        reload_request(&reload, &one);
        reload_request(&reload, &two);
    }
    if (stage == RELOAD_COMMITTING)
        reload_prepared(&reload, 2);
    assert_int_equal(reload.stage, stage);
    reload_cancel(&reload);
    if (stage != RELOAD_IDLE) {
        assert_int_equal(one.status, EXIT_RUNTIME);
        assert_non_null(strstr(two.text, "the daemon is going down"));
    }
    assert_in_service(generation);
    assert_int_equal(owner.begun, stage != RELOAD_IDLE);
}

static void it_can_be_cancelled_when_there_is_none(void **state)
{
    (void)state;
    start();
    cancel_in(RELOAD_IDLE, 1);
}

static void it_can_be_cancelled_while_names_are_asked_for(void **state)
{
    (void)state;
    start();
    cancel_in(RELOAD_RESOLVING, 1);
}

static void it_can_be_cancelled_while_workers_load(void **state)
{
    (void)state;
    start();
    cancel_in(RELOAD_PREPARING, 1);
    assert_int_equal(w.aborted, 1);
}

static void what_is_committed_stays_when_it_is_cancelled(void **state)
{
    (void)state;
    start();
    cancel_in(RELOAD_COMMITTING, 2);
    assert_int_equal(w.aborted, 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_is_committed_without_asking_anybody),
        TEST(a_first_that_cannot_be_is_an_exit_status),
        TEST(over_an_upgrade_the_first_is_committed_when_all_are_prepared),
        TEST(what_was_judged_before_is_not_read_again),
        TEST(a_rehearsal_ends_when_all_are_prepared),
        TEST(a_rehearsal_that_a_worker_refuses_is_over),
        TEST(the_sandbox_is_entered_once),
        TEST(where_it_is_off_no_sandbox_is_entered),
        TEST(what_the_sandbox_does_not_allow_is_refused_and_not_tried),
        TEST(a_caller_hears_what_has_changed_when_all_have_it),
        TEST(what_is_said_of_another_generation_or_too_late_is_nothing),
        TEST(who_asks_meanwhile_gets_one_that_begins_later),
        TEST(one_may_be_asked_for_when_one_has_ended),
        TEST(a_mistake_is_told_and_changes_nothing),
        TEST(what_the_owner_cannot_have_is_refused),
        TEST(more_workers_than_there_is_room_for_are_refused),
        TEST(an_address_that_another_takes_meanwhile_is_told_of_and_had_later),
        TEST(what_the_owner_finds_at_the_commit_is_told),
        TEST(of_files_alone_a_deaf_address_is_no_failure),
        TEST(an_address_that_is_taken_is_refused_and_the_others_given_back),
        TEST(what_a_worker_cannot_load_is_refused_with_its_words),
        TEST(a_worker_that_does_not_load_it_is_replaced_once),
        TEST(a_worker_that_does_not_take_over_is_told_of_and_it_stays_in_service),
        TEST(who_was_ready_at_the_last_moment_has_time_to_take_over),
        TEST(a_first_that_nobody_can_listen_for_is_not_said_to_be_in_service),
        TEST(workers_are_asked_when_all_names_have_been),
        TEST(the_time_for_names_begins_when_all_is_loaded),
        TEST(a_caller_beside_the_log_is_told_the_outcome_alone),
        TEST(one_that_waits_for_an_upgrade_says_so),
        TEST(it_tells_what_it_waits_for),
        TEST(a_name_without_address_is_a_warning),
        TEST(files_alone_are_read_with_the_texts_in_service),
        TEST(it_can_be_cancelled_when_there_is_none),
        TEST(it_can_be_cancelled_while_names_are_asked_for),
        TEST(it_can_be_cancelled_while_workers_load),
        TEST(what_is_committed_stays_when_it_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
