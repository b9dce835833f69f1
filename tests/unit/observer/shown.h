/* shown.h - a daemon to be shown: a snapshot as the supervisor would write it, and the counters of
 * two workers, one of which lives in this process alone. */
#ifndef TLSFRONT_TESTS_OBSERVER_SHOWN_H
#define TLSFRONT_TESTS_OBSERVER_SHOWN_H

#include "proxy/observer/view.h"
#include "tests/support/unit.h"

#define NOW  1800000000
#define EVIL "<b>&\"'\\\n"

static struct {
    struct snapshot_writer w;
    struct snapshot snapshot;
    struct worker_counters *parts[2];
    struct all_counters counters;
    struct view view;
    struct buf out;
} shown;

static inline snapshot_text put(const char *text)
{
    return snapshot_put_text(&shown.w, text);
}

/* With so many of the server names that follow. */
static inline void put_route_with(const char *name, uint32_t slot, uint32_t upstreams,
                                  uint32_t server_names)
{
    const struct snapshot_route r = {.name = put(name),
                                     .protocol = put("imap"),
                                     .tls = put("required"),
                                     .listen = put("0.0.0.0:143"),
                                     .certificates = put("mail"),
                                     .slot = slot,
                                     .upstreams = upstreams,
                                     .server_names = server_names};
    snapshot_put(&shown.w, SNAPSHOT_ROUTES, &r, sizeof r);
}

static inline void put_route(const char *name, uint32_t slot, uint32_t upstreams)
{
    put_route_with(name, slot, upstreams, 0);
}

static inline void put_upstream(const char *text, const char *trouble)
{
    const struct snapshot_upstream u = {put(text), put(trouble)};
    snapshot_put(&shown.w, SNAPSHOT_UPSTREAMS, &u, sizeof u);
}

static inline void put_server_name(const char *name, uint32_t slot, uint32_t upstreams)
{
    const struct snapshot_server_name n = {
        .name = put(name), .certificates = put("mail"), .slot = slot, .upstreams = upstreams};
    snapshot_put(&shown.w, SNAPSHOT_SERVER_NAMES, &n, sizeof n);
}

static inline void put_name_upstream(const char *text, const char *trouble)
{
    const struct snapshot_upstream u = {put(text), put(trouble)};
    snapshot_put(&shown.w, SNAPSHOT_NAME_UPSTREAMS, &u, sizeof u);
}

/* Its end is worth a word from `ahead` seconds before on. */
static inline void put_short_lived(const char *name, const char *kind, const char *serial,
                                   int64_t not_after, int64_t ahead)
{
    const struct snapshot_certificate c = {.name = put(name),
                                           .kind = put(kind),
                                           .serial = put(serial),
                                           .subject = put("mail.example"),
                                           .routes = put("imap"),
                                           .not_before = not_after - 1000,
                                           .not_after = not_after,
                                           .soon = not_after - ahead};
    snapshot_put(&shown.w, SNAPSHOT_CERTIFICATES, &c, sizeof c);
}

static inline void put_certificate(const char *name, const char *kind, const char *serial,
                                   int64_t not_after)
{
    put_short_lived(name, kind, serial, not_after, (int64_t)30 * 86400);
}

static inline void put_ticket_key(const char *file, const char *fingerprint, int64_t modified)
{
    const struct snapshot_ticket_key k = {put(file), put(fingerprint), modified};
    snapshot_put(&shown.w, SNAPSHOT_TICKET_KEYS, &k, sizeof k);
}

static inline void put_crl(const char *file, int64_t next_update)
{
    const struct snapshot_crl c = {
        .file = put(file), .next_update = next_update, .soon = next_update - 86400};
    snapshot_put(&shown.w, SNAPSHOT_CRLS, &c, sizeof c);
}

static inline void put_process(const char *kind, uint32_t index, uint32_t restarts, int64_t files)
{
    const struct snapshot_process p = {.kind = put(kind),
                                       .state = put("running"),
                                       .sandbox = put("seccomp and landlock 6"),
                                       .index = index,
                                       .restarts = restarts,
                                       .pid = 4711,
                                       .cpu_ms = 12345,
                                       .resident = 7 << 20,
                                       .files = files,
                                       .files_max = 1024};
    snapshot_put(&shown.w, SNAPSHOT_PROCESSES, &p, sizeof p);
}

static inline void put_reload(int64_t at, bool well, const char *words)
{
    const struct snapshot_reload r = {at, well, put(words)};
    snapshot_put(&shown.w, SNAPSHOT_RELOADS, &r, sizeof r);
}

static inline void put_name(const char *name)
{
    const snapshot_text text = put(name);
    snapshot_put(&shown.w, SNAPSHOT_NAMES, &text, sizeof text);
}

/* A daemon that runs and has nothing yet. */
static inline void begin_snapshot(void)
{
    snapshot_begin(&shown.w);
    struct snapshot_facts *f = &shown.w.facts;
    f->version = put("9.8.7");
    f->mbedtls = put("3.6.7");
    f->crypto = put("libcrypto 3");
    f->libuv = put("1.44.2");
    f->state = put("running");
    f->hash = put("abcdef");
    f->config_hash = put("abc");
    f->files_hash = put("def");
    f->json = put("{}\n");
    f->generation = 3;
    f->workers = 2;
    f->reload_well = 1;
    f->reload_well_at = NOW - 60;
    f->started = NOW - 3600;
}

static inline void end_snapshot(void)
{
    struct err e;
    const int fd = snapshot_finish(&shown.w, &e);
    assert_true(fd >= 0);
    assert_true(snapshot_open(&shown.snapshot, fd));
    close(fd);
}

static inline int begin_shown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT(shown.parts); i++) {
        shown.parts[i] = calloc(1, sizeof *shown.parts[i]);
        assert_non_null(shown.parts[i]);
        shown.counters.parts[2 * i] = shown.parts[i]; /* worker 1 has none here */
    }
    buf_init(&shown.out, (size_t)64 << 20);
    begin_snapshot();
    return 0;
}

static inline int end_shown(void **state)
{
    (void)state;
    snapshot_close(&shown.snapshot);
    for (unsigned i = 0; i < COUNT(shown.parts); i++)
        free(shown.parts[i]);
    buf_free(&shown.out);
    return 0;
}

static inline void begin_view(void)
{
    end_snapshot();
    assert_true(view_begin(&shown.view, &shown.snapshot, &shown.counters, NOW));
}

static inline const char *output(void)
{
    assert_false(shown.out.failed);
    buf_put(&shown.out, "", 1);
    return (const char *)shown.out.data;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_shown, end_shown)

#endif
