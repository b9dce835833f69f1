/* fuzz_import_hitch.c - configurations of hitch. */
#define PEER peer_hitch
#include "tests/fuzz/import.h"
