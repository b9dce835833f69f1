/* assemble.h - a tree given meaning, block by block and key by key, as the schema has them. */
#ifndef TLSFRONT_ASSEMBLE_H
#define TLSFRONT_ASSEMBLE_H

#include "config/build.h"

/* Fills b->config from b->tree. Findings go to b->diags, out of memory shows in the arenas. */
void assemble_config(struct build *b);

#endif
