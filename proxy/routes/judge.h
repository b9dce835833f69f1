/* judge.h - what there is to tell the operator of a generation that could be loaded: certificates
 * that clients will refuse, authorities and revocation lists that are of no use, or out of their
 * time, and what has no effect. */
#ifndef TLSFRONT_ROUTES_JUDGE_H
#define TLSFRONT_ROUTES_JUDGE_H

#include "proxy/routes/generation.h"

/* Findings go to `d`; what generation_load() has reported stays unsaid. It is for whoever decides
 * whether a generation may serve: workers load what has been judged. */
void generation_judge(const struct generation *g, struct diags *d);

#endif
