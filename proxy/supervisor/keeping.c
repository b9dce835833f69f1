/* keeping.c - start-with = last-good: what was accepted is kept, and served where FILE does not
 * pass. last_good.h is the file. */
#include "proxy/base/date.h"
#include "proxy/base/exits.h"
#include "proxy/supervisor/last_good.h"
#include "proxy/supervisor/supervisor_inner.h"

#include <stdlib.h>
#include <string.h>

static bool is_same_file(const char *a, const char *b)
{
    char *whole_a = realpath(a, NULL), *whole_b = realpath(b, NULL);
    const bool same =
        strcmp(a, b) == 0 || (whole_a != NULL && whole_b != NULL && strcmp(whole_a, whole_b) == 0);
    free(whole_a);
    free(whole_b);
    return same;
}

/* Another daemon with the same STATE keeps its own there. */
static bool is_kept_for(const struct supervisor *s, const struct bundle *kept)
{
    return bundle_count(kept) > 0 && is_same_file(bundle_at(kept, 0)->path, s->reload.with.path);
}

static void drop_kept(const struct supervisor *s, const char *state)
{
    struct err ignored;
    time_t when;
    struct bundle *b = last_good_find(state, &when, &ignored);
    if (b == NULL || is_kept_for(s, b))
        last_good_drop(state);
    bundle_free(b);
}

int supervisor_claim_keeping(struct supervisor *s, const struct config *c, struct diags *d)
{
    struct err e;
    if (c->start_with == START_WITH_CONFIGURATION && s->phase == PHASE_STARTING)
        drop_kept(s, c->state);
    if (c->start_with == START_WITH_CONFIGURATION || last_good_prepare(c->state, &e) == 0)
        return 0;
    diag_add(d, DIAG_ERROR, &c->start_with_at, err_cure_or(&e, NULL), "start-with = last-good: %s",
             e.text);
    return -1;
}

/* What was kept already is served just so. */
void supervisor_keep(struct supervisor *s, const struct config *c)
{
    struct err e;
    if (c->start_with == START_WITH_CONFIGURATION)
        drop_kept(s, c->state);
    else if (s->kept == 0 && last_good_keep(c->state, s->workers.next.whole, time(NULL), &e) != 0)
        log_event(&s->log, LOG_LEVEL_ERROR, "last-good",
                  "this configuration is not kept for a start: %s", e.text);
}

void supervisor_tell_kept(struct supervisor *s)
{
    char since[DATE_TEXT_SIZE], first[DIAG_TEXT_MAX] = "";
    date_text(s->kept, since);
    for (size_t i = s->findings.count; i-- > 0;)
        if (s->findings.items[i].severity == DIAG_ERROR)
            diag_format(&s->findings.items[i], first, sizeof first);
    first[strcspn(first, "\n")] = '\0';
    log_event(&s->log, LOG_LEVEL_ERROR, "last-good",
              "%s does not pass; what was accepted on %s is served: %s", s->reload.with.path, since,
              first);
}

int supervisor_begin_with_kept(struct supervisor *s, struct buf *said)
{
    struct err e = {.text = ""};
    char *state = config_state_path(s->reload.with.path);
    struct bundle *b = state != NULL ? last_good_find(state, &s->kept, &e) : NULL;
    free(state);
    if (b != NULL && !is_kept_for(s, b)) {
        err_set(&e, "it is that of \"%s\"; each daemon needs a `state` of its own",
                bundle_at(b, 0)->path);
        bundle_free(b);
        b = NULL;
        s->kept = 0;
    }
    if (b == NULL && e.text[0] != '\0')
        buf_printf(said, "tlsfront: nor can the last accepted configuration be used: %s\n", e.text);
    if (b == NULL)
        return EXIT_CONFIGURATION;
    s->findings = reload_forget_first(&s->reload);
    outcomes_add(&s->outcomes, false, SUPERVISOR_KEPT, time(NULL));
    buf_printf(said, "tlsfront: %s\n", SUPERVISOR_KEPT);
    const int status = reload_first_with(&s->reload, b, said);
    return status == 0 ? 0 : EXIT_CONFIGURATION;
}
