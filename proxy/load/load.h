/* load.h - the judgement on a configuration file that `run`, `check` and a reload share. */
#ifndef TLSFRONT_LOAD_LOAD_H
#define TLSFRONT_LOAD_LOAD_H

#include "proxy/base/buf.h"
#include "proxy/base/privileges.h"
#include "proxy/routes/generation.h"

#include <time.h>

/* What the files of `ticket-key` hold, in their order. */
struct ticket_files {
    struct tls_ticket_secrets secrets;
    char fingerprint[TLS_TICKET_SECRETS][TLS_TICKET_FINGERPRINT_SIZE];
    time_t modified[TLS_TICKET_SECRETS]; /* 0: not known */
};

struct candidate {
    struct bundle *bundle;
    struct generation *generation;
    struct identity identity; /* whom the workers become */
    struct ticket_files tickets;
};

/* May what was read be run, as `check` sees it? `g` may be NULL. */
bool load_good(const struct generation *g, const struct diags *d);

/* Read FILE and all it names, and look at everything that can be looked at without binding an
 * address. Findings go to `d`. False: it was not understood well enough to have a routing table,
 * and `out` is empty; true: `out` is to be freed, and diag_ok() says whether it may be run. */
bool load_configuration(const char *path, struct candidate *out, struct diags *d);

/* The same with the configuration texts of a bundle: the files that they name are read anew. */
bool load_files_again(const struct bundle *texts, struct candidate *out, struct diags *d);

/* Warn of upstream names that have no address, as far as the name servers answer within seconds;
 * for a process that may wait, once. */
void load_look_up(const struct candidate *l, struct diags *d);

/* A bundle that has been judged already, taken over; nothing is read. */
bool load_bundle(struct bundle *b, struct candidate *out, struct diags *d);

/* Drops the bundle and the generation; wipes; all zero is fine. */
void candidate_free(struct candidate *l);

/* What is printed of a configuration, its findings above all, is of this size at most. */
#define LOAD_TEXT_MAX ((size_t)256 << 20)

/* All findings in their order, as they are printed, behind what is in `out`. */
void load_print_findings(const struct diags *d, struct buf *out);
/* For those who may not hear all of them. */
void load_print_errors_first(const struct diags *d, struct buf *out);

/* Both for programs, as tlsfront(8) has it: one JSON object. `l` may be empty: not understood. */
void load_print_json(const char *path, const struct candidate *l, const struct diags *d,
                     struct buf *out);

/* The array "findings" of that. */
void load_json_findings(const struct diags *d, struct buf *out);

/* Two lines: "config_hash HEX" and "files_hash HEX". */
void load_print_hashes(const struct bundle *b, struct buf *out);

/* The routing table as a table, behind what is in `out`. */
void load_print_table(const struct generation *g, struct buf *out);

#endif
