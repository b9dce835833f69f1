/* reload_inner.h - what the files of reload.h share; nobody else includes it. */
#ifndef TLSFRONT_SUPERVISOR_RELOAD_INNER_H
#define TLSFRONT_SUPERVISOR_RELOAD_INNER_H

#include "proxy/supervisor/reload.h"

/* The generation in service; NULL before the first is committed. */
static inline const struct generation *reload_current(const struct reload *r)
{
    return r->with.workers->current.generation;
}

/* ---- may it be? (reload_judge.c) ---- */

/* Where a configuration comes from; without anything, from the file. */
struct reload_source {
    const struct bundle *texts;
    struct bundle *judged;
};

/* Read, judge, bind. 0, or the exit status with the reason in `why`. */
int reload_judge(struct reload *r, const struct reload_source *from, struct err *why);

/* The names of upstreams have been asked for: findings about what they resolve to, or do not. */
void reload_judge_names(struct reload *r);

/* ---- what is told of it (reload_answers.c) ---- */

/* The answer to a caller is of this size at most. */
#define RELOAD_ANSWER_MAX (CONTROL_TEXT_MAX - 1)

/* And a reason. */
enum { RELOAD_WHY_MAX = 600 };

void reload_log_findings(struct reload *r);
void reload_log_changes(struct reload *r);
/* The line of one that is in service. */
void reload_log_outcome(struct reload *r, const char *outcome);

/* One more in front of the list, who hears of the `outcome` alone where it is `brief`. `request`
 * NULL: nobody. */
void reload_add_waiter(struct reload_waiter **list, struct control_request *request, bool brief);

/* Those of the other list, too, wait for this reload. */
void reload_join_waiters(struct reload *r);

/* To all who wait for it; then nobody does. */
void reload_answer(struct reload *r, int status, const char *words);

/* "NAMES did not `what` in time" */
void reload_explain_late(const struct reload *r, const char *what, char why[RELOAD_WHY_MAX]);

#endif
