/* options.h - the command line of the bench's client. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum work {
    WORK_HANDSHAKE,
    WORK_ECHO,
    WORK_DOWNLOAD,
    WORK_UPLOAD,
    WORK_IDLE,
    WORK_HALF,
    WORK_ABORT,
    WORK_SCRIPT,
};

struct options {
    enum work work;
    struct sockaddr_in to;
    int version;             /* TLS1_2_VERSION, TLS1_3_VERSION, or 0: plain TCP */
    const char *suite;       /* the only one that is offered, in OpenSSL's words */
    const char *groups;      /* likewise; the first of them must be used */
    const char *certificate; /* the file of the one that the proxy must show */
    const char *name;        /* that is asked for (server_name); NULL: none */
    const char *script;      /* its name */
    bool resume;
    bool nagle;     /* small segments wait for the acknowledgement of those before them */
    uint64_t count; /* handshakes, round trips or sessions; bytes */
    uint64_t size;  /* of a message */
    unsigned conns; /* at the same time */
};

/* Ends the program when the command line makes no sense. */
void options_parse(struct options *o, int argc, char **argv);

#endif
