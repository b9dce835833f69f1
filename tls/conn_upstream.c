/* conn_upstream.c - what a connection to a server has beyond others: its birth and death, and what
 * mbedTLS's context has to know of it */
#include "tls/conn.h"

#include "tls/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- birth and death ---- */

/* Without the dot that a name may end with for resolvers: certificates have none. */
static char *copy_name(const char *name)
{
    char *copy = memory_text(name);
    const size_t size = copy != NULL ? strlen(copy) : 0;
    if (size > 1 && copy[size - 1] == '.')
        copy[size - 1] = '\0';
    return copy;
}

struct conn_upstream *conn_upstream_new(struct tls_dialer *policy, const char *name,
                                        const char *place)
{
    struct conn_upstream *u = memory_calloc(1, sizeof *u);
    if (u == NULL)
        return NULL;
    u->policy = tls_dialer_ref(policy);
    u->name = name != NULL ? copy_name(name) : NULL;
    if ((name == NULL || u->name != NULL) && dialer_place(policy, name, place, u->place) == 0)
        return u;
    conn_upstream_free(u);
    return NULL;
}

void conn_upstream_free(struct conn_upstream *u)
{
    if (u == NULL)
        return;
    tls_dialer_free(u->policy);
    free(u->name);
    hello_free(&u->messages);
    memory_wipe_free(u, sizeof *u);
}

/* ---- sessions ---- */

static bool offer_session(struct tls_conn *c, mbedtls_ssl_context *ssl)
{
    mbedtls_ssl_session *session =
        resumption_take(c->engine->resumption, c->upstream->place, &c->upstream->proven);
    if (session == NULL)
        return true;
    c->upstream->offered = mbedtls_ssl_set_session(ssl, session) == 0;
    resumption_free_session(session);
    return c->upstream->offered;
}

const char *conn_told_name(const struct conn_upstream *u)
{
    return u->name != NULL && !names_is_address(u->name) ? u->name : NULL;
}

bool conn_upstream_prepare(struct tls_conn *c, mbedtls_ssl_context *ssl)
{
    return mbedtls_ssl_set_hostname(ssl, conn_told_name(c->upstream)) == 0 && offer_session(c, ssl);
}
