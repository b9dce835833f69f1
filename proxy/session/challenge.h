/* challenge.h - what the two files for routes without a server share: request.c, which speaks HTTP,
 * and challenge.c, which asks the supervisor. Nobody else includes it. */
#ifndef TLSFRONT_SESSION_CHALLENGE_H
#define TLSFRONT_SESSION_CHALLENGE_H

#include "proxy/session/core.h"
#include "proxy/wire/http.h"

struct session_challenge {
    struct session *session;
    struct query query;
    struct buf head; /* the request so far */
    struct http_request request;
};

static inline struct session *challenge_owner(struct query *q)
{
    return container_of(q, struct session_challenge, query)->session;
}

/* Begin; `answered` is told what the supervisor has, if it is asked. */
enum session_state challenge_begin(struct session *s,
                                   void (*answered)(struct query *q, enum challenge_outcome,
                                                    const struct challenge *));

/* Answer in HTTP, with the sentence that belongs to the status, and end so. */
enum session_state request_answer(struct session *s, enum http_status status, enum end end);

/* The answer has not come in time, or nobody has looked for it. */
enum session_state request_unanswered(struct session *s);

#endif
