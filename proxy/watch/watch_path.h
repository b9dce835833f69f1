/* watch_path.h - what decides where a path leads: every name on the way, symbolic links followed.
 *
 * /etc/live/mail.pem with mail.pem -> ../archive/mail3.pem depends on "etc" in /, "live" in /etc,
 * "mail.pem" in /etc/live, "archive" in /etc, "mail3.pem" in /etc/archive. When one of these is
 * replaced, by whatever means, the path may lead elsewhere. */
#ifndef TLSFRONT_WATCH_WATCH_PATH_H
#define TLSFRONT_WATCH_WATCH_PATH_H

/* `directory` is free of symbolic links; both texts live as long as the call. */
typedef void watch_path_fn(void *arg, const char *directory, const char *name);

/* Visit each name on the way, as far as it leads: a name that is missing is the last. A relative
 * path starts in the working directory. Paths that are longer than the system's and links in a
 * circle end it as well. */
void watch_path(const char *path, watch_path_fn *visit, void *arg);

#endif
