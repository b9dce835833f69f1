/* test_ends.c - every row of the table of ends by a way that leads to it: what both sides get, and
 * whom the log blames; and how long a session may linger. */
#include "proxy/starttls/expected.h"
#include "tests/unit/session/places.h"

/* ---- ways to ends that are no cell of the other table ---- */

static void refused_socket(void)
{
    f.open_fails = UV_EBADF;
    arrive(TCP);
}

static void no_proxy_header(void)
{
    to_announce();
    client_sends("HELO\r\n", 6);
}

static void goodbye_and_gone(void)
{
    to_relay();
    tls_client_close_notify(f.tls);
    tls_sends();
    client_ends();
    client->breaks = UV_EPIPE;
    upstream_ends();
}

static void chatter_behind_goodbye(void)
{
    static char much[SESSION_DROPPED_MAX / 8];
    to_relay_client_done();
    for (int i = 0; i < 9; i++)
        client_sends(much, sizeof much);
}

static void upstream_gone_behind_its_end(void)
{
    to_relay_upstream_done();
    upstream->breaks = UV_EPIPE;
    client_says("NOOP\r\n");
}

/* What it said before it stopped taking anything is the client's. */
static void last_words_of_a_deaf_upstream(void)
{
    to_relay();
    upstream->breaks = UV_ECONNRESET;
    client_says("NOOP\r\n");
    upstream_says("too much\r\n");
}

static void last_words_of_a_deaf_client(void)
{
    to_relay();
    client->breaks = UV_ECONNRESET;
    upstream_says("+OK\r\n");
    client_says("last\r\n");
}

static void answer_that_the_client_did_not_take(void)
{
    to_relay();
    client->breaks = UV_ECONNRESET;
    upstream_says("+OK\r\n");
    upstream_ends();
}

static void command_behind_the_upgrade(void)
{
    to_preamble();
    client_says("STLS\r\nUSER anna\r\n");
}

static void quit(void)
{
    to_preamble();
    client_says("QUIT\r\n");
}

static void nonsense_again_and_again(void)
{
    to_preamble();
    while (f.s->state == SESSION_PREAMBLE)
        client_says("XYZZY\r\n");
}

static void nonsense_of_the_upstream(void)
{
    arrive(OPTIONAL);
    upstream_connects(0);
    upstream_says("HTTP/1.1 400 Bad Request\r\n");
}

static void upstream_that_is_full(void)
{
    arrive(OPTIONAL);
    upstream_connects(0);
    upstream_says("-ERR [SYS/TEMP] full\r\n");
}

static void upstream_that_is_full_behind_the_upgrade(void)
{
    to_preamble();
    client_says("STLS\r\n");
    begin_tls();
    upstream_connects(0);
    upstream_says("-ERR [SYS/TEMP] full\r\n");
}

static void line_without_end(void)
{
    static char line[20000];
    memset(line, 'x', sizeof line);
    to_preamble();
    client_sends(line, sizeof line);
}

static void chunk_that_nobody_takes(void)
{
    arrive(MX);
    upstream_connects(0);
    upstream_says("220 old\r\n");
    client_says("BDAT 9\r\n");
}

static void to_relay_in_clear_client_done(void)
{
    to_relay_in_clear();
    client_ends();
}

static void to_relay_in_clear_client_slow(void)
{
    to_relay_in_clear();
    client->stuck = true;
    upstream_says("+OK more\r\n");
    client_ends();
    upstream_ends(); /* libuv tells it right behind the bytes */
}

static void no_ldap(void)
{
    arrive(DIRECTORY);
    client_says("QUIT\r\n");
}

static void request_that_is_too_large(void)
{
    arrive(DIRECTORY);
    char add[96] = "\x30\x83\x05\x00\x00\x02\x01\x01\x68\x83\x04\xff\xf8";
    client_sends(add, sizeof add);
}

static void tricked_browser(void)
{
    to_preamble();
    client_says("GET / HTTP/1.1\r\n");
}

static void address_behind_a_dot_alone(void)
{
    arrive(MX);
    upstream_connects(0);
    upstream_says("220 old\r\n");
    client_says("DATA\r\n");
    upstream_says("354 go\r\n");
    client_says("x\n.\nXCLIENT ADDR=::1\r\n");
}

static void hello_on_the_wrong_port(void)
{
    to_preamble();
    client_sends("\x16\x03\x01\x02\x00\x01", 6);
}

static void hello_before_a_greeting(void)
{
    arrive(OPTIONAL);
    client_sends("\x16\x03\x01\x02\x00\x01", 6);
}

/* It hangs up when it is asked again with HELO. */
static void upstream_too_old_for_ehlo(void)
{
    arrive(MX);
    upstream_connects(0);
    upstream_says("220 old\r\n");
    client_says("EHLO me\r\n");
    upstream_says("500 what?\r\n");
}

/* The upstream is not read from meanwhile, so it is not to blame. */
static void greeting_that_nobody_reads(void)
{
    arrive(SIEVE_TELLING);
    upstream_connects(0);
    client->stuck = true;
    upstream_says(HALF);
}

/* Its kernel took some of it, and no more. */
static void reader_that_has_stopped(void)
{
    to_relay();
    client->stuck = true;
    upstream_says("much");
    time_is_up();
}

static void upload_that_flows(void)
{
    to_relay();
    upstream->stuck = true;
    client_says("much");
}

static void download_at_the_end_of_a_drain(void)
{
    to_relay();
    client->stuck = true;
    upstream_says("much");
    drain_ends(1000, 1000);
}

static void nonsense_for_a_handshake(void)
{
    to_handshake();
    client_sends("USER anna\r\n", 11);
}

static void refused(enum scene_route route, enum starttls_refusal why)
{
    arrive_as(route, false, (struct admission){.refusal = why, .courtesy = true});
}

static void untold(enum starttls_refusal why)
{
    arrive_as(TCP, true, (struct admission){.refusal = why, .courtesy = true});
    f.all.courtesies += f.all.limit;
    client_says("PROXY TCP4 192.0.2.7 192.0.2.8 1 2\r\n");
    f.all.courtesies -= f.all.limit;
}

static void silent_check(void)
{
    to_check_of(TCP);
    f.tls = tls_client_new(NAME, NULL);
}

static void check_that_was_served(void)
{
    to_check();
    client_says("NOOP\r\n");
    upstream_connects(0);
}

static void check_while_draining(void)
{
    arrive_as(TCP, true, (struct admission){.refusal = REFUSE_DRAINING, .courtesy = true});
    client_says(PROXY);
}

static void one_of_many(void)
{
    untold(REFUSE_TOO_MANY);
}

static void denied_and_untold(void)
{
    untold(REFUSE_DENIED);
}

static void too_fast_and_untold(void)
{
    untold(REFUSE_TOO_FAST);
}

static void denied(void)
{
    refused(REQUIRED, REFUSE_DENIED);
}

static void too_many_of_one(void)
{
    arrive_as(REQUIRED, false,
              (struct admission){.refusal = REFUSE_TOO_MANY, .own_limit = true, .courtesy = true});
}

static void too_fast(void)
{
    refused(REQUIRED, REFUSE_TOO_FAST);
}

static void denied_behind_tls(void)
{
    refused(POP3S, REFUSE_DENIED);
    begin_tls();
}

static void denied_request(void)
{
    refused(HTTP, REFUSE_DENIED);
}

static void denied_challenge(void)
{
    refused(ALPN, REFUSE_DENIED);
    begin_tls_as("acme-tls/1");
}

static void too_fast_and_silent(void)
{
    refused(POP3S, REFUSE_TOO_FAST);
    f.tls = tls_client_new(NAME, NULL);
}

/* A sender of mail, which looks for the policy. */
static void to_policy_request(void)
{
    arrive(STS);
    begin_tls();
}

#define WANTED(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void wanted_policy(void)
{
    to_policy_request();
    client_says(WANTED("/.well-known/mta-sts.txt"));
}

static void wanted_policy_in_pieces(void)
{
    to_policy_request();
    client_says("GET /.well-known/mta-");
    client_says("sts.txt HTTP/1.1\r\nHost: x\r\n\r");
    client_says("\n");
}

static void wanted_page(void)
{
    to_policy_request();
    client_says(WANTED("/"));
}

static void too_many_policies(void)
{
    refused(STS, REFUSE_TOO_MANY);
    begin_tls();
}

static void nonsense_behind_the_handshake(void)
{
    to_policy_request();
    client_sends("GET / HTTP/1.1\r\n", 16);
}

static void too_many_and_silent(void)
{
    refused(POP3S, REFUSE_TOO_MANY);
    f.tls = tls_client_new(NAME, NULL);
}

static void draining_and_silent(void)
{
    refused(POP3S, REFUSE_DRAINING);
    f.tls = tls_client_new(NAME, NULL);
}

static void lacks(enum peer_lack what, int error)
{
    upstream->peer->lacks = what;
    upstream_connects(error);
}

static void cannot_come_from_its_source(void)
{
    lacks(PEER_LACKS_SOURCE, UV_EADDRNOTAVAIL);
}

static void no_port(void)
{
    to_dial();
    lacks(PEER_LACKS_PORT, UV_EADDRNOTAVAIL);
    closes(upstream);
    lacks(PEER_LACKS_PORT, UV_EADDRNOTAVAIL);
}

static void no_descriptor(void)
{
    to_dial();
    lacks(PEER_LACKS_MEANS, UV_EMFILE);
}

static void no_source(void)
{
    to_dial();
    cannot_come_from_its_source();
    closes(upstream);
    cannot_come_from_its_source();
}

static void no_source_for_the_first(void)
{
    to_dial();
    cannot_come_from_its_source();
    closes(upstream);
    upstream_connects(UV_ECONNREFUSED);
}

static void too_many(void)
{
    refused(REQUIRED, REFUSE_TOO_MANY);
}

static void too_many_behind_tls(void)
{
    refused(POP3S, REFUSE_TOO_MANY);
    begin_tls();
}

static void too_many_requests(void)
{
    refused(HTTP, REFUSE_TOO_MANY);
}

static void too_many_challenges(void)
{
    refused(ALPN, REFUSE_TOO_MANY);
    begin_tls_as("acme-tls/1");
}

static void draining(void (*reach)(void))
{
    f.all.draining = true;
    reach();
    f.all.draining = false;
}

static void draining_policy(void)
{
    draining(to_policy_request);
}

static void draining_behind_tls(void)
{
    draining(to_dial);
}

static void draining_check(void)
{
    draining(to_check);
}

static void draining_request(void)
{
    draining(to_request);
}

static void draining_challenge(void)
{
    draining(to_query_in_tls);
}

static void unfit_request(void)
{
    to_request();
    client_says("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

static void unclear_request(void)
{
    to_request();
    client_says("\x16\x03\x01\r\n\r\n");
}

static void out_of_memory(void)
{
    to_announce();
    countdown = 0;
    client_sends("PROXY", 5);
    countdown = -1;
}

/* ---- the table ---- */

#define READY   "+OK front.example ready\r\n"
#define FIRST   "-ERR Must issue a STLS command first\r\n"
#define DIALLED "<dialled>" PROXY

static const struct way {
    enum end end;
    void (*reach)(void);
    bool (*then)(void);            /* what ends it; NULL: that has happened */
    const char *level, *fault;     /* in the log */
    const char *client, *upstream; /* all that they got */
} ways[] = {
    {END_OUT_OF_MEMORY, out_of_memory, NULL, "info", "tlsfront", "<close>", ""},
    {END_NO_SOCKET, refused_socket, NULL, "info", "tlsfront", "<close>", ""},
    {END_STOPPED, to_relay, worker_stops, "info", "tlsfront", "<bye><close>", DIALLED "<close>"},
    {END_STOPPED_AMID, upload_that_flows, worker_stops, "info", "tlsfront", "<reset>",
     DIALLED "much<reset>"},
    {END_PROXY_HEADER_BAD, no_proxy_header, NULL, "info", "client", "<close>", ""},
    {END_PROXY_HEADER_LATE, to_announce, time_is_up, "info", "client", "<close>", ""},
    {END_LEFT_BEFORE_TLS, to_preamble, client_finishes, "debug", "none", READY "<close>", ""},
    {END_LEFT_IN_REQUEST, to_request, client_finishes, "debug", "none", "<close>", ""},
    {END_CLIENT_BROKE, to_relay, client_goes, "info", "client", "<close>", DIALLED "<reset>"},
    {END_CLIENT_BROKE, to_announce, client_goes, "debug", "none", "<close>", ""},
    {END_CLIENT_BROKE, to_check, client_goes, "debug", "none", "<close>", ""},
    {END_CLIENT_BROKE, last_words_of_a_deaf_client, client_goes, "info", "client", "<close>",
     DIALLED "last\r\n<reset>"},
    {END_CLIENT_BROKE, answer_that_the_client_did_not_take, client_goes, "info", "client",
     "<close>", DIALLED "<reset>"},
    {END_CLIENT_CLOSED, to_relay_client_done, upstream_finishes, "info", "none", "<bye><close>",
     DIALLED "<close>"},
    {END_CLIENT_CLOSED_IN_CLEAR, to_relay_in_clear_client_done, upstream_finishes, "info", "none",
     "+OK hello\r\n<close>", "<dialled>NOOP\r\n<close>"},
    {END_CLIENT_CLOSED_IN_CLEAR, to_relay_in_clear_client_slow, NULL, "info", "none",
     "+OK hello\r\n+OK more\r\n", "<dialled>NOOP\r\n<close>"}, /* it takes that first */
    {END_CLIENT_LEFT, goodbye_and_gone, NULL, "info", "none", "<close>", DIALLED "<reset>"},
    {END_CLIENT_CHATTED, chatter_behind_goodbye, NULL, "info", "client", "<close>",
     DIALLED "<reset>"},
    {END_CLIENT_STAYED, to_relay_upstream_done, time_is_up, "info", "client", "<bye><close>",
     DIALLED "<reset>"},
    {END_UPSTREAM_BROKE, to_relay, upstream_goes, "info", "upstream", "<reset>", DIALLED "<close>"},
    {END_UPSTREAM_BROKE, last_words_of_a_deaf_upstream, upstream_goes, "info", "upstream",
     "too much\r\n<reset>", DIALLED "<close>"},
    {END_UPSTREAM_BROKE_IN_CLEAR, upstream_too_old_for_ehlo, upstream_goes, "info", "upstream",
     "220 old\r\n500 what?\r\n<fin>", "<dialled>EHLO me\r\nHELO me\r\n<close>"},
    {END_UPSTREAM_CLOSED, to_relay_upstream_done, client_says_goodbye, "info", "none",
     "<bye><close>", DIALLED "<close>"},
    {END_UPSTREAM_CLOSED_IN_CLEAR, to_relay_in_clear, upstream_finishes, "info", "none",
     "+OK hello\r\n<fin>", "<dialled>NOOP\r\n<close>"},
    {END_UPSTREAM_LEFT, upstream_gone_behind_its_end, NULL, "info", "none", "<bye><fin>",
     DIALLED "<close>"},
    {END_UPSTREAM_STAYED, to_relay_client_done, time_is_up, "info", "upstream", "<bye><fin>",
     DIALLED "<close>"},
    {END_UPSTREAM_TLS, to_relay_secured, upstream_finishes, "info", "upstream", "<reset>",
     "<close>"},
    {END_IDLE, to_relay, time_is_up, "info", "none", "<bye><fin>", DIALLED "<close>"},
    {END_IDLE, check_that_was_served, time_is_up, "debug", "none", "<bye><fin>",
     DIALLED "NOOP\r\n<close>"},
    {END_DRAINED, to_relay, worker_drains, "info", "tlsfront", "<bye><fin>", DIALLED "<close>"},
    {END_IDLE, greeting_that_nobody_reads, time_is_up, "info", "none", HALF, "<dialled><close>"},
    {END_IDLE_AMID, reader_that_has_stopped, time_is_up, "info", "none", "much", DIALLED "<reset>"},
    {END_DRAINED_AMID, download_at_the_end_of_a_drain, NULL, "info", "tlsfront", "much",
     DIALLED "<reset>"},
    {END_TLS_FAILED, to_handshake, client_finishes, "debug", "none", "<close>", ""},
    {END_TLS_FAILED, to_check, client_finishes, "debug", "none", "<close>", ""},
    {END_TLS_FAILED, nonsense_for_a_handshake, NULL, "info", "client", "<alert 10><fin>", ""},
    {END_TLS_FAILED, to_relay, client_finishes, "info", "client", "<close>", DIALLED "<reset>"},
    {END_HANDSHAKE_LATE, silent_check, time_is_up, "debug", "none", "<alert 90><fin>", ""},
    {END_HANDSHAKE_LATE, to_handshake, time_is_up, "info", "client", "<alert 90><fin>", ""},
    {END_INJECTED, command_behind_the_upgrade, NULL, "info", "client", READY "<fin>", ""},
    {END_DIALOGUE, quit, NULL, "info", "none", READY "+OK Bye\r\n<fin>", ""},
    {END_DIALOGUE_SENT_AWAY, upstream_that_is_full, NULL, "info", "none",
     "-ERR [SYS/TEMP] full\r\n<fin>", "<dialled><close>"},
    {END_DIALOGUE_TOO_LONG, line_without_end, NULL, "info", "client",
     READY "-ERR Line too long\r\n<fin>", ""},
    {END_DIALOGUE_TOO_LARGE, request_that_is_too_large, NULL, "info", "client", "0<\x02\x01<fin>",
     ""},
    {END_DIALOGUE_UNREADABLE, chunk_that_nobody_takes, NULL, "info", "client",
     "220 old\r\n503 5.5.1 CHUNKING was not offered\r\n<fin>", "<dialled><close>"},
    {END_DIALOGUE_NOT_LDAP, no_ldap, NULL, "info", "client", "07\x02\x01<fin>", ""},
    {END_DIALOGUE_WEB, tricked_browser, NULL, "info", "client",
     READY "-ERR This is not a web server\r\n<fin>", ""},
    {END_DIALOGUE_HIDDEN, address_behind_a_dot_alone, NULL, "info", "client",
     "220 old\r\n354 go\r\n421 4.7.0 Insufficient authorization\r\n<fin>",
     "<dialled>DATA\r\nx\n.\nXCLIENT ADDR<close>"},
    {END_DIALOGUE_BROKEN, nonsense_of_the_upstream, NULL, "info", "upstream",
     "-ERR [SYS/TEMP] Service not available, try again later\r\n<fin>", "<dialled><close>"},
    {END_DIALOGUE_REFUSED, upstream_that_is_full_behind_the_upgrade, NULL, "info", "upstream",
     "-ERR [SYS/TEMP] Service not available, try again later\r\n<bye><fin>", "<dialled><close>"},
    {END_SPOKE_TLS, hello_on_the_wrong_port, NULL, "info", "client", READY "<fin>", ""},
    {END_SPOKE_TLS, hello_before_a_greeting, NULL, "info", "client", "<fin>", "<dialled><reset>"},
    {END_DIALOGUE_ERRORS, nonsense_again_and_again, NULL, "info", "client",
     READY FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST FIRST
     "-ERR Too many errors, closing connection\r\n<fin>",
     ""},
    {END_NO_SOURCE, no_source, upstream_is_closed, "info", "tlsfront", "<bye><fin>",
     "<dialled><reset>"},
    {END_NO_SOURCE, no_port, upstream_is_closed, "info", "tlsfront", "<bye><fin>",
     "<dialled><reset>"},
    {END_NO_UPSTREAM, no_source_for_the_first, upstream_is_closed, "info", "upstream", "<bye><fin>",
     "<dialled><reset>"},
    {END_NO_UPSTREAM, to_dial_closing_last, upstream_is_closed, "info", "upstream", "<bye><fin>",
     "<dialled><reset>"},
    {END_NO_UPSTREAM, to_opening_half_greeted, time_is_up, "info", "upstream",
     HALF "BYE (TRYLATER) \"" DOWN "\"\r\n<fin>", "<dialled><close>"},
    {END_NO_UPSTREAM, to_opening_half_greeted, upstream_finishes, "info", "upstream",
     HALF "BYE (TRYLATER) \"" DOWN "\"\r\n<fin>", "<dialled><close>"},
    {END_TOO_MANY, too_many, NULL, "info", "tlsfront",
     "-ERR [SYS/TEMP] Too many connections, try again later\r\n<fin>", ""},
    {END_TOO_MANY, too_many_behind_tls, NULL, "info", "tlsfront",
     "-ERR [SYS/TEMP] Too many connections, try again later\r\n<bye><fin>", ""},
    {END_TOO_MANY, no_descriptor, NULL, "info", "tlsfront", "<bye><fin>", "<dialled><close>"},
    {END_TOO_MANY, too_many_requests, NULL, "info", "tlsfront",
     HTTP("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {END_DRAINING, draining_behind_tls, NULL, "info", "tlsfront", "<bye><fin>", ""},
    {END_DRAINING, draining_request, NULL, "info", "tlsfront",
     HTTP("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {END_TLS_LATE, to_preamble, time_is_up, "info", "client", READY LATE "<fin>", ""},
    {END_CHALLENGE_ANSWERED, to_query, challenge_is_found, "info", "none",
     HTTP("200 OK", "application/octet-stream", "17", "", "key-authorization"), ""},
    {END_CHALLENGE_UNKNOWN, to_query, challenge_is_unknown, "info", "client",
     HTTP("404 Not Found", TEXT, "46", "", "Only the answers to ACME challenges are here.\n"), ""},
    {END_CHALLENGE_UNFIT, to_query, challenge_is_unfit, "info", "tlsfront",
     HTTP("404 Not Found", TEXT, "46", "", "Only the answers to ACME challenges are here.\n"), ""},
    {END_TLS_FAILED, to_query_in_tls, challenge_is_unknown, "info", "client", "<alert 112><fin>",
     ""},
    {END_TLS_FAILED, to_query_in_tls, challenge_is_unfit, "info", "tlsfront", "<alert 112><fin>",
     ""},
    {END_SIGNER_LATE, to_sign, time_is_up, "info", "tlsfront", "<alert 80><fin>", ""},
    {END_CHALLENGE_LATE, to_query, time_is_up, "info", "tlsfront",
     HTTP("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {END_CHALLENGE_LATE, to_query, challenge_is_not_looked_for, "info", "tlsfront",
     HTTP("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {END_CHALLENGE_LATE_TLS, to_query_in_tls, challenge_is_not_looked_for, "info", "tlsfront",
     "<alert 80><fin>", ""},
    {END_CHALLENGE_LATE_TLS, to_query_in_tls, time_is_up, "info", "tlsfront", "<alert 80><fin>",
     ""},
    {END_TOO_MANY_TLS, too_many_challenges, NULL, "info", "tlsfront", "<alert 80><fin>", ""},
    {END_TOO_MANY_TLS, too_many_and_silent, time_is_up, "info", "tlsfront", "<alert 80><fin>", ""},
    {END_DRAINING_TLS, draining_and_silent, time_is_up, "info", "tlsfront", "<alert 80><fin>", ""},
    {END_DRAINING_TLS, draining_challenge, NULL, "info", "tlsfront", "<alert 80><fin>", ""},
    {END_ONE_OF_MANY, one_of_many, NULL, "info", "tlsfront", "<reset>", ""},
    {END_CHECK_DRAINING, draining_check, NULL, "debug", "tlsfront", "<reset>", ""},
    {END_CHECK_DRAINING, check_while_draining, NULL, "debug", "tlsfront", "<reset>", ""},
    {END_DENIED, denied, NULL, "info", "client",
     "-ERR [SYS/TEMP] No service for your address\r\n<fin>", ""},
    {END_DENIED, denied_behind_tls, NULL, "info", "client",
     "-ERR [SYS/TEMP] No service for your address\r\n<bye><fin>", ""},
    {END_DENIED, denied_request, NULL, "info", "client",
     HTTP("403 Forbidden", TEXT, "38", "", "There is no service for your address.\n"), ""},
    {END_DENIED_TLS, denied_challenge, NULL, "info", "client", "<alert 49><fin>", ""},
    {END_DENIED_UNTOLD, denied_and_untold, NULL, "info", "client", "<reset>", ""},
    {END_TOO_FAST, too_fast, NULL, "info", "client",
     "-ERR [SYS/TEMP] Too many connections in a short time, try again later\r\n<fin>", ""},
    {END_TOO_MANY_OF_ONE, too_many_of_one, NULL, "info", "client",
     "-ERR [SYS/TEMP] Too many connections, try again later\r\n<fin>", ""},
    {END_TOO_FAST_TLS, too_fast_and_silent, time_is_up, "info", "client", "<alert 80><fin>", ""},
    {END_TOO_FAST_UNTOLD, too_fast_and_untold, NULL, "info", "client", "<reset>", ""},
    {END_POLICY_SERVED, wanted_policy, NULL, "info", "none",
     HTTPS("200 OK", TEXT, "42", "", SCENE_POLICY), ""},
    {END_POLICY_SERVED, wanted_policy_in_pieces, NULL, "info", "none",
     HTTPS("200 OK", TEXT, "42", "", SCENE_POLICY), ""},
    {END_REQUEST_UNFIT, wanted_page, NULL, "info", "client",
     HTTPS("404 Not Found", TEXT, "39", "", "Only /.well-known/mta-sts.txt is here.\n"), ""},
    {END_REQUEST_LATE, to_policy_request, time_is_up, "info", "client",
     HTTPS("408 Request Timeout", TEXT, "34", "", "The request did not come in time.\n"), ""},
    {END_LEFT_IN_REQUEST, to_policy_request, client_finishes, "info", "client", "<close>", ""},
    {END_LEFT_IN_REQUEST, to_policy_request, client_says_goodbye, "info", "client", "<close>", ""},
    {END_TLS_FAILED, nonsense_behind_the_handshake, NULL, "info", "client", "<alert 10><fin>", ""},
    {END_TOO_MANY, too_many_policies, NULL, "info", "tlsfront",
     HTTPS("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {END_DRAINING, draining_policy, NULL, "info", "tlsfront",
     HTTPS("503 Service Unavailable", TEXT, "17", "Retry-After: 10\r\n", "Try again later.\n"), ""},
    {END_REQUEST_UNFIT, unfit_request, NULL, "info", "client",
     HTTP("404 Not Found", TEXT, "46", "", "Only the answers to ACME challenges are here.\n"), ""},
    {END_REQUEST_UNCLEAR, unclear_request, NULL, "info", "client",
     HTTP("400 Bad Request", TEXT, "35", "", "This is not a request in HTTP/1.1.\n"), ""},
    {END_REQUEST_LATE, to_request, time_is_up, "info", "client",
     HTTP("408 Request Timeout", TEXT, "34", "", "The request did not come in time.\n"), ""},
};

/* What stands behind `key` in the line of the end; a text without its quotes. */
static const char *logged_value(const char *key)
{
    static char out[4][100];
    static unsigned turn;
    char word[20], *to = out[turn++ % 4];
    assert_int_equal(logged("end"), 1);
    snprintf(word, sizeof word, " %s=", key);
    const char *at = strstr(f.log_text, " event=end ");
    while (at > f.log_text && at[-1] != '\n')
        at--;
    at = strstr(at, word);
    assert_non_null(at);
    at += strlen(word) + (at[strlen(word)] == '"');
    snprintf(to, sizeof out[0], "%.*s", (int)strcspn(at, " \"\n"), at);
    return to;
}

static const char *words(enum end end, const char *level, const char *fault, const char *to_client,
                         const char *to_upstream)
{
    static char out[2][2000];
    static unsigned turn;
    char *to = out[turn++ % 2];
    snprintf(to, sizeof out[0],
             "end %d, level %.9s, fault %.9s, client \"%.900s\", upstream \"%.900s\"", (int)end,
             level, fault, to_client, to_upstream);
    return to;
}

static bool goes(const struct way *w)
{
    w->reach();
    if (w->then != NULL)
        w->then();
    assert_non_null(f.s->end);
    const char *is = words((enum end)(f.s->end - session_ends), logged_value("level"),
                           logged_value("fault"), client_got(), upstream_got());
    const char *shall = words(w->end, w->level, w->fault, w->client, w->upstream);
    const bool right = strcmp(is, shall) == 0;
    if (!right)
        print_message("%s\n  instead of\n%s\n", is, shall);
    finish();
    return right;
}

static void every_end_is_as_the_table_says(void **state)
{
    (void)state;
    unsigned wrong = 0;
    for (size_t i = 0; i < COUNT(ways); i++)
        wrong += !goes(&ways[i]);
    assert_int_equal(wrong, 0);
}

static void every_end_has_a_way(void **state)
{
    (void)state;
    bool reached[ENDS] = {[END_NONE] = true};
    for (size_t i = 0; i < COUNT(ways); i++)
        reached[ways[i].end] = true;
    for (enum end end = 0; end < ENDS; end++)
        if (!reached[end])
            fail_msg("nothing here leads to \"%s\"", session_ends[end].words);
}

/* ---- how long it may take ---- */

/* Its timer fires at its own time, as often as it wants to; false: it waits for more than `ms`. */
static bool is_closed_within(uint64_t ms)
{
    const uint64_t until = f.clock + ms;
    while (f.s->state == SESSION_LINGER && f.timer != NULL && f.clock + f.timeout <= until)
        times_out();
    return f.s->state == SESSION_CLOSING;
}

static void a_client_that_keeps_its_half_open_is_left_after_two_seconds(void **state)
{
    (void)state;
    to_linger();
    assert_false(is_closed_within(1999));
    assert_true(is_closed_within(2000));
    assert_string_equal(client_got(), "<bye><close>");
    finish();
}

static void one_who_is_only_told_why_not_has_three_seconds(void **state)
{
    (void)state;
    too_many_and_silent();
    assert_int_equal(f.timeout, 3000);
    f.clock += 2000;
    tls_sends();
    f.clock += 1000;
    session_arm(f.s);
    assert_int_equal(f.timeout, 0);
    times_out();
    assert_string_equal(client_got(), "<alert 80><fin>");
    finish();
}

static void last_words_wait_a_minute_for_a_slow_client(void **state)
{
    (void)state;
    to_linger_for_reset();
    assert_false(is_closed_within(59000));
    assert_true(is_closed_within(2000));
    assert_string_equal(client_got(), "much<reset>");
    finish();
}

static void last_words_wait_for_a_client_that_goes_on_reading(void **state)
{
    (void)state;
    to_linger_for_reset();
    client->undelivered = 100;
    for (int times = 0; times < 10; times++, client->undelivered--)
        assert_false(is_closed_within(30000));
    assert_true(is_closed_within(61000));
    assert_string_equal(client_got(), "much<reset>");
    finish();
}

static void last_words_do_not_wait_for_ever(void **state)
{
    (void)state;
    to_linger_for_reset();
    client->undelivered = 100000;
    for (int seconds = 0; f.s->state == SESSION_LINGER; seconds++, client->undelivered--) {
        assert_in_range(seconds, 0, 650);
        is_closed_within(1000);
    }
    finish();
}

/* A word of its own would be answered by a reset, which would eat what its kernel waits for. */
static void a_client_that_reads_on_behind_our_fin_is_waited_for(void **state)
{
    (void)state;
    to_relay();
    upstream_says("much");
    drain_ends(1000, 1000);
    for (client->undelivered = 20; client->undelivered > 10; client->undelivered--)
        assert_false(is_closed_within(1500));
    assert_true(is_closed_within(4000));
    finish();
}

static void one_who_was_not_served_is_not(void **state)
{
    (void)state;
    to_linger();
    client->undelivered = 20;
    assert_true(is_closed_within(2000));
    finish();
}

static void what_is_left_of_the_client_waits_a_minute_for_a_slow_upstream(void **state)
{
    static void (*const ways_there[])(void) = {to_linger_with_queue, to_linger_for_kernel};
    (void)state;
    for (size_t i = 0; i < COUNT(ways_there); i++) {
        ways_there[i]();
        assert_false(is_closed_within(59000));
        assert_true(is_closed_within(2000));
        assert_non_null(strstr(upstream_got(), "<reset>"));
        finish();
    }
}

static void the_reset_follows_as_soon_as_all_is_delivered(void **state)
{
    (void)state;
    to_linger_for_kernel();
    upstream->undelivered = 0;
    assert_true(is_closed_within(100));
    assert_string_equal(upstream_got(), DIALLED "all<reset>");
    finish();
}

static void a_client_that_chatters_to_the_end_is_left(void **state)
{
    static char much[SESSION_DROPPED_MAX / 8];
    (void)state;
    to_linger();
    for (int i = 0; i < 9; i++) {
        assert_int_equal(f.s->state, SESSION_LINGER);
        client_sends(much, sizeof much);
    }
    assert_int_equal(f.s->state, SESSION_CLOSING);
    finish();
}

/* Whatever it says that is no answer. */
static void an_upstream_has_the_time_of_its_greeting_to_answer_us(void **state)
{
    (void)state;
    to_opening();
    assert_int_equal(f.timeout, 9000);
    f.timeout = 1;
    upstream_says("what\r\n");
    assert_int_equal(f.timeout, 1);
    times_out();
    assert_int_equal(logged("upstream-failed"), 1);
    assert_non_null(strstr(f.log_text, "why=\"time was up before its answer to XCLIENT\""));
    assert_string_equal(logged_value("stage"), "opening");
    finish();
}

static void an_upstream_that_went_without_an_answer_is_blamed_for_that(void **state)
{
    static void (*const goes[])(void) = {upstream_ends, upstream_breaks};
    static const char *const why[] = {"closed before its answer to EHLO",
                                      "broke off before its answer to EHLO"};
    (void)state;
    for (size_t i = 0; i < COUNT(goes); i++) {
        to_opening_unheard();
        goes[i]();
        assert_int_equal(logged("upstream-failed"), 1);
        assert_non_null(strstr(f.log_text, why[i]));
        assert_int_equal(logged("open"), 0);
        finish();
    }
}

static void what_the_client_is_not_told_of_is_told_in_the_log(void **state)
{
    (void)state;
    f.generation->routes[IMAPS_TELLING].target->identity_noted = 0;
    to_opening_by_tags();
    times_out();
    assert_int_equal(f.s->state, SESSION_RELAY);
    assert_int_equal(logged("identity-refused"), 1);
    finish();
}

/* ---- the end of a drain ---- */

static void to_relay_imap(void)
{
    to_opening_by_tags();
    times_out();
    assert_int_equal(f.s->state, SESSION_RELAY);
}

static void to_mx_in_clear(const char *said)
{
    arrive(MX);
    upstream_connects(0);
    upstream_says(said);
    assert_int_equal(f.s->state, SESSION_RELAY);
    client_got();
}

static void an_upstream_of_this_machine_is_there_at_once(void **state)
{
    (void)state;
    f.upstream_here = true;
    arrive(MX);
    assert_int_equal(f.s->state, SESSION_GREETING);
    assert_true(upstream->peer->reading);
    upstream_says("220 mx.example ESMTP\r\n");
    assert_int_equal(f.s->state, SESSION_RELAY);
    finish();
}

static void an_upstream_whose_queue_is_full_is_asked_again(void **state)
{
    (void)state;
    f.upstream_refuses = UV_EAGAIN;
    arrive(MX);
    assert_int_equal(f.s->state, SESSION_DIAL);
    upstream->refuses = UV_EAGAIN;
    times_out();
    assert_int_equal(f.s->state, SESSION_DIAL);
    times_out();
    assert_int_equal(upstream->connects, 3);
    upstream_connects(0);
    assert_int_equal(f.s->state, SESSION_GREETING);
    assert_int_equal(logged("upstream-failed"), 0);
    finish();
}

static void an_upstream_whose_queue_stays_full_has_its_time(void **state)
{
    (void)state;
    f.upstream_refuses = UV_EAGAIN;
    arrive(MX);
    for (int i = 0; i < 100 && f.s->state == SESSION_DIAL && logged("upstream-failed") == 0; i++) {
        upstream->refuses = UV_EAGAIN;
        times_out();
    }
    assert_int_equal(logged("upstream-failed"), 1);
    assert_non_null(strstr(f.log_text, "its queue of connections is full"));
    assert_in_range(upstream->connects, 10, 40);
    finish();
}

static void a_client_leaves_while_the_queue_is_full(void **state)
{
    (void)state;
    f.upstream_refuses = UV_EAGAIN;
    arrive(MX);
    client_breaks();
    finish();
}

static void a_client_between_two_replies_is_said_goodbye(void **state)
{
    (void)state;
    to_mx_in_clear("220 mx.example ESMTP\r\n");
    drain_ends(1000, 1000);
    const char *got = client_got();
    assert_memory_equal(got, "421 ", 4);
    assert_non_null(strstr(got, "\r\n<fin>"));
    assert_int_equal(logged("end"), 1);
    assert_non_null(strstr(f.log_text, " end=\"drain timeout\""));
    finish();
}

static void a_client_in_the_middle_of_a_reply_is_left_alone_until_it_is_over(void **state)
{
    (void)state;
    to_relay_imap();
    upstream_says("* 1 FETCH (BODY[] {10}\r\n12345");
    client_got();
    drain_ends(1000, 1000);
    assert_string_equal(client_got(), "");
    upstream_says("67890)\r\n");
    drain_goes_on();
    assert_non_null(strstr(client_got(), ")\r\n* BYE "));
    finish();
}

static void one_in_clear_with_us_leaves_in_turn(void **state)
{
    (void)state;
    to_preamble();
    client_got();
    drain_ends(1000, 1000);
    assert_string_equal(client_got(), "<fin>"); /* POP3 has no place for words */
    assert_int_equal(logged("end"), 1);
    assert_non_null(strstr(f.log_text, " end=\"drain timeout\""));
    finish();
}

/* ---- one who reads slowly ---- */

static void what_becomes_less_is_no_silence(void **state)
{
    (void)state;
    to_relay();
    upstream_says("much");
    for (client->undelivered = 3; client->undelivered > 0; client->undelivered--) {
        times_out();
        assert_int_equal(f.s->state, SESSION_RELAY);
    }
    times_out();
    assert_int_equal(f.s->state, SESSION_LINGER);
    assert_string_equal(client_got(), "much<bye><fin>");
    finish();
}

static void what_comes_in_between_begins_it_anew(void **state)
{
    (void)state;
    to_relay();
    client->undelivered = 2;
    times_out();
    upstream_says("much");
    upstream_ends();
    for (client->undelivered = 9; client->undelivered > 5; client->undelivered--) {
        times_out();
        assert_int_equal(f.s->state, SESSION_RELAY);
    }
    finish();
}

/* It is not read from, so that it cannot have closed. */
static void an_upstream_whose_client_has_stopped_reading_is_not_blamed(void **state)
{
    (void)state;
    to_relay_client_done();
    client->stuck = true;
    upstream_says("much");
    for (int i = 0; i < 3; i++) /* of the half that was closed; a look; another */
        times_out();
    assert_int_equal(logged("end"), 1);
    assert_non_null(strstr(f.log_text, " fault=none end=\"idle timeout\""));
    assert_null(strstr(client_got(), "<bye>"));
    finish();
}

static void what_stays_is_silence(void **state)
{
    (void)state;
    to_relay_upstream_done();
    client->undelivered = 3;
    times_out();
    assert_int_equal(f.s->state, SESSION_RELAY);
    times_out();
    assert_int_equal(logged("end"), 1);
    assert_non_null(strstr(f.log_text, "the client did not close"));
    finish();
}

/* ---- behind the upstream's end ---- */

static void nothing_passes_what_waits_for_a_reply(void **state)
{
    (void)state;
    to_relay_in_dialogue();
    for (int i = 0; i < EXPECTED_MAX + 2; i++) /* replies of one kind in a row are one */
        client_says(i % 2 == 0 ? "CAPA\r\n" : "NOOP\r\n");
    upstream_ends();
    client_says("LATER\r\n");
    assert_null(strstr(upstream_got(), "LATER"));
    finish();
}

/* Nobody knows what may be said there. */
static void without_words_there_is_close_notify_alone(void **state)
{
    (void)state;
    to_relay();
    drain_ends(1000, 1000);
    assert_string_equal(client_got(), "<bye><fin>");
    finish();
}

static void nobody_leaves_before_the_time(void **state)
{
    (void)state;
    to_relay();
    drain_ends(1000, 0);
    assert_int_equal(f.s->state, SESSION_RELAY);
    f.clock += 999;
    drain_goes_on();
    assert_int_equal(f.s->state, SESSION_LINGER);
    finish();
}

static void whoever_is_stopped_is_said_goodbye_too(void **state)
{
    (void)state;
    to_mx_in_clear("220 mx.example ESMTP\r\n");
    is_stopped();
    assert_memory_equal(client_got(), "421 ", 4);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_is_as_the_table_says),
        cmocka_unit_test(every_end_has_a_way),
        cmocka_unit_test(a_client_that_keeps_its_half_open_is_left_after_two_seconds),
        cmocka_unit_test(one_who_is_only_told_why_not_has_three_seconds),
        cmocka_unit_test(last_words_wait_a_minute_for_a_slow_client),
        cmocka_unit_test(last_words_wait_for_a_client_that_goes_on_reading),
        cmocka_unit_test(last_words_do_not_wait_for_ever),
        cmocka_unit_test(a_client_that_reads_on_behind_our_fin_is_waited_for),
        cmocka_unit_test(one_who_was_not_served_is_not),
        cmocka_unit_test(what_is_left_of_the_client_waits_a_minute_for_a_slow_upstream),
        cmocka_unit_test(the_reset_follows_as_soon_as_all_is_delivered),
        cmocka_unit_test(a_client_that_chatters_to_the_end_is_left),
        cmocka_unit_test(an_upstream_has_the_time_of_its_greeting_to_answer_us),
        cmocka_unit_test(an_upstream_that_went_without_an_answer_is_blamed_for_that),
        cmocka_unit_test(what_the_client_is_not_told_of_is_told_in_the_log),
        cmocka_unit_test(an_upstream_of_this_machine_is_there_at_once),
        cmocka_unit_test(an_upstream_whose_queue_is_full_is_asked_again),
        cmocka_unit_test(an_upstream_whose_queue_stays_full_has_its_time),
        cmocka_unit_test(a_client_leaves_while_the_queue_is_full),
        cmocka_unit_test(a_client_between_two_replies_is_said_goodbye),
        cmocka_unit_test(a_client_in_the_middle_of_a_reply_is_left_alone_until_it_is_over),
        cmocka_unit_test(without_words_there_is_close_notify_alone),
        cmocka_unit_test(one_in_clear_with_us_leaves_in_turn),
        cmocka_unit_test(what_becomes_less_is_no_silence),
        cmocka_unit_test(what_comes_in_between_begins_it_anew),
        cmocka_unit_test(an_upstream_whose_client_has_stopped_reading_is_not_blamed),
        cmocka_unit_test(what_stays_is_silence),
        cmocka_unit_test(nothing_passes_what_waits_for_a_reply),
        cmocka_unit_test(nobody_leaves_before_the_time),
        cmocka_unit_test(whoever_is_stopped_is_said_goodbye_too),
    };
    return cmocka_run_group_tests(tests, scene_group_setup, scene_group_teardown);
}
