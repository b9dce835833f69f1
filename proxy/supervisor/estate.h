/* estate.h - all that a supervisor has, for the one that comes after it. */
#ifndef TLSFRONT_SUPERVISOR_ESTATE_H
#define TLSFRONT_SUPERVISOR_ESTATE_H

#include "proxy/control/control.h"
#include "proxy/supervisor/archive.h"
#include "proxy/supervisor/observer.h"
#include "proxy/supervisor/reload.h"
#include "proxy/supervisor/tickets.h"

/* Borrowed. */
struct estate {
    struct log *log;
    struct workers *workers;
    struct veterans *veterans;
    struct archive *archive;
    struct listeners *listeners;
    struct resolver *resolver;
    struct reload *reload;
    struct tickets *tickets;
    struct confinement *confinement;
    struct activation *activation;
    struct observer *observer;
    struct control **control;
};

/* What of it is there, into `h`, which borrows the descriptors. -1: out of memory. */
int estate_give(const struct estate *x, struct handover *h);

/* The way back, before anything else has happened: the descriptors of `h` are those parts' from now
 * on; the log's, the control socket's and the callers' are still `h`'s. -1 with the reason. */
int estate_take(const struct estate *x, const struct handover *h, struct err *e);

#endif
