/* options.h - the command line of `tlsfront key`. */
#ifndef TLSFRONT_KEY_OPTIONS_H
#define TLSFRONT_KEY_OPTIONS_H

#include "proxy/key/job.h"

/* Which options a command knows, beyond -c, --json and --help. */
enum {
    KEY_TAKES_NAMES = 1 << 0, /* --host, --route, --type, --subject */
    KEY_TAKES_REPLACE = 1 << 1,
    KEY_TAKES_SAME_KEY = 1 << 2,
    KEY_TAKES_DAYS = 1 << 3,
    KEY_TAKES_COMMIT = 1 << 4,
    KEY_TAKES_JUDGE = 1 << 5,    /* --host, --ca, --force, --keep-root */
    KEY_TAKES_ROLLBACK = 1 << 6, /* instead of files */
    KEY_TAKES_KEY = 1 << 7,
    KEY_TAKES_REQUEST = 1 << 8,
    KEY_TAKES_ENCRYPT = 1 << 9,
    KEY_TAKES_PASSPHRASE = 1 << 10,
    KEY_TAKES_KEEP = 1 << 11,
    KEY_TAKES_TLSA = 1 << 12,
};

struct key_shape {
    unsigned takes;
    size_t names; /* 0 or 1 */
    size_t files_min, files_max;
};

enum key_line { KEY_LINE_GOOD, KEY_LINE_WRONG, KEY_LINE_HELP };

/* argv[0] is the command's name. The texts in `o` point into argv. KEY_LINE_WRONG: `e` says why, or
 * is empty where getopt(3) has said it. */
enum key_line key_options_parse(const struct key_shape *shape, int argc, char **argv,
                                struct key_options *o, struct err *e);

#endif
