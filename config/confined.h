/* confined.h - is it the unit (systemd.exec(5)) that keeps a file from this process? */
#ifndef TLSFRONT_CONFINED_H
#define TLSFRONT_CONFINED_H

/* What to do about `error`, an errno about `path`, where this process was started by a unit that
 * hides the path, has another directory in its place, or lets nobody write there; else
 * `otherwise`. Leaves errno alone. */
const char *confined_cure(int error, const char *path, const char *otherwise);

/* The way of it, pure: `mounts` is the text of /proc/self/mountinfo, see proc(5). */
enum confined {
    CONFINED_NOT,
    CONFINED_HIDDEN,   /* ProtectHome=, InaccessiblePaths=, TemporaryFileSystem= */
    CONFINED_OWN,      /* PrivateTmp=: a directory of the unit's lies over it */
    CONFINED_READONLY, /* ProtectSystem=, ReadOnlyPaths= */
};
enum confined confined_how(const char *mounts, const char *path);

#endif
