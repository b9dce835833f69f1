#include "proxy/load/load.h"
#include "config/columns.h"
#include "config/file.h"
#include "proxy/ipc/counters.h"
#include "proxy/load/advice.h"
#include "proxy/load/unlock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* Beyond that lies a mistake. */
enum { TICKET_KEY_MAX = 1 << 20 };

/* The file is the supervisor's alone: who has it can open every ticket, past and to come. */
static void load_ticket_key(const struct file_ref *file, struct candidate *out, struct diags *d)
{
    struct err e;
    struct file_bytes bytes;
    int error;
    if (file->path == NULL)
        return;
    if (file_read(file->path, TICKET_KEY_MAX, &bytes, &error, &e) != 0) {
        diag_add(d, DIAG_ERROR, &file->at, "make one: openssl rand -out FILE 48; chmod 600 FILE",
                 "ticket-key: cannot read \"%s\": %s", file->path, e.text);
        return;
    }
    const struct tls_slice slice = {bytes.data, bytes.size};
    out->tickets_shared = tls_ticket_secret_load(slice, out->ticket_secret, &e) == 0;
    if (!out->tickets_shared)
        diag_add(d, DIAG_ERROR, &file->at, "make one: openssl rand -out FILE 48; chmod 600 FILE",
                 "ticket-key: \"%s\" is of no use: %s", file->path, e.text);
    config_check_private(file, "ticket-key", "the secret", d);
    file_bytes_free(&bytes);
}

static void judge_machine(struct config *config, struct candidate *out, struct diags *d)
{
    struct err e;
    if (privileges_resolve(config->user, &out->identity, &e) != 0)
        diag_add(d, DIAG_ERROR, &config->user_at,
                 "create it (`adduser --system --group --no-create-home NAME`) or name another "
                 "with `user = NAME`",
                 "%s", e.text);
    out->identity.sandbox = config->sandbox;
    for (size_t i = 0; i < config->target_count; i++)
        out->identity.transparent |= config->targets[i]->source_kind == SOURCE_TRANSPARENT;
    if (out->identity.transparent && !privileges_may_impersonate())
        diag_add(d, DIAG_ERROR, NULL,
                 "start as root with CAP_NET_RAW (in a unit: AmbientCapabilities= or "
                 "CapabilityBoundingSet= with CAP_NET_RAW)",
                 "source = transparent needs the privilege to bind to foreign addresses");
    if (config->route_count > ROUTE_SLOTS)
        diag_add(d, DIAG_ERROR, NULL, "run a second instance with its own control socket",
                 "%zu routes; one instance serves up to %d", config->route_count, ROUTE_SLOTS);
}

static bool make_generation(struct config *config, struct candidate *out, struct diags *d)
{
    out->generation = generation_load(config, out->bundle, GENERATION_JUDGED, d);
    if (out->generation != NULL)
        advise_routes(out->generation, d);
    columns_find(out->bundle, d);
    if (out->generation == NULL) {
        candidate_free(out);
        d->out_of_memory = true;
        return false;
    }
    return true;
}

static bool judge(struct config *config, struct candidate *out, struct diags *d)
{
    if (config == NULL)
        return false;
    judge_machine(config, out, d);
    load_ticket_key(&config->ticket_key, out, d);
    unlock_keys(config, out->bundle, d);
    return make_generation(config, out, d);
}

bool load_bundle(struct bundle *b, const uint8_t *ticket_secret, struct candidate *out,
                 struct diags *d)
{
    *out = (struct candidate){.bundle = b};
    struct config *config = config_load(b, d);
    if (config == NULL) {
        candidate_free(out);
        return false;
    }
    judge_machine(config, out, d);
    if (ticket_secret == NULL) {
        load_ticket_key(&config->ticket_key, out, d);
    } else {
        out->tickets_shared = true;
        memcpy(out->ticket_secret, ticket_secret, sizeof out->ticket_secret);
    }
    return make_generation(config, out, d);
}

bool load_configuration(const char *path, struct candidate *out, struct diags *d)
{
    *out = (struct candidate){0};
    return judge(config_read(path, &out->bundle, d), out, d);
}

bool load_files_again(const struct bundle *texts, struct candidate *out, struct diags *d)
{
    *out = (struct candidate){0};
    return judge(config_reread(texts, &out->bundle, d), out, d);
}

bool load_good(const struct generation *g, const struct diags *d)
{
    return g != NULL && diag_ok(d, DIAG_EXPIRED);
}

void candidate_free(struct candidate *l)
{
    generation_free(l->generation);
    bundle_free(l->bundle);
    explicit_bzero(l->ticket_secret, sizeof l->ticket_secret);
    *l = (struct candidate){0};
}

void load_print_findings(const struct diags *d, struct buf *out)
{
    for (size_t i = 0; i < d->count; i++) {
        char text[4 * DIAG_TEXT_MAX];
        diag_format(&d->items[i], text, sizeof text);
        buf_puts(out, text);
    }
    if (d->out_of_memory)
        buf_puts(out, "error: out of memory\n");
}
