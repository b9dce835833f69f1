/* test_handover.c - what one image of the supervisor hands over to the next, as bytes. */
#include "proxy/ipc/handover.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { TAG_AT = 16, RECORD = 8 };

static char *text(const char *of)
{
    char *copy = strdup(of);
    assert_non_null(copy);
    return copy;
}

static void add_address(struct handover *h, const char *where, size_t sockets)
{
    struct handover_address *a = handover_add(&h->addresses, &h->address_count, sizeof *a);
    a->text = text(where);
    a->given = where[0] == 'u';
    a->observed = !a->given;
    a->file = (struct socket_file){5, 77};
    a->sockets = calloc(sockets, sizeof *a->sockets);
    for (; a->count < sockets; a->count++)
        a->sockets[a->count] = 20 + (int)a->count;
}

static void add_people(struct handover *h)
{
    struct handover_name *n = handover_add(&h->names, &h->name_count, sizeof *n);
    n->host = text("mail.example");
    n->port = 110;
    n->count = 2;
    n->addresses[0] = (struct ipc_resolved_address){.family = AF_INET, .bytes = {127, 0, 0, 1}};
    n->addresses[1] = (struct ipc_resolved_address){.family = AF_INET6, .scope = 3, .bytes = {1}};
    struct handover_route *r = handover_add(&h->routes, &h->route_count, sizeof *r);
    r->name = text("pop3s");
    r->slot = 1023;
    for (unsigned i = 0; i < ROUTE_COUNTERS; i++) {
        r->base[i] = i;
        r->parts[i] = 1000 + i;
    }
    struct handover_server_name *sn =
        handover_add(&h->server_names, &h->server_name_count, sizeof *sn);
    sn->key = text("pop3s *.mail.example");
    sn->slot = NAME_SLOTS - 1;
    for (unsigned i = 0; i < NAME_COUNTERS; i++) {
        sn->base[i] = 2000 + i;
        sn->parts[i] = 3000 + i;
    }
    struct handover_veteran *v = handover_add(&h->veterans, &h->veteran_count, sizeof *v);
    *v = (struct handover_veteran){.version = "0.0.9",
                                   .index = 3,
                                   .generation = 7,
                                   .restarts = 2,
                                   .pid = 4711,
                                   .signer = 4712,
                                   .ipc = 30,
                                   .signer_ipc = 31,
                                   .counters = 32,
                                   .reader = 33,
                                   .layout = 0xfedcba9876543210,
                                   .sandbox = {1, 6, 0, 0},
                                   .signer_sandbox = {0, 0, 38, 95},
                                   .log_targets = 4};
    v = handover_add(&h->veterans, &h->veteran_count, sizeof *v);
    *v = (struct handover_veteran){
        .version = "0.1.0", .pid = 4713, .ipc = 34, .signer_ipc = -1, .counters = 35, .reader = 36};
    struct handover_caller *c = handover_add(&h->callers, &h->caller_count, sizeof *c);
    *c = (struct handover_caller){40, true};
    struct handover_place *p = handover_add(&h->places, &h->place_count, sizeof *p);
    *p = (struct handover_place){text("/run/tlsfront"), true, {7, 79}};
    struct handover_socket *s = handover_add(&h->given, &h->given_count, sizeof *s);
    *s = (struct handover_socket){41, text("pop3s")};
    h->confinement = (struct sandbox_state){1, 6, 0, 0};
    h->unwanted = true;
    pid_t *pid = handover_add(&h->leavers, &h->leaver_count, sizeof *pid);
    *pid = 4714;
}

static void fill(struct handover *h)
{
    handover_init(h);
    strcpy(h->version, "0.1.0");
    h->program = text("/usr/sbin/tlsfront");
    h->configuration = text("/etc/tlsfront/tlsfront.conf");
    h->started = 1790000000;
    h->generations = 12;
    memset(h->seed, 0xa5, sizeof h->seed);
    h->executable = 10;
    h->reason = 11;
    h->bundle = 12;
    h->next = 13;
    h->patience_s = 20;
    h->tickets_shared = true;
    memset(h->ticket_secret, 0x5a, sizeof h->ticket_secret);
    h->tickets.count = 2;
    memset(h->tickets.key, 0x3c, 2 * sizeof h->tickets.key[0]);
    h->rotate_ms = 21600000;
    h->log = 14;
    h->log_target = LOG_TARGET_FILE;
    h->log_level = LOG_LEVEL_DEBUG;
    h->log_format = LOG_FORMAT_JSON;
    h->control_path = text("/run/tlsfront/control.sock");
    h->control_file = (struct socket_file){6, 78};
    h->control = 15;
    h->archive = 16;
    h->history = 17;
    h->archive_layout = 0x0123456789abcdef;
    add_address(h, "0.0.0.0:995", 3);
    add_address(h, "unix:/run/a.sock", 1);
    add_people(h);
}

static struct buf encoded(const struct handover *h)
{
    struct buf b;
    buf_init(&b, HANDOVER_MAX);
    handover_encode(h, &b);
    assert_false(b.failed);
    return b;
}

static struct buf example(void)
{
    struct handover h;
    fill(&h);
    struct buf b = encoded(&h);
    handover_free(&h);
    return b;
}

static void assert_refused(const uint8_t *data, size_t size, const char *why)
{
    struct handover h;
    struct err e = {.text = ""};
    assert_int_equal(handover_decode(data, size, &h, &e), -1);
    assert_non_null(strstr(e.text, why));
    assert_null(h.program); /* nothing is left in it */
    assert_int_equal(h.address_count, 0);
}

/* ---- what is handed over ---- */

static void what_was_written_is_read(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    struct buf b = example();
    assert_int_equal(handover_decode(b.data, b.size, &h, &e), 0);
    struct buf again = encoded(&h);
    assert_holds(&again, b.data, b.size); /* which holds all of it */
    assert_string_equal(h.addresses[0].text, "0.0.0.0:995");
    assert_int_equal(h.addresses[0].sockets[2], 22);
    assert_int_equal(h.names[0].addresses[1].scope, 3);
    assert_int_equal(h.routes[0].parts[ROUTE_COUNTERS - 1], 1000 + ROUTE_COUNTERS - 1);
    assert_int_equal(h.archive, 16);
    assert_int_equal(h.history, 17);
    assert_int_equal(h.archive_layout, 0x0123456789abcdef);
    assert_string_equal(h.server_names[0].key, "pop3s *.mail.example");
    assert_int_equal(h.server_names[0].parts[NAME_COUNTERS - 1], 3000 + NAME_COUNTERS - 1);
    assert_int_equal(h.veterans[0].signer_ipc, 31);
    assert_int_equal(h.veterans[1].signer, 0);
    assert_int_equal(h.veterans[0].log_targets, 4);
    assert_int_equal(h.log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(h.rehearsal, -1);
    handover_free(&h);
    buf_free(&again);
    buf_free(&b);
}

static void collect(void *arg, int *fd)
{
    uint64_t *seen = arg;
    assert_true(*fd >= 0 && *fd < 64);
    assert_int_equal(*seen >> *fd & 1, 0); /* each once */
    *seen |= UINT64_C(1) << *fd;
}

static void every_descriptor_is_shown_once(void **state)
{
    (void)state;
    struct handover h;
    uint64_t seen = 0;
    fill(&h);
    h.addresses[1].sockets[0] = 50;
    handover_descriptors(&h, collect, &seen);
    assert_int_equal(seen, UINT64_C(0xff) << 10 | UINT64_C(7) << 20 | UINT64_C(0x7f) << 30 |
                               UINT64_C(3) << 40 | UINT64_C(1) << 50);
    handover_free(&h);
}

static void it_travels_in_a_file_that_nobody_changes(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    const unsigned before = open_descriptors();
    fill(&h);
    const int fd = handover_to_fd(&h, &e);
    assert_true(fd >= 0);
    handover_free(&h);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(handover_from_fd(fd, &h, &e), 0);
    assert_string_equal(h.program, "/usr/sbin/tlsfront");
    handover_free(&h);
    close(fd);
    assert_int_equal(handover_from_fd(fd, &h, &e), -1);
    assert_int_equal(open_descriptors(), before);
}

/* The signal of a child that has ended comes in the middle of a write. */
ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

static unsigned interrupted; /* before writes go through */

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    if (interrupted == 0)
        return __real_write(fd, data, size);
    interrupted--;
    errno = EINTR;
    return -1;
}

static void a_signal_in_the_middle_costs_nothing(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    struct buf b = example();
    assert_int_equal(handover_decode(b.data, b.size, &h, &e), 0);
    interrupted = 2;
    const int fd = handover_to_fd(&h, &e);
    handover_free(&h);
    assert_true(fd >= 0);
    assert_int_equal(handover_from_fd(fd, &h, &e), 0);
    handover_free(&h);
    close(fd);
    buf_free(&b);
}

/* ---- what is not understood ---- */

static void another_version_is_refused_by_its_number(void **state)
{
    (void)state;
    struct buf b = example();
    b.data[8] = 2;
    assert_refused(b.data, b.size, "in version 2, this binary knows 1");
    b.data[0] = 'T';
    assert_refused(b.data, b.size, "no state of a daemon");
    buf_free(&b);
}

static void what_ends_anywhere_is_refused(void **state)
{
    (void)state;
    struct buf b = example();
    for (size_t size = 0; size < b.size; size++) {
        uint8_t *cut = malloc(size + 1); /* so that a sanitizer sees its end */
        memcpy(cut, b.data, size);
        assert_refused(cut, size, "state");
        const uint32_t claimed = (uint32_t)size;
        if (size >= TAG_AT) { /* and where it says so of itself */
            memcpy(cut + TAG_AT - sizeof claimed, &claimed, sizeof claimed);
            struct handover h;
            struct err e;
            if (handover_decode(cut, size, &h, &e) == 0)
                handover_free(&h); /* between two records behind what must be there */
        }
        free(cut);
    }
    buf_free(&b);
}

static void a_byte_that_is_another_breaks_nothing(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    struct buf b = example();
    for (size_t i = 0; i < b.size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            b.data[i] ^= (uint8_t)(1U << bit);
            if (handover_decode(b.data, b.size, &h, &e) == 0)
                handover_free(&h);
            b.data[i] ^= (uint8_t)(1U << bit);
        }
    buf_free(&b);
}

static void append_record(struct buf *b, uint32_t tag, const char *payload)
{
    const uint32_t size = (uint32_t)strlen(payload);
    buf_put(b, &tag, sizeof tag);
    buf_put(b, &size, sizeof size);
    buf_puts(b, payload);
    const uint32_t whole = (uint32_t)b->size;
    memcpy(b->data + TAG_AT - sizeof whole, &whole, sizeof whole);
}

static void a_record_that_is_new_is_skipped_where_it_may_be(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    struct buf b = example();
    append_record(&b, HANDOVER_OPTIONAL | 99, "whatever");
    assert_int_equal(handover_decode(b.data, b.size, &h, &e), 0);
    handover_free(&h);
    append_record(&b, 99, "what matters");
    assert_refused(b.data, b.size, "not understood");
    buf_free(&b);
}

/* The first record is the one that says who. */
static void a_record_may_be_longer_than_its_reader_knows(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    struct buf b = example(), longer;
    uint32_t size, whole = (uint32_t)b.size + 4;
    memcpy(&size, b.data + TAG_AT + 4, sizeof size);
    buf_init(&longer, HANDOVER_MAX);
    buf_put(&longer, b.data, TAG_AT + RECORD + size);
    buf_put(&longer, "more", 4);
    buf_put(&longer, b.data + TAG_AT + RECORD + size, b.size - TAG_AT - RECORD - size);
    size += 4;
    memcpy(longer.data + TAG_AT + 4, &size, sizeof size);
    memcpy(longer.data + TAG_AT - 4, &whole, sizeof whole);
    assert_int_equal(handover_decode(longer.data, longer.size, &h, &e), 0);
    assert_int_equal(h.generations, 12);
    handover_free(&h);
    buf_free(&longer);
    buf_free(&b);
}

/* ---- what cannot be ---- */

static void refuse_changed(void (*change)(struct handover *h))
{
    struct handover h;
    fill(&h);
    change(&h);
    struct buf b = encoded(&h);
    handover_free(&h);
    assert_refused(b.data, b.size, "not understood");
    buf_free(&b);
}

static void no_descriptor(struct handover *h)
{
    h->control = -1;
}

static void no_sockets(struct handover *h)
{
    h->addresses[0].count = 0;
}

static void no_slot(struct handover *h)
{
    h->routes[0].slot = ROUTE_SLOTS;
}

static void no_name_slot(struct handover *h)
{
    h->server_names[0].slot = NAME_SLOTS;
}

static void all_processes(struct handover *h)
{
    h->veterans[0].pid = -1;
}

static void the_first_process(struct handover *h)
{
    h->leavers[0] = 1;
}

static void a_signer_without_a_socket(struct handover *h)
{
    h->veterans[0].signer_ipc = -1;
}

static void a_worker_beyond_all(struct handover *h)
{
    h->veterans[0].index = WORKERS_MAX;
}

static void another_family(struct handover *h)
{
    h->names[0].addresses[0].family = AF_UNIX;
}

static void all_ticket_keys(struct handover *h)
{
    h->tickets.count = TLS_TICKET_KEYS;
    h->rotate_ms = 0;
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    refuse_changed(no_descriptor);
    refuse_changed(no_sockets);
    refuse_changed(no_slot);
    refuse_changed(no_name_slot);
    refuse_changed(all_processes);
    refuse_changed(the_first_process);
    refuse_changed(a_signer_without_a_socket);
    refuse_changed(a_worker_beyond_all);
    refuse_changed(another_family);
}

/* Of what can be derived; older binaries take no more. */
static void of_many_ticket_keys_the_first_are_given(void **state)
{
    (void)state;
    struct handover h;
    struct err e;
    fill(&h);
    all_ticket_keys(&h);
    struct buf b = encoded(&h);
    handover_free(&h);
    assert_int_equal(handover_decode(b.data, b.size, &h, &e), 0);
    assert_int_equal(h.tickets.count, 4);
    handover_free(&h);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_descriptor_is_shown_once),
        cmocka_unit_test(it_travels_in_a_file_that_nobody_changes),
        cmocka_unit_test(a_signal_in_the_middle_costs_nothing),
        cmocka_unit_test(another_version_is_refused_by_its_number),
        cmocka_unit_test(what_ends_anywhere_is_refused),
        cmocka_unit_test(a_byte_that_is_another_breaks_nothing),
        cmocka_unit_test(a_record_that_is_new_is_skipped_where_it_may_be),
        cmocka_unit_test(a_record_may_be_longer_than_its_reader_knows),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(of_many_ticket_keys_the_first_are_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
