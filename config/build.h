/* build.h - what is at hand where a tree is given meaning: settings become the fields of struct
 * config. */
#ifndef TLSFRONT_BUILD_H
#define TLSFRONT_BUILD_H

#include "config/arena.h"
#include "config/model.h"
#include "config/tree.h"

struct build {
    struct arena *arena; /* what lives as long as the configuration */
    struct arena *work;  /* what does not */
    struct diags *diags;
    struct config *config;
    const struct tree *tree;
    const struct block *block; /* the one in hand */
    const char *label;         /* its name, for findings */
};

/* A finding about the block in hand. */
void build_complain(struct build *b, enum diag_severity severity, const struct origin *at,
                    const char *cure, const char *cause_format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
