/* test_http.c - requests of authorities and of others: what each is answered, cut anywhere. */
#include "tests/support/unit.h"

#include "proxy/wire/http.h"

#define BYTES(literal) (literal), sizeof(literal) - 1
#define PATH           "/.well-known/acme-challenge/"
#define T32            "0123456789abcdefABCDEF-_01234567"
#define T128           T32 T32 T32 T32

struct request {
    const char *bytes;
    size_t size;
    const char *token; /* of HTTP_OK */
    enum http_status status;
    bool head;
};

static const struct request requests[] = {
    /* What authorities send. */
    {BYTES("GET " PATH "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA HTTP/1.1\r\n"
           "Host: mail.example.org\r\nUser-Agent: validator\r\nAccept: */*\r\n\r\n"),
     "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA", HTTP_OK, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\n\r\n"), "a", HTTP_OK, false},
    {BYTES("GET " PATH "a HTTP/1.7\r\nhost:\r\n\r\n"), "a", HTTP_OK, false},
    {BYTES("HEAD " PATH "a HTTP/1.1\r\nHOST: x\r\n\r\n"), "a", HTTP_OK, true},
    {BYTES("\r\n\r\nGET " PATH "a HTTP/1.0\r\n\r\n"), "a", HTTP_OK, false},
    {BYTES("GET http://mail.example.org" PATH "a HTTP/1.1\r\nHost: mail.example.org\r\n\r\n"), "a",
     HTTP_OK, false},
    {BYTES("GET HTTP://x:80" PATH "a HTTP/1.0\r\n\r\n"), "a", HTTP_OK, false},
    {BYTES("GET " PATH T128 " HTTP/1.0\r\n\r\n"), T128, HTTP_OK, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nX: \xc3\xa4\tb\r\n\r\n"), "a", HTTP_OK, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello"), "a", HTTP_OK, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\n\r\nGET " PATH "b HTTP/1.0\r\n\r\n"), "a", HTTP_OK, false},

    /* There is nothing else here. */
    {BYTES("GET / HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("HEAD / HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, true},
    {BYTES("GET * HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET http://x HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET https://x" PATH "a HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH " HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH T128 "a HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "a/ HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "a?b HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "../a HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "..%2fa HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "%61 HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "a%00 HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET " PATH "mail.example.key.pem HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET /.well-known/./acme-challenge/a HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET /.Well-Known/acme-challenge/a HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},
    {BYTES("GET //.well-known/acme-challenge/a HTTP/1.0\r\n\r\n"), NULL, HTTP_NOT_FOUND, false},

    {BYTES("POST " PATH "a HTTP/1.0\r\n\r\n"), NULL, HTTP_METHOD_NOT_ALLOWED, false},
    {BYTES("get " PATH "a HTTP/1.0\r\n\r\n"), NULL, HTTP_METHOD_NOT_ALLOWED, false},
    {BYTES("CONNECT x:25 HTTP/1.0\r\n\r\n"), NULL, HTTP_METHOD_NOT_ALLOWED, false},
    {BYTES("PRI * HTTP/2.0\r\n"), NULL, HTTP_VERSION_NOT_SUPPORTED, false},
    {BYTES("GET / HTTP/0.9\r\n"), NULL, HTTP_VERSION_NOT_SUPPORTED, false},

    /* What is no request. */
    {BYTES("GET " PATH "a\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET  " PATH "a HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a  HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0 \r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a http/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/11.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "\xc3\xa4 HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET\t" PATH "a HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES(" GET " PATH "a HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("G(T " PATH "a HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a\0 HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a\x7f HTTP/1.0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.1\r\n\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.1\r\nHost: x\r\nhost: x\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nHost : x\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nX: y\r\n folded\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nno colon\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\n: no name\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nX: \0\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nX: a\rb\r\n"), NULL, HTTP_BAD_REQUEST, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\nX: a\nY: b\r\n"), NULL, HTTP_BAD_REQUEST, false},

    /* Half a request is none. */
    {BYTES(""), NULL, HTTP_MORE, false},
    {BYTES("\r\n"), NULL, HTTP_MORE, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\n"), NULL, HTTP_MORE, false},
    {BYTES("GET " PATH "a HTTP/1.0\r\n\r"), NULL, HTTP_MORE, false},
    {BYTES("POST / HTTP/1.0\r\nX: y\r\n"), NULL, HTTP_MORE, false},
};

/* On a copy of exactly that size, so that a sanitizer sees a read behind it. */
static enum http_status parse(const char *bytes, size_t size, struct http_request *r)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    const enum http_status status = http_parse(HTTP_CHALLENGES, copy, size, r);
    free(copy);
    return status;
}

static void every_request_has_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct http_request r;
        print_message("%.60s\n", requests[i].bytes);
        assert_int_equal(parse(requests[i].bytes, requests[i].size, &r), requests[i].status);
        if (requests[i].token != NULL)
            assert_string_equal(r.token, requests[i].token);
        if (requests[i].status == HTTP_OK || requests[i].status == HTTP_NOT_FOUND)
            assert_int_equal(r.head, requests[i].head);
    }
}

/* The first verdict, byte by byte, is that on the whole. */
static void no_cut_changes_the_verdict(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(requests); i++) {
        struct http_request whole, part;
        enum http_status first = HTTP_MORE;
        const enum http_status status = parse(requests[i].bytes, requests[i].size, &whole);
        print_message("%.60s\n", requests[i].bytes);
        for (size_t cut = 0; cut <= requests[i].size; cut++) {
            const enum http_status now = parse(requests[i].bytes, cut, &part);
            if (first != HTTP_MORE)
                assert_int_equal(now, first);
            first = now;
        }
        assert_int_equal(first, status);
        assert_string_equal(part.token, whole.token);
    }
}

/* A request whose head has exactly so many bytes. */
static char *padded(size_t size)
{
    static const char front[] = "GET " PATH "a HTTP/1.0\r\nX: ", back[] = "\r\n\r\n";
    char *text = malloc(size);
    memset(text, 'x', size);
    memcpy(text, front, sizeof front - 1);
    memcpy(text + size - (sizeof back - 1), back, sizeof back - 1);
    return text;
}

static void a_head_of_eight_kib_is_read_and_a_longer_one_refused(void **state)
{
    (void)state;
    for (size_t size = HTTP_HEAD_MAX - 1; size <= HTTP_HEAD_MAX + 4; size++) {
        struct http_request r;
        char *text = padded(size);
        assert_int_equal(parse(text, size, &r),
                         size <= HTTP_HEAD_MAX ? HTTP_OK : HTTP_HEAD_TOO_LARGE);
        assert_int_equal(parse(text, HTTP_HEAD_MAX - 2, &r), HTTP_MORE);
        free(text);
    }
}

static void tokens_are_base64url_and_not_too_long(void **state)
{
    (void)state;
    assert_true(challenge_token_valid("a", 1));
    assert_true(challenge_token_valid(T128, 128));
    assert_false(challenge_token_valid("", 0));
    assert_false(challenge_token_valid(T128 "a", 129));
    for (int c = 0; c < 256; c++) {
        const char text[] = {'a', (char)c, 'a'};
        const bool expected = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                              (c >= 'a' && c <= 'z') || c == '-' || c == '_';
        assert_int_equal(challenge_token_valid(text, sizeof text), expected);
    }
}

#define DATE "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"

static void answers_are_complete_and_close_the_connection(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    http_answer(HTTP_CHALLENGES, HTTP_OK, (struct slice){(const uint8_t *)"a.b", 3}, false, 0,
                &out);
    assert_text(&out, "HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\nContent-Type: "
                      "application/octet-stream\r\nContent-Length: 3\r\n\r\na.b");
    buf_free(&out);
    http_answer(HTTP_CHALLENGES, HTTP_OK, (struct slice){(const uint8_t *)"a.b", 3}, true, 0, &out);
    assert_text(&out, "HTTP/1.1 200 OK\r\n" DATE "Connection: close\r\nContent-Type: "
                      "application/octet-stream\r\nContent-Length: 3\r\n\r\n");
    buf_free(&out);
    http_answer(HTTP_CHALLENGES, HTTP_METHOD_NOT_ALLOWED, (struct slice){0}, false, 0, &out);
    assert_text(&out, "HTTP/1.1 405 Method Not Allowed\r\n" DATE
                      "Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 35\r\n"
                      "Allow: GET, HEAD\r\n\r\nOnly GET and HEAD are served here.\n");
    buf_free(&out);
}

static void every_status_can_be_answered(void **state)
{
    static const enum http_status all[] = {
        HTTP_BAD_REQUEST,    HTTP_NOT_FOUND,   HTTP_METHOD_NOT_ALLOWED,   HTTP_TIMEOUT,
        HTTP_HEAD_TOO_LARGE, HTTP_UNAVAILABLE, HTTP_VERSION_NOT_SUPPORTED};
    (void)state;
    for (size_t i = 0; i < COUNT(all); i++) {
        char line[20];
        struct buf out;
        buf_init(&out, 4096);
        http_answer(HTTP_CHALLENGES, all[i], (struct slice){0}, false, 1, &out);
        snprintf(line, sizeof line, "HTTP/1.1 %d ", (int)all[i]);
        assert_false(out.failed);
        assert_memory_equal(out.data, line, strlen(line));
        assert_int_equal(out.data[out.size - 1], '\n');
        buf_free(&out);
    }
}

/* ---- the other site ---- */

#define POLICY "/.well-known/mta-sts.txt"

static void a_sender_of_mail_asks_for_the_policy(void **state)
{
    static const struct {
        const char *text;
        enum http_status status;
        bool head;
    } rows[] = {
        {"GET " POLICY " HTTP/1.1\r\nHost: mta-sts.example.org\r\n\r\n", HTTP_OK, false},
        {"HEAD " POLICY " HTTP/1.0\r\n\r\n", HTTP_OK, true},
        {"GET https://mta-sts.example.org" POLICY " HTTP/1.0\r\n\r\n", HTTP_OK, false},
        {"GET http://mta-sts.example.org" POLICY " HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
        {"GET " POLICY "?x HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
        {"GET " POLICY "/ HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
        {"GET /.well-known/MTA-STS.txt HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
        {"GET " PATH "a HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
        {"GET / HTTP/1.0\r\n\r\n", HTTP_NOT_FOUND, false},
        {"PUT " POLICY " HTTP/1.0\r\n\r\n", HTTP_METHOD_NOT_ALLOWED, false},
        {"GET " POLICY " HTTP/1.1\r\n\r\n", HTTP_BAD_REQUEST, false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_request r;
        const size_t size = strlen(rows[i].text);
        for (size_t cut = 0; cut < size; cut++)
            if (rows[i].status < HTTP_BAD_REQUEST || cut < 4)
                assert_int_equal(http_parse(HTTP_POLICY, (const uint8_t *)rows[i].text, cut, &r),
                                 HTTP_MORE);
        assert_int_equal(http_parse(HTTP_POLICY, (const uint8_t *)rows[i].text, size, &r),
                         rows[i].status);
        assert_int_equal(r.head, rows[i].head);
    }
}

static void a_policy_is_text(void **state)
{
    struct buf out;
    (void)state;
    buf_init(&out, 1000);
    http_answer(HTTP_POLICY, HTTP_OK, (struct slice){(const uint8_t *)"a: b", 4}, false, 0, &out);
    http_answer(HTTP_POLICY, HTTP_NOT_FOUND, (struct slice){0}, false, 0, &out);
    buf_put(&out, "", 1);
    const char *text = (const char *)out.data;
    assert_non_null(strstr(text, "Content-Type: text/plain\r\nContent-Length: 4\r\n\r\na: bHTTP"));
    assert_non_null(strstr(text, "\r\n\r\nOnly " POLICY " is here.\n"));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_has_its_answer),
        cmocka_unit_test(no_cut_changes_the_verdict),
        cmocka_unit_test(a_head_of_eight_kib_is_read_and_a_longer_one_refused),
        cmocka_unit_test(tokens_are_base64url_and_not_too_long),
        cmocka_unit_test(answers_are_complete_and_close_the_connection),
        cmocka_unit_test(every_status_can_be_answered),
        cmocka_unit_test(a_sender_of_mail_asks_for_the_policy),
        cmocka_unit_test(a_policy_is_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
