#include "proxy/starttls/dialogue.h"

#include <string.h>

bool dialogue_withholds(const struct dialogue *t)
{
    return t->facts.mode == DIALOGUE_OPTIONAL && !t->facts.plaintext_login;
}

bool dialogue_reads_greeting(const struct dialogue *t)
{
    return t->facts.mode != DIALOGUE_INSIDE || t->facts.upgraded || t->facts.client_address != NULL;
}

bool dialogue_error(struct dialogue *t)
{
    if (++t->errors <= DIALOGUE_ERRORS_MAX)
        return false;
    t->reason = DIALOGUE_ERRORS;
    return true;
}

/* Before TLS a client has little to ask. */
enum { COURTESIES = 32 };

bool dialogue_courtesy(struct dialogue *t)
{
    return ++t->courtesies > COURTESIES && dialogue_error(t);
}

/* Far more than an honest client leaves unread, and little enough for thousands of others. */
enum { UNREAD_MAX = 16384 };

bool dialogue_is_full(const struct dialogue_out *out)
{
    return out->to_client->size >= UNREAD_MAX;
}

/* The mechanisms that are known never to install a security layer: RFC 4616, 4422 (EXTERNAL), 4505,
 * 2195, 5802, 7628, and three that have none of it. An empty name ends a negotiation (RFC 4513,
 * 5.2.1.2). */
bool sasl_may_wrap(struct slice mechanism)
{
    static const char *const names[] = {
        "", "PLAIN", "LOGIN", "EXTERNAL", "ANONYMOUS", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "OTP"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_is(mechanism, names[i]))
            return false;
    return !slice_begins(mechanism, "SCRAM-");
}

static const char *known_mechanism(struct slice word)
{
    static const char *const names[] = {"PLAIN",
                                        "LOGIN",
                                        "CRAM-MD5",
                                        "DIGEST-MD5",
                                        "NTLM",
                                        "GSSAPI",
                                        "GSS-SPNEGO",
                                        "EXTERNAL",
                                        "ANONYMOUS",
                                        "XOAUTH2",
                                        "OAUTHBEARER",
                                        "SCRAM-SHA-1",
                                        "SASL",
                                        "USER",
                                        "PASS",
                                        "SCRAM-SHA-256",
                                        "SCRAM-SHA-1-PLUS",
                                        "SIMPLE",
                                        "GENERIC",
                                        "SCRAM-SHA-256-PLUS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_is(word, names[i]))
            return names[i];
    return NULL;
}

void dialogue_login_refused(struct dialogue *t, const char *command, struct slice mechanism)
{
    if (t->login_count < sizeof t->logins / sizeof *t->logins)
        t->logins[t->login_count++] =
            (struct dialogue_login){command, known_mechanism(line_word(&mechanism))};
}

void dialogue_blame(struct dialogue *t, enum dialogue_reason why, struct slice said)
{
    t->reason = why;
    while (said.size > 0 && (said.data[said.size - 1] == '\n' || said.data[said.size - 1] == '\r'))
        said.size--;
    t->words_size = said.size < DIALOGUE_WORDS_MAX ? said.size : DIALOGUE_WORDS_MAX;
    if (t->words_size > 0)
        memcpy(t->words, said.data, t->words_size);
}

const char *dialogue_refusal_words(enum starttls_refusal why)
{
    static const char *const words[] = {
        [REFUSE_UPSTREAM_DOWN] = "Service not available, try again later",
        [REFUSE_TOO_MANY] = "Too many connections, try again later",
        [REFUSE_DRAINING] = "Service is shutting down, try again later",
        [REFUSE_TIMEOUT] = "Timeout, closing connection",
        [REFUSE_DENIED] = "No service for your address",
        [REFUSE_TOO_FAST] = "Too many connections in a short time, try again later",
    };
    return words[why];
}
