#include "proxy/key/judge.h"
#include "proxy/base/date.h"
#include "proxy/base/json.h"
#include "proxy/key/binding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool key_read_file(struct key_job *j, const char *path, struct file_bytes *out)
{
    struct err e;
    int error;
    if (file_read(path, KEY_ANSWER_MAX, out, &error, &e) == 0)
        return true;
    key_fail(j, error == EACCES ? "run this as a user who may read it" : "correct the path",
             "cannot read %s: %s", path, e.text);
    return false;
}

/* ---- roots that clients have ---- */

/* Debian's place, then that of others. */
static const char *const machine_roots[] = {"/etc/ssl/certs/ca-certificates.crt",
                                            "/etc/pki/tls/certs/ca-bundle.crt"};

static bool add_roots(struct key_job *j, struct keys_pool *roots)
{
    struct file_bytes file;
    struct err e;
    int ignored;
    if (j->o->ca != NULL) {
        if (!key_read_file(j, j->o->ca, &file))
            return false;
        const bool good = keys_pool_add(roots, key_slice(&file), j->o->ca, &e) == 0;
        if (!good)
            key_fail(j, err_cure_or(&e, "give the roots' certificates"), "%s", e.text);
        file_bytes_free(&file);
        return good;
    }
    for (size_t i = 0; i < sizeof machine_roots / sizeof *machine_roots; i++)
        if (file_read(machine_roots[i], KEY_ANSWER_MAX, &file, &ignored, &e) == 0) {
            keys_pool_add_trusted(roots, key_slice(&file));
            file_bytes_free(&file);
            break;
        }
    return true;
}

/* ---- findings ---- */

static void report_chain(void *arg, enum keys_gravity gravity, const char *text, const char *cure)
{
    struct key_job *j = arg;
    if (gravity == KEYS_NOTE)
        key_note(j, "%s", text);
    else
        diag_add(&j->findings, gravity == KEYS_ERROR ? DIAG_ERROR : DIAG_WARNING, NULL, cure, "%s",
                 text);
}

enum weight { WARNS, REFUSES_UNLESS_FORCED, REFUSES, SAID_ELSEWHERE };

static const struct {
    enum weight weight;
    const char *cure;
} weights[] = {
    [TLS_FINDING_EXPIRED] = {REFUSES, "have the authority issue a current one; and check this "
                                      "machine's clock"},
    [TLS_FINDING_ISSUER_EXPIRED] = {REFUSES, "get the authority's present one"},
    [TLS_FINDING_NOT_YET_VALID] = {REFUSES, "check this machine's clock; else install it later"},
    [TLS_FINDING_NEVER_VALID] = {REFUSES, "have the authority issue another"},
    [TLS_FINDING_EXPIRES_SOON] = {WARNS, "renew it: tlsfront key renew NAME"},
    [TLS_FINDING_CHAIN_ORDER] = {SAID_ELSEWHERE, NULL},
    [TLS_FINDING_CHAIN_BROKEN] = {SAID_ELSEWHERE, NULL},
    [TLS_FINDING_DAMAGED] = {REFUSES, "get it again, or make another: tlsfront key self-signed "
                                      "NAME"},
    [TLS_FINDING_CHAIN_INCOMPLETE] = {SAID_ELSEWHERE, NULL},
    [TLS_FINDING_WEAK_KEY] = {WARNS, "make a new key: tlsfront key renew NAME"},
    [TLS_FINDING_WEAK_SIGNATURE] = {WARNS, "have it issued again with SHA-256"},
    [TLS_FINDING_COMPRESSED_KEY] = {REFUSES, "have one issued for another key: tlsfront key new "
                                             "NAME"},
    [TLS_FINDING_NO_NAMES] = {REFUSES_UNLESS_FORCED,
                              "have it issued again with the host names in subjectAltName"},
    [TLS_FINDING_NOT_FOR_SERVERS] = {REFUSES, "have it issued for a TLS server: extendedKeyUsage "
                                              "serverAuth, keyUsage digitalSignature"},
    [TLS_FINDING_AUTHORITY] = {REFUSES_UNLESS_FORCED, "have it issued for a TLS server"},
    [TLS_FINDING_MUST_STAPLE] = {WARNS, "have it issued without the extension TLS feature"},
    [TLS_FINDING_UNKNOWN_CRITICAL] = {REFUSES,
                                      "have it issued without it, or with it not critical"},
    [TLS_FINDING_PRECERTIFICATE] = {REFUSES, "give the certificate that the authority issued after "
                                             "it, for the same key"},
    [TLS_FINDING_CHALLENGE] = {REFUSES, "give the server's own certificate"},
    [TLS_FINDING_SOME_REFUSE] = {WARNS, "have it issued for a TLS server, with no more than the "
                                        "usual critical extensions"},
};

static void report(struct key_job *j, bool forced, enum tls_finding finding, const char *text)
{
    const enum weight w = weights[finding].weight;
    const bool refuses = w == REFUSES || (w == REFUSES_UNLESS_FORCED && !forced);
    if (w != SAID_ELSEWHERE)
        diag_add(&j->findings, refuses ? DIAG_ERROR : DIAG_WARNING, NULL, weights[finding].cure,
                 "%s", text);
}

static void report_identity(void *arg, enum tls_finding finding, unsigned place, const char *text)
{
    struct key_job *j = arg;
    (void)place;
    report(j, j->o->force, finding, text);
}

/* Whatever had to be forced has been. */
static void report_previous(void *arg, enum tls_finding finding, unsigned place, const char *text)
{
    (void)place;
    report(arg, true, finding, text);
}

/* ---- the judgement ---- */

static char *make_chain(struct key_job *j, const struct keys_pool *pool,
                        const struct keys_private *key)
{
    struct err e;
    struct keys_pool *roots = keys_pool_new(&e);
    char *chain = NULL;
    if (roots == NULL)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    else if (add_roots(j, roots)) {
        const struct keys_judge judge = {.trusted = roots,
                                         .now = time(NULL),
                                         .incomplete_is_fine = j->o->force,
                                         .keep_root = j->o->keep_root,
                                         .report = report_chain,
                                         .arg = j};
        chain = keys_chain_make(pool, key, &judge);
    }
    keys_pool_free(roots);
    return chain;
}

static struct tls_identity *load_pair(struct key_job *j, const char *chain, const char *what,
                                      const struct keys_private *key, const char *key_path)
{
    struct err e;
    struct tls_identity *id = NULL;
    char *pem = keys_private_pem(key, &e);
    if (pem != NULL)
        id = tls_identity_load((struct tls_slice){(const uint8_t *)chain, strlen(chain)}, what,
                               (struct tls_slice){(const uint8_t *)pem, strlen(pem)}, key_path, &e);
    if (id == NULL)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    keys_free_text(pem);
    return id;
}

char *key_judge_chain(struct key_job *j, const struct keys_pool *pool,
                      const struct keys_private *key, const char *key_path,
                      const struct keys_request *request)
{
    char *chain = make_chain(j, pool, key);
    struct tls_identity *id =
        chain != NULL ? load_pair(j, chain, "the answer", key, key_path) : NULL;
    if (id != NULL) {
        tls_identity_check(id, time(NULL), report_identity, j);
        key_check_names(j, id, request);
    }
    tls_identity_free(id);
    if (id != NULL && diag_ok(&j->findings, DIAG_ERROR))
        return chain;
    keys_free_text(chain);
    return NULL;
}

bool key_loads(struct key_job *j, const char *chain, const char *what,
               const struct keys_private *key)
{
    struct tls_identity *id = load_pair(j, chain, what, key, "its key");
    tls_identity_free(id);
    return id != NULL;
}

bool key_judge_previous(struct key_job *j, const struct keystore_entry *previous)
{
    struct err e;
    char name[KEYSTORE_DIRECTORY_SIZE];
    keystore_previous_name(j->o->name, name);
    struct tls_identity *id = key_stored_identity(j, name, previous, &e);
    char *path = keystore_path(&j->store, name, KEYSTORE_KEY);
    if (id == NULL)
        key_fail(j, err_cure_or(&e, NULL), "%s", e.text);
    else if (key_opens_for_daemon(j, &previous->file[KEYSTORE_KEY], path))
        tls_identity_check(id, time(NULL), report_previous, j);
    tls_identity_free(id);
    free(path);
    return diag_ok(&j->findings, DIAG_ERROR);
}

/* ---- what came of it ---- */

static void json_certificate(const struct keys_certificate *c, struct buf *out)
{
    char until[DATE_TEXT_SIZE];
    date_text(c->not_after, until);
    json_object(out, NULL);
    json_string(out, "subject", c->subject);
    json_string(out, "issuer", c->issuer);
    json_string(out, "key", c->key);
    json_string(out, "not_after", until);
    json_object_end(out);
}

static void text_certificate(const struct keys_certificate *c, struct buf *out)
{
    char until[DATE_DAY_SIZE];
    date_day(c->not_after, until);
    buf_printf(out, "%-12s %s (%s, until %s)\n%-12s   issued by %s\n", "certificate", c->subject,
               c->key, until, "", c->issuer);
}

void key_say_chain(struct key_job *j, struct tls_slice chain_pem)
{
    struct err ignored;
    struct keys_certificate c;
    struct keys_pool *pool = keys_pool_new(&ignored);
    if (j->o->json)
        json_array(&j->out, "chain");
    if (pool != NULL && keys_pool_add(pool, chain_pem, "chain", &ignored) == 0)
        for (size_t i = 0; i < keys_pool_count(pool); i++) {
            keys_pool_show(pool, i, &c);
            if (j->o->json)
                json_certificate(&c, &j->out);
            else
                text_certificate(&c, &j->out);
        }
    if (j->o->json)
        json_array_end(&j->out);
    keys_pool_free(pool);
}
