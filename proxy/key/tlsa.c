#include "proxy/key/tlsa.h"
#include "proxy/base/json.h"
#include "proxy/key/binding.h"
#include "proxy/key/public.h"
#include "proxy/key/serving.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* What a record is about; in this order they are shown. */
enum state { STATE_SERVED, STATE_STAGED, STATE_NEXT, STATE_ISSUER, STATES };

static const struct {
    const char *word, *text;
} states[STATES] = {
    [STATE_SERVED] = {"served", "the key that is served now"},
    [STATE_STAGED] = {"staged", "the key that is in place: the next reload or start serves it"},
    [STATE_NEXT] = {"next", "the key that waits for its certificate"},
    [STATE_ISSUER] = {"issuer", "the authority's key, for those who trust it for these names"},
};

enum { DIGESTS_MAX = 8, PORTS_MAX = 256 };

struct tlsa {
    struct key_job *job;
    size_t block;
    struct key_names names;
    uint16_t ports[PORTS_MAX];
    size_t port_count;
    struct digest {
        enum state state;
        char text[TLS_DIGEST_TEXT];
    } digests[DIGESTS_MAX];
    size_t digest_count;
};

/* ---- names and ports ---- */

/* A record's owner is a host. */
static void add_host(struct tlsa *t, const char *name)
{
    uint8_t address[16];
    if (name[0] != '*' && inet_pton(AF_INET, name, address) != 1 &&
        inet_pton(AF_INET6, name, address) != 1)
        key_names_add(&t->names, name);
}

static void add_port(struct tlsa *t, uint16_t port)
{
    for (size_t i = 0; i < t->port_count; i++)
        if (t->ports[i] == port)
            return;
    if (t->port_count < PORTS_MAX)
        t->ports[t->port_count++] = port;
}

static void add_route(struct tlsa *t, const struct route_config *r, const struct tls_identity *id)
{
    for (size_t i = 0; i < r->listen_count; i++)
        if (r->listen[i].kind == ENDPOINT_INET)
            add_port(t, r->listen[i].port);
    if (r->hostname_at.line > 0 && (id == NULL || tls_identity_covers(id, r->hostname)))
        add_host(t, r->hostname);
}

static void add_routes(struct tlsa *t, const struct tls_identity *id)
{
    const struct config *c = t->job->config;
    for (size_t i = 0; t->block != KEY_UNBOUND && i < c->route_count; i++)
        if (config_route_uses(&c->routes[i], t->block))
            add_route(t, &c->routes[i], id);
}

/* ---- keys ---- */

/* Each key once. */
static void add_digest(struct tlsa *t, enum state state, const char *digest)
{
    for (size_t i = 0; i < t->digest_count; i++)
        if (strcmp(t->digests[i].text, digest) == 0 &&
            (t->digests[i].state == STATE_ISSUER) == (state == STATE_ISSUER))
            return;
    if (digest[0] == '\0' || t->digest_count == DIGESTS_MAX)
        return;
    struct digest *d = &t->digests[t->digest_count++];
    d->state = state;
    snprintf(d->text, sizeof d->text, "%s", digest);
}

static void add_served(struct tlsa *t)
{
    const struct key_serving s = key_ask_serving(t->job, t->job->o->name);
    if (!s.answered)
        key_note(t->job, "%s: what is in place may be served, or not", s.why.text);
    add_digest(t, STATE_SERVED, s.key_digest);
}

static void add_waiting_key(struct tlsa *t, const struct keystore_entry *entry,
                            enum keystore_file which)
{
    char digest[TLS_DIGEST_TEXT];
    if (key_public_digest(entry, which, digest))
        add_digest(t, STATE_NEXT, digest);
}

/* Before there is a certificate there may be two keys; the answer to either fits. */
static void add_request(struct tlsa *t, const struct keystore_entry *entry,
                        struct keys_request *request)
{
    if (request != NULL) {
        add_digest(t, STATE_NEXT, request->key_digest);
        for (size_t i = 0; i < request->count; i++)
            add_host(t, request->names[i]);
    }
    add_waiting_key(t, entry, KEYSTORE_NEXT_KEY);
    if (!keystore_has(entry, KEYSTORE_CHAIN))
        add_waiting_key(t, entry, KEYSTORE_KEY);
}

static void add_certificate(struct tlsa *t, const struct tls_identity *id)
{
    const struct tls_identity_facts *f = id != NULL ? tls_identity_facts(id) : NULL;
    for (size_t i = 0; f != NULL && i < f->name_count; i++)
        add_host(t, f->names[i]);
    if (f != NULL) {
        add_digest(t, STATE_STAGED, f->key_digest);
        add_digest(t, STATE_ISSUER, f->issuer_key_digest);
    }
}

/* ---- what is said ---- */

static void owner_text(uint16_t port, const char *name, char *out, size_t size)
{
    snprintf(out, size, "_%u._tcp.%s%s", (unsigned)port, name,
             name[strlen(name) - 1] == '.' ? "" : ".");
}

/* DANE-TA or DANE-EE, the key alone, SHA-256. */
static int usage_of(enum state s)
{
    return s == STATE_ISSUER ? 2 : 3;
}

static void say_record(struct tlsa *t, const struct digest *d, const char *owner)
{
    struct buf *out = &t->job->out;
    if (!t->job->o->json) {
        buf_printf(out, "%s IN TLSA %d 1 1 %s\n", owner, usage_of(d->state), d->text);
        return;
    }
    json_object(out, NULL);
    json_string(out, "state", states[d->state].word);
    json_string(out, "owner", owner);
    json_number(out, "usage", usage_of(d->state));
    json_number(out, "selector", 1);
    json_number(out, "matching_type", 1);
    json_string(out, "data", d->text);
    json_object_end(out);
}

/* Without a port or a name there is no owner, but a digest is one all the same. */
static void say_digest(struct tlsa *t, const struct digest *d)
{
    char owner[320];
    const bool nowhere = t->port_count == 0 || t->names.count == 0;
    if (!t->job->o->json)
        buf_printf(&t->job->out, "; %s: %s%s%s\n", t->job->o->name, states[d->state].text,
                   nowhere ? ": " : "", nowhere ? d->text : "");
    for (size_t n = 0; n < t->names.count; n++)
        for (size_t p = 0; p < t->port_count; p++) {
            owner_text(t->ports[p], t->names.list[n], owner, sizeof owner);
            say_record(t, d, owner);
        }
}

static void say_all(struct tlsa *t)
{
    struct key_job *j = t->job;
    if (j->o->json) {
        json_string(&j->out, "name", j->o->name);
        json_array(&j->out, "tlsa");
    }
    for (int state = 0; state < STATES; state++)
        for (size_t i = 0; i < t->digest_count; i++)
            if ((int)t->digests[i].state == state)
                say_digest(t, &t->digests[i]);
    if (j->o->json)
        json_array_end(&j->out);
    if (t->port_count == 0)
        key_note(j, "no route with a port uses %s: a record's name begins with the port",
                 j->o->name);
    if (t->names.count == 0)
        key_note(j, "%s has no host name that a record could have", j->o->name);
}

static int refuse_empty(struct key_job *j)
{
    char cure[128];
    snprintf(cure, sizeof cure, "make a key first: tlsfront key new %s", j->o->name);
    return key_fail(j, cure, "%s has neither a certificate nor a request", j->o->name);
}

int key_tlsa(struct key_job *j, size_t block, const struct tls_identity *id,
             const struct keystore_entry *entry)
{
    struct tlsa t = {.job = j, .block = block};
    struct err ignored;
    const struct file_bytes *file = &entry->file[KEYSTORE_REQUEST];
    struct keys_request *request =
        file->data != NULL ? keys_request_read(key_slice(file), "request.csr", &ignored) : NULL;
    add_served(&t);
    add_certificate(&t, id);
    add_request(&t, entry, request);
    add_routes(&t, id);
    int status = t.digest_count > 0 ? 0 : refuse_empty(j);
    if (status == 0)
        say_all(&t);
    keys_request_free(request);
    return status;
}

/* ---- a change of the key ---- */

void key_warn_new_key(struct key_job *j, struct tls_slice before, struct tls_slice after)
{
    char old[TLS_DIGEST_TEXT], new[TLS_DIGEST_TEXT];
    char cure[256];
    key_chain_digest(before, old);
    key_chain_digest(after, new);
    if (old[0] == '\0' || strcmp(old, new) == 0)
        return;
    snprintf(cure, sizeof cure,
             "where there are TLSA records, have those of `tlsfront key show %s --tlsa` published "
             "for as long as the old ones live (their TTL) before the %s",
             j->o->name,
             key_is_watched(j) ? "key is put in place: with watch = on it is served within "
                                 "seconds; `tlsfront key rollback` goes back"
                               : "reload");
    diag_add(&j->findings, DIAG_WARNING, NULL, cure,
             "the key of %s changes: who finds only the old one by DANE refuses it", j->o->name);
}

void key_note_next_key(struct key_job *j)
{
    key_note(j,
             "the certificate will come with a new key: where there are TLSA records (DANE), add "
             "those of `tlsfront key show %s --tlsa` now and install the answer after their TTL; "
             "`tlsfront key renew %s --same-key` keeps key and records",
             j->o->name, j->o->name);
}
