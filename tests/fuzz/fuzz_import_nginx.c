/* fuzz_import_nginx.c - configurations of nginx. */
#define PEER peer_nginx
#include "tests/fuzz/import.h"
