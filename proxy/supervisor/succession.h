/* succession.h - what a supervisor has of the image before it, and gives to the next: an upgrade
 * seen from inside (docs/decisions/014-upgrade.md). Where there was no image before, only the
 * latter. */
#ifndef TLSFRONT_SUPERVISOR_SUCCESSION_H
#define TLSFRONT_SUPERVISOR_SUCCESSION_H

#include "proxy/supervisor/estate.h"
#include "proxy/supervisor/takeover.h"
#include "proxy/supervisor/upgrade.h"

#include <time.h>

struct succession {
    uv_loop_t *loop;
    struct estate estate;
    const char *configuration; /* its path */
    time_t started;            /* the daemon, whatever the image */
    bool *unwanted;            /* newcomers, as `tlsfront drain` says */
    control_fn *on_request;    /* for the control socket that is taken over */
    void *arg;

    char *program; /* where the next binary will lie */
    struct upgrade upgrade;
    struct takeover *before; /* what there is of it, until this image is well; NULL: nothing */
    struct control_request **waiting; /* those who hear how the upgrade went */
    size_t waiting_count;
    const struct bundle *rehearsed; /* well; NULL: not yet */
    uv_poll_t audience;             /* of a rehearsal; when it goes, all is over */
};

/* Once the loop is there, and the parts of `estate`; `before` may be NULL. */
void succession_init(struct succession *s, struct takeover *before);

/* Take over what there is. -1 with the reason. */
int succession_take(struct succession *s, struct err *e);

/* Begin with the first configuration, wherever it comes from: as reload_first(). */
int succession_begin(struct succession *s, struct buf *said);

/* Is this a rehearsal? Is there no way back any more, or was there never one? */
bool succession_rehearses(const struct succession *s);
bool succession_is_over(const struct succession *s);

/* The rehearsal has done well: nothing is left but to end the workers, and to report when they are
 * gone. */
void succession_rehearsed(struct succession *s, const struct bundle *b);
void succession_report(struct succession *s);

/* This image cannot begin: does not return where there was another before. */
void succession_fail(struct succession *s, const char *why);

/* It serves. */
void succession_complete(struct succession *s, const char *outcome);

void succession_close(struct succession *s);
void succession_free(struct succession *s);

#endif
