/* starttls.c - see starttls.h: the table, and what the modules share. */
#include "proxy/starttls/starttls.h"

static const struct starttls *const table[PROTOCOLS] = {
    [PROTOCOL_POP3] = &starttls_pop3, [PROTOCOL_IMAP] = &starttls_imap,
    [PROTOCOL_SMTP] = &starttls_smtp, [PROTOCOL_NNTP] = &starttls_nntp,
    [PROTOCOL_LDAP] = &starttls_ldap, [PROTOCOL_SIEVE] = &starttls_sieve,
};

const struct starttls *starttls_of(enum protocol p)
{
    return table[p];
}

void starttls_refuse(enum protocol p, enum starttls_refusal why, const char *hostname,
                     struct buf *to_client)
{
    if (table[p] != NULL)
        table[p]->refuse(why, hostname, to_client);
}

bool talk_holds_back(const struct talk *t)
{
    return t->facts.mode == TALK_OPTIONAL && !t->facts.plaintext_login;
}

bool talk_error(struct talk *t)
{
    return ++t->errors > TALK_ERRORS_MAX;
}

const char *talk_refusal_words(enum starttls_refusal why)
{
    static const char *const words[] = {
        [REFUSE_UPSTREAM_DOWN] = "Service not available, try again later",
        [REFUSE_TOO_MANY] = "Too many connections, try again later",
        [REFUSE_DRAINING] = "Service is shutting down, try again later",
        [REFUSE_TIMEOUT] = "Timeout, closing connection",
    };
    return words[why];
}
