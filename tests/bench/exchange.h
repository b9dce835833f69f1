/* exchange.h - one order to the backend over a link, and its answer, which is compared byte by
 * byte. */
#ifndef BENCH_EXCHANGE_H
#define BENCH_EXCHANGE_H

#include "tests/bench/link.h"
#include "tests/bench/pattern.h"
#include "tests/bench/script.h"

struct exchange {
    uint8_t order[ORDER_SIZE];
    uint64_t order_len;
    uint64_t out, out_total; /* bytes sent and to be sent, the order included */
    uint64_t in, in_total;
    bool counted; /* the answer is the number in the order, otherwise the pattern */
};

/* ORDER_ECHO, ORDER_DOWNLOAD or ORDER_UPLOAD, and of how many bytes. */
void exchange_start(struct exchange *x, char order, uint64_t bytes);
/* True when all has been sent and all has come back. */
bool exchange_step(struct exchange *x, struct link *l);

/* The client's part of a script, from one of its parts up to another. */
struct act {
    const struct script *script;
    unsigned part, end;
    uint64_t done; /* bytes of this part, said or heard */
};

/* True when the parts up to a->end have been played. */
bool act_step(struct act *a, struct link *l);

#endif
