/* expiries.c - the ends of all that has one */
#include "tls/dialer.h"
#include "tls/identity.h"
#include "tls/server.h"
#include "tls/text.h"

enum { DAY = 24 * 3600, RENEW_DAYS = 30 };

time_t tls_renew_before(time_t not_before, time_t not_after)
{
    const time_t days = (time_t)RENEW_DAYS * DAY;
    const time_t third = not_after > not_before ? (not_after - not_before) / 3 : 0;
    return third < days ? third : days;
}

bool tls_renew_due(const struct tls_identity_facts *f, time_t now)
{
    return f->not_after - now < tls_renew_before(f->not_before, f->not_after);
}

static void tell(struct tls_expiry *x, const mbedtls_x509_name *subject,
                 const mbedtls_x509_buf *der, tls_expiry_fn *report, void *arg)
{
    char text[512];
    text_name_shown(subject, text, sizeof text);
    x->subject = text;
    if (mbedtls_sha256(der->p, der->len, x->digest, 0) == 0)
        report(arg, x);
}

static void tell_certificate(const mbedtls_x509_crt *c, enum tls_expiry_kind kind,
                             tls_expiry_fn *report, void *arg)
{
    char serial[128]; /* RFC 5280, 4.1.2.2: 20 bytes at most */
    struct tls_expiry x = {.kind = kind,
                           .serial = serial,
                           .from = identity_time(&c->valid_from),
                           .until = identity_time(&c->valid_to)};
    text_serial(&c->serial, serial, sizeof serial);
    tell(&x, &c->subject, &c->raw, report, arg);
}

void tls_identity_expiries(const struct tls_identity *id, tls_expiry_fn *report, void *arg)
{
    for (const mbedtls_x509_crt *c = &id->chain; c != NULL; c = c->next)
        tell_certificate(c, c == &id->chain ? TLS_EXPIRY_LEAF : TLS_EXPIRY_INTERMEDIATE, report,
                         arg);
}

void tls_dialer_expiry(const struct tls_dialer *k, tls_expiry_fn *report, void *arg)
{
    const mbedtls_x509_crt *last = NULL;
    for (const mbedtls_x509_crt *c = k != NULL ? &k->ca : NULL; c != NULL; c = c->next)
        if (c->raw.p != NULL &&
            (last == NULL || identity_time(&c->valid_to) > identity_time(&last->valid_to)))
            last = c;
    if (last != NULL)
        tell_certificate(last, TLS_EXPIRY_UPSTREAM_CA, report, arg);
}

struct tls_authorities tls_dialer_authorities(const struct tls_dialer *k, time_t now)
{
    struct tls_authorities all = {.count = 0};
    for (const mbedtls_x509_crt *c = k != NULL ? &k->ca : NULL; c != NULL; c = c->next) {
        if (c->raw.p == NULL)
            continue;
        const bool over = identity_time(&c->valid_to) < now;
        all.count++;
        all.expired += over;
        all.in_force += !over && identity_time(&c->valid_from) <= now;
    }
    return all;
}

void tls_server_expiries(const struct tls_server *s, tls_expiry_fn *report, void *arg)
{
    if (s == NULL)
        return;
    for (const mbedtls_x509_crt *c = &s->client_ca; c != NULL; c = c->next)
        if (c->raw.p != NULL) /* not the head of an empty list */
            tell_certificate(c, TLS_EXPIRY_CLIENT_CA, report, arg);
    for (const mbedtls_x509_crl *l = &s->client_crl; l != NULL; l = l->next) {
        if (l->raw.p == NULL)
            continue;
        const bool open = l->next_update.year == 0;
        struct tls_expiry x = {.kind = TLS_EXPIRY_CLIENT_CRL,
                               .serial = "",
                               .from = identity_time(&l->this_update),
                               .until = open ? 0 : identity_time(&l->next_update)};
        tell(&x, &l->issuer, &l->raw, report, arg);
    }
}
