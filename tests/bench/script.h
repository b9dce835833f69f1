/* script.h - what a client and a server of a mail, or directory, protocol say to each other, so
 * that both can say it and compare what they hear; for what a protocol's route costs beside a tcp
 * route. */
#ifndef BENCH_SCRIPT_H
#define BENCH_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script_part {
    bool by_client;
    const uint8_t *bytes;
    size_t size;
    uint64_t times; /* said so often */
};

enum { SCRIPT_PARTS_MAX = 8 };

struct script {
    const char *name;
    unsigned opening; /* so many parts come before what is measured */
    unsigned count;
    struct script_part parts[SCRIPT_PARTS_MAX];
};

/* With so many bytes, or a few more, of what is measured; the bytes live as long as the process.
 * Ends the program when there is no script of that name. */
struct script script_of(const char *name, uint64_t bytes);

#endif
