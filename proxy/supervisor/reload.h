/* reload.h - from one configuration to the next, all or nothing.
 *
 *   read and judge -> bind new addresses -> resolve new names -> workers PREPARE -> COMMIT ->
 * answer
 *
 * Until COMMIT every step can be undone and nothing that serves clients has changed. The first
 * configuration takes the same way. */
#ifndef TLSFRONT_SUPERVISOR_RELOAD_H
#define TLSFRONT_SUPERVISOR_RELOAD_H

#include "proxy/supervisor/supervisor.h"

/* Reload, or, when one is under way, once more after it. `request`, which may be NULL, is answered
 * with the outcome of a reload that began after this call. */
void reload_request(struct supervisor *s, struct control_request *request);

/* Reload the files that the configuration in service names, without reading its text again. None
 * may be under way. */
void reload_files(struct supervisor *s);

/* The first one. 0: under way; else the exit status, and the findings are on standard error. */
int reload_first(struct supervisor *s);

/* What the fleet and the resolver report. */
void reload_prepared(struct supervisor *s, uint32_t number);
void reload_refused(struct supervisor *s, uint32_t number, const char *why);
void reload_committed(struct supervisor *s, uint32_t number);
void reload_settled(struct supervisor *s);

/* The daemon goes: undo what is under way and answer who waits. */
void reload_cancel(struct supervisor *s);

#endif
