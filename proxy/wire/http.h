/* http.h - the little of HTTP that is spoken with an authority that validates names (RFC 8555 8.3),
 * and with a sender of mail that looks for a policy (RFC 8461 3.3): the head of one request,
 * HTTP/1.0 or 1.1 (RFC 9112), and the answer. Pure: bytes in, verdict and bytes out. */
#ifndef TLSFRONT_WIRE_HTTP_H
#define TLSFRONT_WIRE_HTTP_H

#include "proxy/base/buf.h"
#include "proxy/base/slice.h"
#include "proxy/wire/challenge.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

enum {
    HTTP_HEAD_MAX = 8192,
};

/* What there is. */
enum http_site {
    HTTP_CHALLENGES, /* /.well-known/acme-challenge/TOKEN, in clear */
    HTTP_POLICY,     /* /.well-known/mta-sts.txt, inside TLS */
    HTTP_SITES
};

/* The numbers are what is answered (RFC 9110 15). */
enum http_status {
    HTTP_MORE = 0, /* the head is not complete */
    HTTP_OK = 200, /* what there is, is asked for; a challenge: `token` */
    HTTP_BAD_REQUEST = 400,
    HTTP_FORBIDDEN = 403,
    HTTP_NOT_FOUND = 404,
    HTTP_METHOD_NOT_ALLOWED = 405,
    HTTP_TIMEOUT = 408,
    HTTP_HEAD_TOO_LARGE = 431,
    HTTP_UNAVAILABLE = 503,
    HTTP_VERSION_NOT_SUPPORTED = 505,
};

struct http_request {
    bool head; /* the answer has no body */
    char token[CHALLENGE_TOKEN_MAX + 1];
};

/* Clients may send "http://host/path" where "/path" would do (RFC 9112, 3.2.2). The path, which is
 * empty where there is none; *authority_r is what takes the place of Host then, or empty. Both lie
 * in `target`. */
struct slice http_path(struct slice target, const char *scheme, struct slice *authority_r);

/* Judge the front of what a client sends. The first verdict other than HTTP_MORE stands, however
 * many bytes follow. */
enum http_status http_parse(enum http_site site, const uint8_t *data, size_t size,
                            struct http_request *r);

/* An answer after which the connection is closed. Without a body: a sentence that fits the status.
 */
void http_answer(enum http_site site, enum http_status status, struct slice body, bool head,
                 time_t now, struct buf *out);

#endif
