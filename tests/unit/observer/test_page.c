/* test_page.c - the page in every state that it can show: what is said, that all of it is escaped,
 * and that its elements close. */
#include "proxy/observer/page.h"
#include "tests/unit/observer/shown.h"
#include "tls/tls.h"

static struct history history;

static int end_page(void **state)
{
    memset(&history, 0, sizeof history);
    return end_shown(state);
}

/* ---- well-formed ---- */

static bool is_void(const char *name)
{
    return strcmp(name, "meta") == 0 || strcmp(name, "br") == 0;
}

/* Every element that is opened is closed, in order; text has no raw special characters. */
static void assert_well_formed(const char *html)
{
    char open[64][16];
    unsigned depth = 0;
    html = strchr(html, '>') + 1; /* the doctype */
    for (const char *p = html; (p = strchr(p, '<')) != NULL; p++) {
        char name[16];
        const bool closes = p[1] == '/';
        const char *end = strchr(p, '>');
        assert_non_null(end);
        assert_int_equal(sscanf(p + 1 + closes, "%15[a-z0-9]", name), 1);
        if (closes) {
            assert_true(depth > 0);
            assert_string_equal(open[--depth], name);
        } else if (!is_void(name) && end[-1] != '/') {
            assert_true(depth < COUNT(open));
            memcpy(open[depth++], name, sizeof name);
        }
        p = end;
    }
    assert_int_equal(depth, 0);
}

static const char *rendered(void)
{
    begin_view();
    const struct page p = {&shown.view, &history, &shown.snapshot, true, &shown.out};
    page_render(&p);
    view_end(&shown.view);
    const char *text = output();
    assert_well_formed(text);
    return text;
}

static void assert_says(const char *text, const char *words)
{
    if (strstr(text, words) == NULL)
        fail_msg("\"%s\" is not said in\n%s", words, text);
}

/* ---- states ---- */

static void all_is_well(void **state)
{
    (void)state;
    put_route("imap", 0, 1);
    put_upstream("192.0.2.1:143", NULL);
    put_certificate("mail", "leaf", "0A", NOW + (int64_t)90 * 86400);
    put_process("worker", 0, 0, 7);
    put_reload(NOW - 60, true, "generation 3 in service");
    const char *text = rendered();
    assert_says(text, "<title>tlsfront: ready</title>");
    assert_says(text, "Nothing needs looking after.");
    assert_says(text, "not tried yet");
    assert_says(text, "taken over");
    assert_says(text, "in 90\xc2\xa0"
                      "days");
    assert_null(strstr(text, "<strong>Error:"));
}

static void a_certificate_expires(void **state)
{
    (void)state;
    put_certificate("mail", "leaf", "0A", NOW + 5 * 86400 + 1);
    const char *text = rendered();
    assert_says(text, "<strong>Warning:</strong> <span>certificate mail expires in 5\xc2\xa0"
                      "days, on <time datetime=\"2027-01-20T08:00:01Z\">");
}

static void what_is_short_lived_is_no_trouble_before_its_time(void **state)
{
    (void)state;
    put_short_lived("mail", "leaf", "0A", NOW + 6 * 86400, 2 * 86400);
    put_crl("/etc/a.crl", NOW + 7 * 86400);
    const char *text = rendered();
    assert_says(text, "Nothing needs looking after.");
    assert_says(text, "<span class=\"dim\">in 6");
    assert_says(text, "<rect class=\"b\"");
}

static void what_is_short_lived_is_a_trouble_in_its_time(void **state)
{
    (void)state;
    put_short_lived("mail", "leaf", "0A", NOW + 2 * 86400, 2 * 86400);
    put_crl("/etc/a.crl", NOW + 86400);
    const char *text = rendered();
    assert_says(text, "certificate mail expires in 2");
    assert_says(text, "the revocation list /etc/a.crl expires in 1");
    assert_says(text, "<strong class=\"warn\">in 2");
    assert_says(text, "<rect class=\"s\"");
}

static void a_certificate_has_expired(void **state)
{
    (void)state;
    put_certificate("mail", "leaf", "0A", NOW - 2 * 86400);
    put_certificate("mail", "intermediate", "0B", NOW - 60);
    put_crl("/etc/a.crl", NOW - 3600);
    const char *text = rendered();
    assert_says(text, "<strong>Error:</strong> <span>certificate mail expired 2\xc2\xa0"
                      "days ago");
    assert_says(text, "an intermediate certificate of mail expired 1\xc2\xa0minute ago");
    assert_says(text, "the revocation list /etc/a.crl expired 1\xc2\xa0hour ago");
}

static void an_upstream_is_down(void **state)
{
    (void)state;
    put_route("imap", 0, 2);
    put_upstream("192.0.2.1:143", NULL);
    put_upstream("imap.example:143", "the name has none");
    struct upstream_counters *u =
        upstream_counters_of(&shown.parts[0]->details[0], upstream_key("192.0.2.1:143"));
    counter_set(&u->when, 5);
    counter_set(&u->why, UPSTREAM_TIMEOUT);
    const char *text = rendered();
    assert_says(text, "route imap: upstream 192.0.2.1:143 is down: timeout");
    assert_says(text, "route imap: upstream imap.example:143 is down: the name has none");
    assert_says(text, "<strong class=\"bad\">down</strong>");
}

static void server_names_are_shown_with_their_own_upstreams(void **state)
{
    (void)state;
    put_route_with("imap", 0, 1, 2);
    put_upstream("192.0.2.1:143", NULL);
    put_server_name("a.example", 5, 1);
    put_server_name("*.b.example", 6, 0);
    put_name_upstream("192.0.2.2:143", NULL);
    counter_add(&shown.parts[0]->name[5].accepted, 3);
    counter_add(&shown.parts[0]->name[5].active, 3);
    struct upstream_counters *u = upstream_counters_of(&shown.parts[0]->details[DETAILS_OF_NAME(5)],
                                                       upstream_key("192.0.2.2:143"));
    counter_set(&u->when, 5);
    counter_set(&u->why, UPSTREAM_TIMEOUT);
    const char *text = rendered();
    assert_says(text, "Server names");
    assert_says(text, "a.example");
    assert_says(text, "the route's");
    assert_says(text, "route imap, server name a.example: upstream 192.0.2.2:143 is down: timeout");
}

static void it_drains(void **state)
{
    (void)state;
    shown.w.facts.state = put("draining");
    const char *text = rendered();
    assert_says(text, "<title>tlsfront: not ready</title>");
    assert_says(text, "Not ready: draining");
    assert_says(text, "not ready for newcomers: draining");
}

static void nothing_is_configured(void **state)
{
    (void)state;
    shown.w.facts.generation = 0;
    shown.w.facts.state = put("starting");
    assert_says(rendered(), "not ready for newcomers: nothing is configured yet");
}

static void a_reload_was_refused(void **state)
{
    (void)state;
    shown.w.facts.reload_well = 0;
    put_reload(NOW - 60, false, "reload refused: the configuration has errors");
    const char *text = rendered();
    assert_says(text, "the last reload was refused, at <time datetime=\"2027-01-15T07:59:00Z\">");
    assert_says(text, "refused: the configuration has errors");
    assert_says(text, "<strong class=\"bad\">refused</strong>");
}

static void a_worker_died(void **state)
{
    (void)state;
    history.begun = true;
    history.deaths.minutes[10] = 1;
    assert_says(rendered(), "1 worker died in the last hour");
}

static void workers_died_just_now(void **state)
{
    (void)state;
    history.begun = true;
    history.deaths.minutes[10] = 1;
    history.deaths.total = 4;
    shown.w.facts.worker_restarts = 6;
    assert_says(rendered(), "3 workers died in the last hour");
}

/* Who has been away does not know when they died. */
static void deaths_of_before_are_not_told(void **state)
{
    (void)state;
    shown.w.facts.worker_restarts = 6;
    assert_null(strstr(rendered(), "died"));
}

static void lines_are_lost_and_accepting_pauses(void **state)
{
    (void)state;
    counter_add(&shown.parts[0]->log_lost, 1);
    counter_add(&shown.parts[0]->accept_pauses, 1);
    const char *text = rendered();
    assert_says(text, "lines of the log were lost");
    assert_says(text, "accepting has paused");
}

static void errors_come_before_warnings(void **state)
{
    (void)state;
    put_certificate("soon", "leaf", "0A", NOW + 86400);
    put_certificate("gone", "leaf", "0B", NOW - 86400);
    const char *text = rendered();
    assert_true(strstr(text, "certificate gone expired") <
                strstr(text, "certificate soon expires"));
}

static void the_last_hour_is_drawn_and_told(void **state)
{
    (void)state;
    put_route("imap", 0, 0);
    begin_view();
    history_minute(&history, &shown.view);
    view_end(&shown.view);
    struct history_route *r = &history.routes[0];
    r->connections.minutes[0] = 100;
    r->connections.minutes[HISTORY_MINUTES - 1] = 1;
    assert_true(view_begin(&shown.view, &shown.snapshot, &shown.counters, NOW));
    const struct page p = {&shown.view, &history, &shown.snapshot, false, &shown.out};
    page_render(&p);
    view_end(&shown.view);
    const char *text = output();
    assert_well_formed(text);
    assert_says(text, "aria-label=\"101 connections in the last hour, 100 at most in a minute\"");
    assert_says(text, "M0 0v24h1v-24z");  /* all of the height */
    assert_says(text, "M118 23v1h1v-1z"); /* to be seen at all */
    assert_null(strstr(text, "http-equiv"));
    assert_says(text, "refresh every 30 seconds");
}

static void what_was_agreed_on_is_a_table(void **state)
{
    (void)state;
    put_route("imap", 0, 0);
    counter_add(&shown.parts[0]->details[0].tls[1][1][0], 1234);
    counter_add(&shown.parts[1]->details[0].tls[1][1][1], 5);
    const char *text = rendered();
    assert_says(text, "TLSv1.3</th><td data-name=\"Cipher\">TLS_AES_128_GCM_SHA256</td>");
    assert_says(text, "1\xe2\x80\xaf"
                      "234</td>");
}

/* ---- texts ---- */

static void nothing_becomes_markup(void **state)
{
    (void)state;
    put_route(EVIL, 0, 1);
    put_upstream(EVIL, EVIL);
    put_certificate(EVIL, "leaf", EVIL, NOW - 1);
    put_crl(EVIL, NOW - 1);
    put_process(EVIL, 0, 0, 1);
    put_reload(NOW, false, EVIL);
    shown.w.facts.reload_well = 0;
    shown.w.facts.state = put(EVIL);
    shown.w.facts.version = shown.w.facts.mbedtls = shown.w.facts.crypto = put(EVIL);
    assert_null(strstr(rendered(), "<b>"));
}

static void two_hundred_routes_with_long_names_are_shown(void **state)
{
    char name[HISTORY_NAME];
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "%064u", i);
        put_route(name, i, 1);
        put_upstream("192.0.2.1:143", NULL);
        put_certificate(name, "leaf", name, NOW + i * 86400);
    }
    const char *text = rendered();
    assert_says(text, name);
    unsigned rows = 0;
    for (const char *p = text; (p = strstr(p, "not tried yet")) != NULL; p++)
        rows++;
    assert_int_equal(rows, 200);
}

static void it_needs_nothing_from_elsewhere(void **state)
{
    static const char *const none[] = {"<script", "<link",    "<img",    "url(",     "@import",
                                       "http://", "https://", " style=", " onclick", "javascript:"};
    (void)state;
    put_route("imap", 0, 0);
    const char *text = rendered();
    for (size_t i = 0; i < COUNT(none); i++)
        assert_null(strstr(text, none[i]));
}

/* RFC 4648, 4. */
static void base64(const uint8_t digest[TLS_SHA256_SIZE], char out[45])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned i = 0; i < 43; i++) {
        unsigned six = 0;
        for (unsigned bit = 6 * i; bit < 6 * i + 6; bit++)
            six = six << 1 | (bit < 256 ? (unsigned)digest[bit / 8] >> (7 - bit % 8) & 1U : 0);
        out[i] = digits[six];
    }
    memcpy(out + 43, "=", 2);
}

static void the_policy_allows_this_style_and_nothing_else(void **state)
{
    struct err e;
    uint8_t digest[TLS_SHA256_SIZE];
    char hash[45], source[80];
    (void)state;
    assert_int_equal(tls_init(&e), 0);
    assert_true(tls_sha256(page_style, strlen(page_style), digest));
    base64(digest, hash);
    snprintf(source, sizeof source, "style-src 'sha256-%s';", hash);
    assert_says(page_policy, source);
    assert_says(page_policy, "default-src 'none';");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin_shown, end_page)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(all_is_well),
        CASE(a_certificate_expires),
        CASE(what_is_short_lived_is_no_trouble_before_its_time),
        CASE(what_is_short_lived_is_a_trouble_in_its_time),
        CASE(a_certificate_has_expired),
        CASE(an_upstream_is_down),
        CASE(server_names_are_shown_with_their_own_upstreams),
        CASE(it_drains),
        CASE(nothing_is_configured),
        CASE(a_reload_was_refused),
        CASE(a_worker_died),
        CASE(workers_died_just_now),
        CASE(deaths_of_before_are_not_told),
        CASE(lines_are_lost_and_accepting_pauses),
        CASE(errors_come_before_warnings),
        CASE(the_last_hour_is_drawn_and_told),
        CASE(what_was_agreed_on_is_a_table),
        CASE(nothing_becomes_markup),
        CASE(two_hundred_routes_with_long_names_are_shown),
        CASE(it_needs_nothing_from_elsewhere),
        CASE(the_policy_allows_this_style_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
