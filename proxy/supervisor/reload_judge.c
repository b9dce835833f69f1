/* reload_judge.c - may what was read become a release? */
#include "config/loops.h"
#include "config/values.h"
#include "proxy/base/exits.h"
#include "proxy/supervisor/reload_inner.h"

#include <string.h>
#include <time.h>

/* Settings that a running daemon cannot change. */
static void warn_unchangeable(struct reload *r, const struct candidate *l, struct diags *d)
{
    const struct generation *now = reload_current(r);
    if (now == NULL)
        return;
    if (l->identity.uid != r->with.workers->identity.uid)
        diag_add(d, DIAG_WARNING, &l->generation->config->user_at, "restart the daemon",
                 "`user` has changed; workers stay what they are until a restart");
    if (l->identity.sandbox != r->with.workers->identity.sandbox)
        diag_add(d, DIAG_WARNING, &l->generation->config->sandbox_at, "restart the daemon",
                 "`sandbox` has changed; workers stay as they are until a restart");
    if (l->identity.transparent && l->identity.drop && !r->with.workers->identity.transparent)
        diag_add(d, DIAG_ERROR, NULL, "restart the daemon",
                 "the running workers have given up the privilege that source = transparent needs");
}

static bool same_log(const struct config *a, const struct config *b)
{
    return a->log_target == b->log_target &&
           (a->log_target != LOG_TARGET_FILE || strcmp(a->log_file.path, b->log_file.path) == 0);
}

static void open_log(struct reload *r, const struct config *c, struct diags *d)
{
    struct err e;
    const struct generation *now = reload_current(r);
    if (now != NULL && same_log(now->config, c))
        return;
    r->log_fd = log_open_target(c, &e);
    if (r->log_fd < 0)
        diag_add(d, DIAG_ERROR, &c->log_file.at, err_cure_or(&e, NULL), "%s", e.text);
}

/* Serving an expired certificate after a reboot is bad; serving nobody is worse. And what is being
 * served already must not be in the way of a change elsewhere. */
static bool may_be_expired(const struct reload *r)
{
    return r->first ||
           !generation_brings_expired(r->candidate.generation, reload_current(r), time(NULL));
}

static bool load(struct reload *r, const struct reload_source *from)
{
    if (from->judged != NULL)
        return load_bundle(from->judged, &r->candidate, &r->findings);
    return from->texts != NULL ? load_files_again(from->texts, &r->candidate, &r->findings)
                               : load_configuration(r->with.path, &r->candidate, &r->findings);
}

/* It may take seconds, which are not to be taken off the timers that are started after it. */
static bool load_in_time(struct reload *r, const struct reload_source *from)
{
    const uint64_t begin = uv_hrtime();
    const bool understood = load(r, from);
    r->with.workers->load_ms = (uv_hrtime() - begin) / 1000000;
    uv_update_time(r->with.loop);
    return understood;
}

int reload_judge(struct reload *r, const struct reload_source *from, struct err *why)
{
    if (load_in_time(r, from)) {
        warn_unchangeable(r, &r->candidate, &r->findings);
        if (confinement_judge(r->with.confinement, r->candidate.generation->config, &r->findings))
            open_log(r, r->candidate.generation->config, &r->findings);
    }
    if (r->candidate.generation == NULL || !diag_ok(&r->findings, DIAG_ERROR) ||
        (!diag_ok(&r->findings, DIAG_EXPIRED) && !may_be_expired(r))) {
        err_set(why, "the configuration has errors");
        return EXIT_CONFIGURATION;
    }
    struct config *c = r->candidate.generation->config;
    if (r->events->claim(r->arg, c, &r->findings) != 0) {
        err_set(why, "the control socket, or an address of `observe`, cannot be had");
        return EXIT_RUNTIME;
    }
    if (listeners_prepare(r->with.listeners, c, release_worker_count(c), &r->findings) != 0) {
        err_set(why, "an address cannot be listened on");
        return EXIT_RUNTIME;
    }
    return 0;
}

/* ---- when names have been asked for ---- */

/* Its routes refuse politely until there is an address, which the operator should know of now. */
static void warn_unresolved(struct reload *r, const struct target_config *t,
                            const struct endpoint *e)
{
    const char *why = resolver_failure(r->with.resolver, e);
    if (why != NULL)
        diag_add(&r->findings, DIAG_WARNING, &e->at,
                 endpoint_is_service(e) ? "correct the name, or see to it that its records "
                                          "and their hosts resolve: host -t SRV NAME"
                                        : "correct the name, or see to it that it "
                                          "resolves: getent hosts NAME",
                 "%s: upstream \"%s\" has no address: %s", t->label, e->text, why);
}

static void warn_of_loop(struct reload *r, const struct config *c, const struct target_config *t,
                         const struct endpoint *e)
{
    size_t count = 0;
    const struct upstream_address *all = resolver_find(r->with.resolver, e, &count);
    bool told = false;
    for (size_t i = 0; i < count && !told; i++)
        told = loops_resolved(c, t, e, &all[i].addr, &r->findings);
}

void reload_judge_names(struct reload *r)
{
    const struct config *c = r->release.generation->config;
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++) {
            const struct endpoint *e = &c->targets[i]->upstream[k];
            if (e->kind != ENDPOINT_NAME)
                continue;
            warn_unresolved(r, c->targets[i], e);
            warn_of_loop(r, c, c->targets[i], e);
        }
}
