/* fuzz_import_stunnel.c - configurations of stunnel. */
#define PEER peer_stunnel
#include "tests/fuzz/import.h"
