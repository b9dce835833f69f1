/* test_metrics.c - what Prometheus reads, by literal expectations. */
#include "proxy/observer/metrics.h"
#include "tests/unit/observer/shown.h"

static const char *rendered(enum metrics_format format)
{
    begin_view();
    metrics_render(&shown.view, format, &shown.out);
    view_end(&shown.view);
    return output();
}

static void assert_has(const char *text, const char *line)
{
    char whole[1024];
    snprintf(whole, sizeof whole, "\n%s\n", line);
    if (strstr(text, whole) == NULL)
        fail_msg("there is no line %s in\n%s", line, text);
}

static void a_route_is_the_sum_of_its_workers(void **state)
{
    (void)state;
    put_route("imap", 5, 0);
    counter_add(&shown.parts[0]->route[5].accepted, 3);
    counter_add(&shown.parts[1]->route[5].accepted, 4);
    counter_add(&shown.parts[0]->route[6].accepted, 100); /* another route's */
    counter_add(&shown.parts[1]->route[5].stage[STAGE_RELAY], 2);
    counter_add(&shown.parts[0]->route[5].bytes_in, 10);
    counter_add(&shown.parts[0]->route[5].bytes_out, 20);
    counter_add(&shown.parts[0]->route[5].logins_refused, 6);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_has(text, "# TYPE tlsfront_connections_total counter");
    assert_has(text, "tlsfront_connections_total{route=\"imap\"} 7");
    assert_has(text, "tlsfront_connections{route=\"imap\",stage=\"relay\"} 2");
    assert_has(text, "tlsfront_connections{route=\"imap\",stage=\"handshake\"} 0");
    assert_has(text, "tlsfront_received_bytes_total{route=\"imap\",side=\"client\"} 10");
    assert_has(text, "tlsfront_sent_bytes_total{route=\"imap\",side=\"upstream\"} 10");
    assert_has(text, "tlsfront_received_bytes_total{route=\"imap\",side=\"upstream\"} 20");
    assert_has(text, "tlsfront_sent_bytes_total{route=\"imap\",side=\"client\"} 20");
    assert_has(text, "tlsfront_plaintext_logins_refused_total{route=\"imap\"} 6");
}

static void handshakes_are_told_apart_by_what_was_agreed_on(void **state)
{
    (void)state;
    put_route("imap", 0, 0);
    struct route_details *d = &shown.parts[0]->details[0];
    unsigned x25519 = 1;
    while (strcmp(tls_group_name(x25519), "x25519") != 0)
        x25519++;
    counter_add(&d->tls[1][x25519][0], 5);
    counter_add(&d->tls[1][0][1], 2);
    counter_add(&d->tls[0][0][0], 1);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_has(text, "tlsfront_handshakes_total{route=\"imap\",version=\"TLSv1.3\","
                     "cipher=\"TLS_AES_128_GCM_SHA256\",group=\"x25519\",resumed=\"no\"} 5");
    assert_has(text, "tlsfront_handshakes_total{route=\"imap\",version=\"TLSv1.3\","
                     "cipher=\"TLS_AES_128_GCM_SHA256\",group=\"none\",resumed=\"yes\"} 2");
    assert_has(text, "tlsfront_handshakes_total{route=\"imap\",version=\"other\",cipher=\"other\","
                     "group=\"none\",resumed=\"no\"} 1");
}

static void every_cipher_and_group_of_ours_can_be_shown(void **state)
{
    unsigned ciphers = 0, groups = 0;
    (void)state;
    put_route("imap", 0, 0);
    while (tls_cipher_name(ciphers + 1) != NULL)
        ciphers++;
    while (tls_group_name(groups + 1) != NULL)
        groups++;
    counter_add(&shown.parts[0]->details[0].tls[ciphers][groups][0], 77);
    assert_non_null(strstr(rendered(METRICS_PROMETHEUS), "resumed=\"no\"} 77\n"));
}

static void reasons_are_there_from_the_beginning_and_ends_when_they_happen(void **state)
{
    (void)state;
    put_route("imap", 0, 0);
    counter_add(&shown.parts[0]->details[0].ends[STAGE_RELAY][FAULT_NONE], 9);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_has(text, "tlsfront_connections_refused_total{route=\"imap\",reason=\"limit\"} 0");
    assert_has(text, "tlsfront_handshake_failures_total{route=\"imap\",reason=\"version\"} 0");
    assert_has(text, "tlsfront_starttls_total{route=\"imap\",outcome=\"done\"} 0");
    assert_has(text,
               "tlsfront_connection_ends_total{route=\"imap\",stage=\"relay\",fault=\"none\"} 9");
    assert_null(strstr(text, "fault=\"client\""));
}

static void a_histogram_adds_up(void **state)
{
    (void)state;
    put_route("a", 0, 0);
    put_route("b", 1, 0);
    counter_add(&shown.parts[0]->details[0].handshake_ms[handshake_bucket(4)], 2);
    counter_add(&shown.parts[1]->details[1].handshake_ms[handshake_bucket(99999)], 1);
    counter_add(&shown.parts[0]->details[0].handshake_ms_sum, 1007);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_has(text, "tlsfront_handshake_seconds_bucket{le=\"0.001\"} 0");
    assert_has(text, "tlsfront_handshake_seconds_bucket{le=\"0.005\"} 2");
    assert_has(text, "tlsfront_handshake_seconds_bucket{le=\"10.000\"} 2");
    assert_has(text, "tlsfront_handshake_seconds_bucket{le=\"+Inf\"} 3");
    assert_has(text, "tlsfront_handshake_seconds_sum 1.007");
    assert_has(text, "tlsfront_handshake_seconds_count 3");
}

static void attempt(unsigned part, unsigned slot, const char *upstream, uint64_t when, bool up)
{
    struct upstream_counters *u =
        upstream_counters_of(&shown.parts[part]->details[slot], upstream_key(upstream));
    counter_set(&u->when, when);
    counter_set(&u->up, up);
    if (!up)
        counter_add(&u->failures[UPSTREAM_TIMEOUT], 1);
}

static void server_names_are_counted_beside_their_routes(void **state)
{
    (void)state;
    put_route("a", 0, 0);
    put_route_with("b", 1, 0, 2);
    put_server_name("a.example", 5, 1);
    put_server_name("*.b.example", 6, 0);
    put_name_upstream("192.0.2.2:143", NULL);
    counter_add(&shown.parts[0]->name[5].accepted, 2);
    counter_add(&shown.parts[1]->name[5].accepted, 3);
    counter_add(&shown.parts[1]->name[6].bytes_out, 7);
    struct upstream_counters *u = upstream_counters_of(&shown.parts[0]->details[DETAILS_OF_NAME(5)],
                                                       upstream_key("192.0.2.2:143"));
    counter_set(&u->when, 5);
    counter_add(&u->failures[UPSTREAM_TIMEOUT], 1);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_has(text,
               "tlsfront_server_name_connections_total{route=\"b\",server_name=\"a.example\"} 5");
    assert_has(text,
               "tlsfront_server_name_sent_bytes_total{route=\"b\",server_name=\"*.b.example\"} 7");
    assert_has(text,
               "tlsfront_upstream_up{route=\"b\",server_name=\"a.example\",upstream=\"192.0.2."
               "2:143\"} 0");
    assert_has(text, "tlsfront_upstream_failures_total{route=\"b\",server_name=\"a.example\","
                     "upstream=\"192.0.2.2:143\",reason=\"timeout\"} 1");
    assert_null(strstr(text, "(others)"));
}

/* So many series and no more, and nothing is left out of the sums. */
static void names_beyond_those_that_are_shown_are_added_up(void **state)
{
    char name[32];
    (void)state;
    put_route_with("a", 0, 0, VIEW_NAMES_MAX - 1);
    put_route_with("b", 1, 0, 3);
    put_route_with("c", 2, 0, 1);
    put_route("d", 3, 0);
    for (uint32_t i = 0; i < VIEW_NAMES_MAX + 3; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        put_server_name(name, i, 1);
        put_name_upstream("192.0.2.2:143", "the name has none");
        counter_add(&shown.parts[0]->name[i].active, i);
    }
    const char *text = rendered(METRICS_PROMETHEUS);
    snprintf(name, sizeof name, "n%d.example\"} %d", VIEW_NAMES_MAX - 1, VIEW_NAMES_MAX - 1);
    assert_non_null(strstr(text, name));
    snprintf(name, sizeof name, "n%d.example", VIEW_NAMES_MAX);
    assert_null(strstr(text, name));
    assert_has(text, "tlsfront_server_name_connections{route=\"b\",server_name=\"(others)\"} 513");
    assert_has(text, "tlsfront_server_name_connections{route=\"c\",server_name=\"(others)\"} 258");
    assert_null(strstr(text, "route=\"a\",server_name=\"(others)"));
    assert_null(strstr(text, "route=\"d\",server_name"));
}

static void an_upstream_is_what_the_last_attempt_made_of_it(void **state)
{
    (void)state;
    put_route("a", 0, 3);
    put_upstream("192.0.2.1:143", NULL);
    put_upstream("192.0.2.2:143", NULL);
    put_upstream("192.0.2.3:143", NULL);
    put_route("b", 1, 1);
    put_upstream("imap.example:143", "the name has none");
    attempt(0, 0, "192.0.2.1:143", 2000, false);
    attempt(1, 0, "192.0.2.1:143", 1000, true);
    attempt(0, 0, "192.0.2.2:143", 1000, false);
    attempt(1, 0, "192.0.2.2:143", 2000, true);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_has(text, "tlsfront_upstream_up{route=\"a\",upstream=\"192.0.2.1:143\"} 0");
    assert_has(text, "tlsfront_upstream_up{route=\"a\",upstream=\"192.0.2.2:143\"} 1");
    assert_null(strstr(text, "up{route=\"a\",upstream=\"192.0.2.3:143\"}"));
    assert_has(text, "tlsfront_upstream_up{route=\"b\",upstream=\"imap.example:143\"} 0");
    assert_has(text, "tlsfront_upstream_failures_total{route=\"a\",upstream=\"192.0.2.1:143\","
                     "reason=\"timeout\"} 1");
}

static void each_certificate_is_told_once(void **state)
{
    (void)state;
    put_certificate("mail", "leaf", "0A", NOW + 1);
    put_certificate("mail", "intermediate", "0B", NOW + 2);
    put_certificate("mail", "intermediate", "0B", NOW + 2);
    put_crl("/etc/a.crl", NOW + 9);
    put_crl("/etc/a.crl", NOW + 4);
    put_ticket_key("/etc/new", "12ab", NOW - 5);
    put_ticket_key("/etc/old", "34cd", NOW - 7);
    const char *text = rendered(METRICS_PROMETHEUS);
    const char line[] = "tlsfront_certificate_not_after_timestamp_seconds{certificate=\"mail\","
                        "kind=\"intermediate\",serial=\"0B\"} 1800000002";
    assert_has(text, "tlsfront_certificate_not_after_timestamp_seconds{certificate=\"mail\","
                     "kind=\"leaf\",serial=\"0A\"} 1800000001");
    assert_has(text, line);
    assert_null(strstr(strstr(text, line) + 1, line));
    assert_has(text, "tlsfront_certificate_not_before_timestamp_seconds{certificate=\"mail\","
                     "kind=\"leaf\",serial=\"0A\"} 1799999001");
    assert_has(text, "tlsfront_ticket_key_modified_timestamp_seconds{file=\"/etc/new\","
                     "fingerprint=\"12ab\",use=\"seals\"} 1799999995");
    assert_has(text, "tlsfront_ticket_key_modified_timestamp_seconds{file=\"/etc/old\","
                     "fingerprint=\"34cd\",use=\"opens\"} 1799999993");
    assert_has(text, "tlsfront_crl_next_update_timestamp_seconds{file=\"/etc/a.crl\"} 1800000004");
    assert_null(strstr(text, "1800000009"));
}

static void the_daemon_tells_of_itself(void **state)
{
    (void)state;
    shown.w.facts.worker_restarts = 2;
    shown.w.facts.log_lost = 5;
    counter_add(&shown.parts[1]->log_lost, 1);
    counter_add(&shown.parts[1]->accept_pauses, 8);
    put_process("worker", 1, 2, -1);
    const char *text = rendered(METRICS_PROMETHEUS);
    assert_non_null(strstr(text, "tlsfront_build_info{version=\"9.8.7\",mbedtls=\"3.6.7\","
                                 "crypto=\"libcrypto 3\",libuv=\"1.44.2\"} 1\n"));
    assert_has(text, "tlsfront_start_time_seconds 1799996400");
    assert_has(text, "tlsfront_ready 1");
    assert_has(text, "tlsfront_config_generation 3");
    assert_has(text, "tlsfront_config_info{hash=\"abcdef\",config_hash=\"abc\","
                     "files_hash=\"def\"} 1");
    assert_has(text, "tlsfront_config_last_reload_successful 1");
    assert_has(text, "tlsfront_config_last_reload_success_timestamp_seconds 1799999940");
    assert_has(text, "tlsfront_worker_restarts_total 2");
    assert_has(text, "tlsfront_log_lines_lost_total 6");
    assert_has(text, "tlsfront_accept_pauses_total 8");
    assert_has(text, "process_cpu_seconds_total{process=\"worker\",index=\"1\"} 12.345");
    assert_has(text, "process_resident_memory_bytes{process=\"worker\",index=\"1\"} 7340032");
    assert_null(strstr(text, "process_open_fds{"));
}

static void values_of_labels_are_escaped(void **state)
{
    (void)state;
    put_route("imap", 0, 1);
    put_upstream("unix:/" EVIL, "no");
    assert_has(rendered(METRICS_PROMETHEUS),
               "tlsfront_upstream_up{route=\"imap\",upstream=\"unix:/<b>&\\\"'\\\\\\n\"} 0");
}

static void openmetrics_names_counters_without_their_ending(void **state)
{
    (void)state;
    put_route("imap", 0, 0);
    const char *text = rendered(METRICS_OPENMETRICS);
    assert_has(text, "# TYPE tlsfront_connections_refused counter");
    assert_null(strstr(text, "# TYPE tlsfront_connections_refused_total"));
    assert_has(text, "tlsfront_connections_refused_total{route=\"imap\",reason=\"limit\"} 0");
    assert_string_equal(text + strlen(text) - 6, "# EOF\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_route_is_the_sum_of_its_workers),
        TEST(handshakes_are_told_apart_by_what_was_agreed_on),
        TEST(every_cipher_and_group_of_ours_can_be_shown),
        TEST(reasons_are_there_from_the_beginning_and_ends_when_they_happen),
        TEST(a_histogram_adds_up),
        TEST(server_names_are_counted_beside_their_routes),
        TEST(names_beyond_those_that_are_shown_are_added_up),
        TEST(an_upstream_is_what_the_last_attempt_made_of_it),
        TEST(each_certificate_is_told_once),
        TEST(the_daemon_tells_of_itself),
        TEST(values_of_labels_are_escaped),
        TEST(openmetrics_names_counters_without_their_ending),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
