/* fuzz_import_haproxy.c - configurations of haproxy. */
#define PEER peer_haproxy
#include "tests/fuzz/import.h"
