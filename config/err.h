/* err.h - why something failed, in words. The lowest header: every directory may use it.
 *
 * A function that can fail for a reason an operator should read takes a `struct err *` as its last
 * parameter and, when it fails, leaves one sentence there (no newline, no full stop). Low layers
 * never log and never exit; whoever holds the err does. */
#ifndef TLSFRONT_ERR_H
#define TLSFRONT_ERR_H

struct err {
    char text[512];
    char cure[256]; /* what to do about it, where the function that failed knows; else "" */
    int blamed;     /* which of several inputs it was, where a function tells; 0 otherwise, if the
                     * caller has begun with that */
};

/* Write the reason; longer texts are cut. Returns -1, so that `return err_set(e, ...)` reads well.
 * `e` may be NULL. */
int err_set(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Add what to do about it, after err_set(). Returns -1. `e` may be NULL. */
int err_cure(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What to do about it, or `otherwise`. */
const char *err_cure_or(const struct err *e, const char *otherwise);

/* What to do where there are no descriptors left. */
#define ERR_CURE_FILES "raise the limit on open files (LimitNOFILE= in the unit, or ulimit -n)"

/* Say which input it was; the numbers are the function's own. Returns -1. `e` may be NULL. */
int err_blame(struct err *e, int input);

/* Put "prefix: " before what is there already. Returns -1. */
int err_prefix(struct err *e, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
