/* resolver.h - upstream names to addresses: which, when, and what is known. The asking is done by a
 * process without privileges (proxy/resolver/), which is there as soon as there is a name.
 *
 * Names are looked up when a configuration first mentions them and again when their time has run
 * out: a minute after a success, five seconds after a failure (getaddrinfo tells no TTL; a
 * service's may be shorter than a minute). An answer that fails keeps the addresses known before.
 * What a process leaves unanswered its successor is asked. */
#ifndef TLSFRONT_SUPERVISOR_RESOLVER_H
#define TLSFRONT_SUPERVISOR_RESOLVER_H

#include "config/config.h"
#include "proxy/base/privileges.h"
#include "proxy/routes/upstream.h"
#include "proxy/supervisor/child.h"

struct resolver;

/* As an endpoint of a configuration has it. */
struct resolver_name {
    const char *host;
    uint16_t port;
};

/* `changed` is called when a name's addresses differ from before, and `settled` each time that no
 * name is left without a first answer. */
struct resolver_events {
    void (*changed)(void *arg, const struct resolver_name *name);
    void (*settled)(void *arg);
    void (*failed)(void *arg, const char *name, const char *why); /* once per outage */
};

/* `identity` is whom processes become; it is looked at when one starts. NULL: out of memory. */
struct resolver *resolver_new(uv_loop_t *loop, struct log *log, const struct identity *identity,
                              const struct resolver_events *events, void *arg);

/* Look after the names of `c` too. -1: out of memory. */
int resolver_add(struct resolver *r, const struct config *c);

/* What somebody before us knew of a name: it will do until there is a better answer. -1: out of
 * memory. */
int resolver_recall(struct resolver *r, const char *host, uint16_t port,
                    const struct ipc_resolved_address *addresses, uint32_t count);

/* Every host's name of which addresses are known. */
void resolver_each(const struct resolver *r,
                   void (*each)(void *arg, const char *host, uint16_t port,
                                const struct upstream_address *addresses, size_t count),
                   void *arg);

/* Look after the names of `c` only. */
void resolver_keep(struct resolver *r, const struct config *c);

/* Has every name had an answer, good or bad? */
bool resolver_settled(const struct resolver *r);

/* What is known of a name endpoint. NULL and 0: nothing. */
const struct upstream_address *resolver_find(const struct resolver *r, const struct endpoint *e,
                                             size_t *count_r);

/* Has a name endpoint had no answer yet? */
bool resolver_awaits(const struct resolver *r, const struct endpoint *e);

/* Why nothing is known of a name endpoint, in words; NULL: there are addresses. */
const char *resolver_failure(const struct resolver *r, const struct endpoint *e);

/* The process; CHILD_NONE where there is no name. */
const struct child *resolver_process(const struct resolver *r);

/* No events any more, and no process. resolver_free() after the loop has run empty; NULL is fine
 * for both. */
void resolver_close(struct resolver *r);
void resolver_free(struct resolver *r);

#endif
