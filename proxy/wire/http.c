/* http.c - see http.h. Section numbers are RFC 9112's. */
#include "proxy/wire/http.h"
#include "proxy/base/slice.h"

#include <string.h>

static const char challenges[] = "/.well-known/acme-challenge/";

static enum http_status judge_challenge(struct slice path, struct http_request *r);
static enum http_status judge_policy(struct slice path, struct http_request *r);

static const struct site {
    const char *scheme;
    enum http_status (*judge)(struct slice path, struct http_request *r);
    const char *type;    /* of what there is */
    const char *missing; /* the sentence for whoever asks for something else */
} sites[HTTP_SITES] = {
    [HTTP_CHALLENGES] = {"http://", judge_challenge, "application/octet-stream",
                         "Only the answers to ACME challenges are here."},
    [HTTP_POLICY] = {"https://", judge_policy, "text/plain",
                     "Only /.well-known/mta-sts.txt is here."},
};

/* A request under way through its lines. */
struct parse {
    const struct site *site;
    struct http_request *request;
    enum http_status status; /* when the head is complete and nothing in it is wrong */
    bool needs_host;
    unsigned hosts;
};

/* ---- signs ---- */

/* What methods and field names are made of (RFC 9110 5.6.2). */
static bool is_word(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (!byte_is_alphanumeric(s.data[i]) &&
            (s.data[i] == '\0' || strchr("!#$%&'*+-.^_`|~", s.data[i]) == NULL))
            return false;
    return s.size > 0;
}

static bool is_control(uint8_t c)
{
    return (c < ' ' && c != '\t') || c == 0x7f;
}

/* Split off the front of *line, up to `sign`, and drop the sign. False: it is not there. */
static bool split(struct slice *line, char sign, struct slice *front)
{
    const uint8_t *at = line->size > 0 ? memchr(line->data, sign, line->size) : NULL;
    if (at == NULL)
        return false;
    *front = (struct slice){line->data, (size_t)(at - line->data)};
    *line = (struct slice){at + 1, line->size - front->size - 1};
    return true;
}

/* Exactly, unlike slice_is(). */
static bool same(struct slice s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

/* ---- lines ---- */

struct slice http_path(struct slice target, const char *scheme, struct slice *authority_r)
{
    *authority_r = (struct slice){0};
    if (!slice_begins(target, scheme))
        return target;
    target.data += strlen(scheme);
    target.size -= strlen(scheme);
    if (split(&target, '/', authority_r))
        return (struct slice){target.data - 1, target.size + 1};
    *authority_r = target;
    return (struct slice){target.data + target.size, 0};
}

/* Percent-encoding is not undone: no token needs it, and what it could hide is not looked for. */
static enum http_status judge_challenge(struct slice path, struct http_request *r)
{
    const size_t front = sizeof challenges - 1;
    if (path.size < front || memcmp(path.data, challenges, front) != 0)
        return HTTP_NOT_FOUND;
    const char *token = (const char *)path.data + front;
    const size_t size = path.size - front;
    if (!challenge_token_valid(token, size))
        return HTTP_NOT_FOUND;
    memcpy(r->token, token, size);
    r->token[size] = '\0';
    return HTTP_OK;
}

static enum http_status judge_policy(struct slice path, struct http_request *r)
{
    (void)r;
    return same(path, "/.well-known/mta-sts.txt") ? HTTP_OK : HTTP_NOT_FOUND;
}

/* 2.3 */
static enum http_status judge_version(struct slice version, struct parse *p)
{
    if (version.size != strlen("HTTP/1.1") || memcmp(version.data, "HTTP/", 5) != 0 ||
        version.data[6] != '.' || version.data[5] < '0' || version.data[5] > '9' ||
        version.data[7] < '0' || version.data[7] > '9')
        return HTTP_BAD_REQUEST;
    p->needs_host = version.data[7] != '0';
    return version.data[5] == '1' ? HTTP_MORE : HTTP_VERSION_NOT_SUPPORTED;
}

/* 3 */
static enum http_status request_line(struct slice line, struct parse *p)
{
    struct slice method, target, authority;
    if (!split(&line, ' ', &method) || !is_word(method) || !split(&line, ' ', &target) ||
        target.size == 0)
        return HTTP_BAD_REQUEST;
    for (size_t i = 0; i < target.size; i++)
        if (target.data[i] < '!' || target.data[i] > '~')
            return HTTP_BAD_REQUEST;
    p->request->head = same(method, "HEAD");
    p->status = p->request->head || same(method, "GET")
                    ? p->site->judge(http_path(target, p->site->scheme, &authority), p->request)
                    : HTTP_METHOD_NOT_ALLOWED;
    return judge_version(line, p);
}

/* 5; no field matters but Host, which must be there exactly once (3.2). */
static enum http_status field_line(struct slice line, struct parse *p)
{
    struct slice name;
    if (!split(&line, ':', &name) || !is_word(name))
        return HTTP_BAD_REQUEST;
    if (slice_is(name, "host") && ++p->hosts > 1)
        return HTTP_BAD_REQUEST;
    return HTTP_MORE;
}

static enum http_status end_of_head(const struct parse *p)
{
    return p->needs_host && p->hosts == 0 ? HTTP_BAD_REQUEST : p->status;
}

/* ---- the head ---- */

enum line_end { LINE_HERE, LINE_LATER, LINE_WRONG };

/* Lines end with CRLF; neither sign may stand alone, and no other control may stand in one. What is
 * wrong is seen before the line is complete: who speaks TLS here need not wait. */
static enum line_end take_line(struct slice *in, struct slice *line)
{
    for (size_t i = 0; i < in->size; i++) {
        if (in->data[i] != '\r' && is_control(in->data[i]))
            return LINE_WRONG;
        if (in->data[i] != '\r')
            continue;
        if (i + 1 == in->size)
            return LINE_LATER;
        if (in->data[i + 1] != '\n')
            return LINE_WRONG;
        *line = (struct slice){in->data, i};
        in->data += i + 2;
        in->size -= i + 2;
        return LINE_HERE;
    }
    return LINE_LATER;
}

static enum http_status parse_lines(struct slice *in, struct parse *p)
{
    struct slice line;
    bool begun = false;
    for (;;) {
        const enum line_end end = take_line(in, &line);
        if (end != LINE_HERE)
            return end == LINE_WRONG ? HTTP_BAD_REQUEST : HTTP_MORE;
        if (line.size == 0 && begun)
            return end_of_head(p);
        if (line.size == 0)
            continue; /* 2.2: empty lines before a request are passed over */
        const enum http_status status = begun ? field_line(line, p) : request_line(line, p);
        if (status != HTTP_MORE)
            return status;
        begun = true;
    }
}

enum http_status http_parse(enum http_site site, const uint8_t *data, size_t size,
                            struct http_request *r)
{
    struct parse p = {.site = &sites[site], .request = r};
    struct slice in = {data, size < HTTP_HEAD_MAX ? size : HTTP_HEAD_MAX};
    *r = (struct http_request){0};
    const enum http_status status = parse_lines(&in, &p);
    return status == HTTP_MORE && size >= HTTP_HEAD_MAX ? HTTP_HEAD_TOO_LARGE : status;
}

/* ---- the answer ---- */

static const struct answer {
    enum http_status status;
    const char *reason, *sentence, *field;
} answers[] = {
    {HTTP_OK, "OK", "", ""},
    {HTTP_BAD_REQUEST, "Bad Request", "This is not a request in HTTP/1.1.", ""},
    {HTTP_FORBIDDEN, "Forbidden", "There is no service for your address.", ""},
    {HTTP_NOT_FOUND, "Not Found", NULL, ""}, /* see struct site */
    {HTTP_METHOD_NOT_ALLOWED, "Method Not Allowed", "Only GET and HEAD are served here.",
     "Allow: GET, HEAD\r\n"},
    {HTTP_TIMEOUT, "Request Timeout", "The request did not come in time.", ""},
    {HTTP_HEAD_TOO_LARGE, "Request Header Fields Too Large",
     "The head of the request is larger than 8 KiB.", ""},
    {HTTP_UNAVAILABLE, "Service Unavailable", "Try again later.", "Retry-After: 10\r\n"},
    {HTTP_VERSION_NOT_SUPPORTED, "HTTP Version Not Supported", "HTTP/1.0 and 1.1 are served here.",
     ""},
};

static const struct answer *find_answer(enum http_status status)
{
    const struct answer *a = answers;
    while (a->status != status)
        a++;
    return a;
}

void http_answer(enum http_site site, enum http_status status, struct slice body, bool head,
                 time_t now, struct buf *out)
{
    const struct answer *a = find_answer(status);
    const char *sentence = a->sentence != NULL ? a->sentence : sites[site].missing;
    char date[40];
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_printf(out,
               "HTTP/1.1 %d %s\r\nDate: %s\r\nConnection: close\r\nContent-Type: %s\r\n"
               "Content-Length: %zu\r\n%s\r\n",
               (int)status, a->reason, date, body.data != NULL ? sites[site].type : "text/plain",
               body.data != NULL ? body.size : strlen(sentence) + 1, a->field);
    if (head)
        return;
    if (body.data != NULL)
        buf_put(out, body.data, body.size);
    else
        buf_printf(out, "%s\n", sentence);
}
