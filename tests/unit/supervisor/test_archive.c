/* test_archive.c - what was counted goes from one image to the next, and no count is lost or made
 * twice. */
#include "proxy/supervisor/archive.h"
#include "tests/support/unit.h"

#include <string.h>
#include <unistd.h>

enum { SLOT = 3, NAME_SLOT = 4000 };

/* ---- an image: two workers, of which the second is gone, and a veteran ---- */

struct image {
    struct log log;
    struct workers workers;
    struct worker items[2];
    struct veterans veterans;
    struct veteran veteran;
    struct archive archive;
};

static int new_part(struct image *m, unsigned part)
{
    struct err e;
    const int fd = counters_create(&e);
    m->workers.all.parts[part] = counters_map_own(fd);
    assert_non_null(counters_of(&m->workers.all, part));
    return fd;
}

static void begin(struct image *m)
{
    memset(m, 0, sizeof *m);
    log_init(&m->log, "test");
    m->workers.log = &m->log;
    m->workers.veterans = &m->veterans;
    m->veterans.counters = &m->workers.all;
    archive_init(&m->archive, &m->workers.all);
    m->veterans.items[0] = &m->veteran;
    m->veterans.count = 1;
    for (unsigned i = 0; i < 2; i++)
        m->workers.items[i] = &m->items[i];
    m->workers.count = 2;
    close(new_part(m, 0));
    close(new_part(m, 1));
    close(new_part(m, WORKERS_MAX));
    m->items[0].child.life = CHILD_RUNNING;
}

static void end(struct image *m)
{
    archive_free(&m->archive);
    counters_unmap_all(&m->workers.all);
}

static void count(struct image *m, unsigned part, uint64_t n)
{
    struct worker_counters *c = counters_of(&m->workers.all, part);
    struct route_details *d = &c->details[SLOT];
    counter_add(&c->route[SLOT].accepted, n);
    counter_add(&c->route[SLOT].bytes_in, n * 100);
    counter_add(&c->route[SLOT].active, 1);
    counter_add(&c->route[SLOT].stage[0], 1);
    counter_add(&d->ends[1][1], n);
    counter_add(&d->handshake_ms[2], n);
    counter_add(&d->refused[REFUSALS - 1], n);
    struct upstream_counters *u = upstream_counters_of(d, upstream_key("u"));
    counter_add(&u->failures[UPSTREAM_REFUSED], n);
    counter_set(&u->when, n);
    counter_set(&u->up, n == 7);
    counter_add(&c->name[NAME_SLOT].accepted, n);
    counter_add(&c->name[NAME_SLOT].active, 1);
    counter_add(&upstream_counters_of(&c->details[DETAILS_OF_NAME(NAME_SLOT)], upstream_key("u"))
                     ->failures[UPSTREAM_OTHER],
                n);
    counter_add(&c->accept_pauses, n);
    counter_add(&c->log_lost, n);
}

static void name_all(struct handover *h)
{
    handover_init(h);
    struct handover_route *r = handover_add(&h->routes, &h->route_count, sizeof *r);
    r->name = strdup("pop3s");
    r->slot = SLOT;
    struct handover_server_name *n =
        handover_add(&h->server_names, &h->server_name_count, sizeof *n);
    n->key = strdup("pop3s mail.example");
    n->slot = NAME_SLOT;
}

static void give(struct image *m, struct handover *h)
{
    name_all(h);
    assert_int_equal(archive_give(&m->archive, &m->workers, h), 0);
}

/* As exec() would: the descriptor is another's from now on. */
static void take(struct image *m, struct handover *h)
{
    struct err e = {.text = ""};
    h->archive = dup(h->archive);
    assert_int_equal(archive_take(&m->archive, h, &e), 0);
    handover_free(h);
}

static uint64_t field(const uint64_t *of, const char *name)
{
    for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
        if (strcmp(counter_facts[i].name, name) == 0)
            return of[i];
    fail();
    return 0;
}

static const struct worker_counters *kept(const struct image *m)
{
    return counters_of(&m->workers.all, ARCHIVE);
}

/* ---- tests ---- */

static void what_the_gone_have_counted_comes_along_in_every_detail(void **state)
{
    (void)state;
    static struct image before, after;
    struct handover h;
    begin(&before);
    count(&before, 0, 5); /* who goes on, with its part */
    count(&before, 1, 7);
    count(&before, WORKERS_MAX, 11);
    before.items[0].child.restarts = 2;
    before.log.lost_ever = 13;
    give(&before, &h);
    memset(&after, 0, sizeof after);
    archive_init(&after.archive, &after.workers.all);
    take(&after, &h);
    const struct worker_counters *c = kept(&after);
    const struct route_details *d = &c->details[SLOT];
    assert_int_equal(counter_get(&c->route[SLOT].accepted), 18);
    assert_int_equal(counter_get(&c->route[SLOT].bytes_in), 1800);
    assert_int_equal(counter_get(&c->route[SLOT].active), 0); /* the gone have no present */
    assert_int_equal(counter_get(&c->route[SLOT].stage[0]), 0);
    assert_int_equal(counter_get(&d->ends[1][1]), 18);
    assert_int_equal(counter_get(&d->handshake_ms[2]), 18);
    assert_int_equal(counter_get(&d->refused[REFUSALS - 1]), 18);
    assert_int_equal(counter_get(&c->name[NAME_SLOT].accepted), 18);
    assert_int_equal(counter_get(&c->name[NAME_SLOT].active), 0);
    assert_int_equal(counter_get(&c->accept_pauses), 18);
    assert_int_equal(counter_get(&c->log_lost), 18 + 13);
    assert_int_equal(counter_get(&c->restarts), 2);
    struct upstream_view v = upstream_view_of(&after.workers.all, SLOT, "u");
    assert_int_equal(v.failures[UPSTREAM_REFUSED], 18);
    assert_true(v.tried && !v.up && v.when == 11); /* as the last attempt went */
    v = upstream_view_of(&after.workers.all, DETAILS_OF_NAME(NAME_SLOT), "u");
    assert_int_equal(v.failures[UPSTREAM_OTHER], 18);
    end(&before);
    end(&after);
}

static void it_goes_from_image_to_image(void **state)
{
    (void)state;
    static struct image m[4];
    struct handover h;
    begin(&m[0]);
    count(&m[0], 1, 1);
    for (unsigned i = 1; i < 4; i++) {
        give(&m[i - 1], &h);
        begin(&m[i]);
        take(&m[i], &h);
        count(&m[i], 1, 1);
        assert_int_equal(counter_get(&kept(&m[i])->route[SLOT].accepted), i);
        assert_true(m[i].archive.reader >= 0);
    }
    for (unsigned i = 0; i < 4; i++)
        end(&m[i]);
}

/* A rehearsal, or an upgrade that is refused: nothing of this image's has changed. */
static void giving_takes_nothing_away(void **state)
{
    (void)state;
    static struct image m;
    struct handover h;
    struct route_counters sum;
    begin(&m);
    count(&m, 0, 5);
    count(&m, 1, 7);
    for (int i = 0; i < 2; i++) {
        give(&m, &h);
        assert_int_equal(field(h.routes[0].base, "accepted"), 7);
        assert_int_equal(field(h.routes[0].parts, "accepted"), 5);
        handover_free(&h);
    }
    counters_add_up(&m.workers.all, SLOT, &sum, NULL);
    assert_int_equal(counter_get(&sum.accepted), 12);
    end(&m);
}

static void of_another_layout_the_sums_are_taken(void **state)
{
    (void)state;
    static struct image before, after;
    struct handover h;
    begin(&before);
    count(&before, 0, 5);
    count(&before, 1, 7);
    give(&before, &h);
    h.archive_layout++;
    memset(&after, 0, sizeof after);
    archive_init(&after.archive, &after.workers.all);
    assert_false(archive_knows(&h));
    take(&after, &h);
    assert_int_equal(counter_get(&kept(&after)->route[SLOT].accepted), 12);
    assert_int_equal(counter_get(&kept(&after)->route[SLOT].active), 0);
    assert_int_equal(counter_get(&kept(&after)->name[NAME_SLOT].accepted), 12);
    assert_int_equal(counter_get(&kept(&after)->details[SLOT].ends[1][1]), 0);
    end(&before);
    end(&after);
}

static void a_veteran_of_another_layout_counts_by_what_was_said(void **state)
{
    (void)state;
    struct handover h;
    handover_init(&h);
    h.archive = 0;
    h.archive_layout = counters_layout();
    assert_true(archive_knows(&h));
    struct handover_veteran *v = handover_add(&h.veterans, &h.veteran_count, sizeof *v);
    v->layout = counters_layout();
    assert_true(archive_knows(&h));
    v->layout++;
    assert_false(archive_knows(&h));
    h.archive = -1;
    handover_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_gone_have_counted_comes_along_in_every_detail),
        cmocka_unit_test(it_goes_from_image_to_image),
        cmocka_unit_test(giving_takes_nothing_away),
        cmocka_unit_test(of_another_layout_the_sums_are_taken),
        cmocka_unit_test(a_veteran_of_another_layout_counts_by_what_was_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
