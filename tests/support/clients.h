/* clients.h - nobody is counted any more. */
#ifndef TLSFRONT_TESTS_SUPPORT_CLIENTS_H
#define TLSFRONT_TESTS_SUPPORT_CLIENTS_H

#include "proxy/ipc/clients.h"
#include "tests/support/unit.h"

static inline void assert_no_clients(const struct client_table *t)
{
    for (unsigned set = 0; set < CLIENT_SETS; set++)
        for (unsigned way = 0; way < CLIENT_WAYS; way++)
            assert_int_equal(t->sets[set][way], 0);
}

#endif
