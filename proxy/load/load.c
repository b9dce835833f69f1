#include "proxy/load/load.h"
#include "config/columns.h"
#include "proxy/ipc/counters.h"
#include "proxy/load/advice.h"
#include "proxy/load/fingerprint.h"
#include "proxy/load/unlock.h"
#include "proxy/routes/judge.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

/* One more of the files; those that are of no use are left out. */
static void add_ticket_key(const struct file_ref *file, const struct bundle_entry *entry,
                           struct ticket_files *t, struct diags *d)
{
    struct err e;
    struct stat st;
    const uint32_t n = t->secrets.count;
    struct tls_ticket_secret *secret = &t->secrets.item[n];
    if (tls_ticket_secret_load((struct tls_slice){entry->data, entry->size}, secret, &e) != 0) {
        diag_add(d, DIAG_ERROR, &file->at, "make one: tlsfront key ticket-new FILE",
                 "ticket-key: \"%s\" is of no use: %s", file->path, e.text);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        if (memcmp(t->secrets.item[i].bytes, secret->bytes, sizeof secret->bytes) == 0)
            diag_add(d, DIAG_WARNING, &file->at, "make another: tlsfront key ticket-new FILE",
                     "ticket-key: \"%s\" holds the same as one before it, so it adds nothing",
                     file->path);
    tls_ticket_fingerprint(secret, t->fingerprint[n]);
    t->modified[n] = stat(file->path, &st) == 0 ? st.st_mtime : 0;
    t->secrets.count++;
}

/* They are the supervisor's alone: who has one can open every ticket, past and to come. */
static void load_ticket_keys(const struct file_list *files, struct candidate *out, struct diags *d)
{
    for (size_t i = 0; i < files->count && i < TLS_TICKET_SECRETS; i++) {
        const struct file_ref *file = &files->items[i];
        const struct bundle_entry *entry = bundle_find(out->bundle, BUNDLE_SECRET, file->path);
        if (entry != NULL)
            add_ticket_key(file, entry, &out->tickets, d);
        else if (diag_ok(d, DIAG_ERROR)) /* else it was told when it was to be read */
            diag_add(d, DIAG_ERROR, &file->at, NULL, "ticket-key: \"%s\" is not in the bundle",
                     file->path);
    }
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
    if (config->server_name_count > NAME_SLOTS)
        diag_add(d, DIAG_ERROR, &config->server_names[NAME_SLOTS].at,
                 "run a second instance with its own control socket, or use a wildcard",
                 "%zu server-name blocks; one instance has up to %d", config->server_name_count,
                 NAME_SLOTS);
    if (config->route_count > ROUTE_SLOTS)
        diag_add(d, DIAG_ERROR, NULL, "run a second instance with its own control socket",
                 "%zu routes; one instance serves up to %d", config->route_count, ROUTE_SLOTS);
}

static bool make_generation(struct config *config, struct candidate *out, struct diags *d)
{
    out->generation = generation_load(config, out->bundle, GENERATION_JUDGED, d);
    if (out->generation != NULL) {
        generation_judge(out->generation, d);
        advise_routes(out->generation, d);
    }
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
    load_ticket_keys(&config->ticket_keys, out, d);
    unlock_keys(config, out->bundle, d);
    return make_generation(config, out, d);
}

bool load_bundle(struct bundle *b, struct candidate *out, struct diags *d)
{
    *out = (struct candidate){.bundle = b};
    struct config *config = config_load(b, d);
    if (config == NULL) {
        candidate_free(out);
        return false;
    }
    judge_machine(config, out, d);
    load_ticket_keys(&config->ticket_keys, out, d);
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
    explicit_bzero(&l->tickets, sizeof l->tickets);
    *l = (struct candidate){0};
}

void load_print_hashes(const struct bundle *b, struct buf *out)
{
    struct fingerprints f;
    fingerprints(b, &f);
    buf_printf(out, "config_hash %s\nfiles_hash %s\n", f.config, f.files);
}

static void print_finding(const struct diag *f, struct buf *out)
{
    char text[4 * DIAG_TEXT_MAX];
    diag_format(f, text, sizeof text);
    buf_puts(out, text);
}

static void print_memory(const struct diags *d, struct buf *out)
{
    if (d->out_of_memory)
        buf_puts(out, "error: out of memory\n");
}

void load_print_findings(const struct diags *d, struct buf *out)
{
    for (size_t i = 0; i < d->count; i++)
        print_finding(&d->items[i], out);
    print_memory(d, out);
}

void load_print_errors_first(const struct diags *d, struct buf *out)
{
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].severity != DIAG_WARNING)
            print_finding(&d->items[i], out);
    print_memory(d, out);
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i].severity == DIAG_WARNING)
            print_finding(&d->items[i], out);
}
