/* files.c - certificates, keys, directories: what the configuration names, as it lies there. */
#include "config/files.h"
#include "config/config.h"
#include "config/confined.h"
#include "config/file.h"
#include "config/loops.h"
#include "config/made.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAIR_TRIES = 10 };

struct file_visit {
    struct bundle *bundle; /* to read into; NULL: only look whether it is there */
    const struct bundle *have;
    struct diags *diags;
    const char *kind, *name;
    const char *absent_cure; /* NULL: the usual */
};

static const char *cure_for(const struct file_visit *v, const char *path, int error)
{
    return error == ENOENT && v->absent_cure != NULL ? v->absent_cure
                                                     : confined_cure(error, path, file_cure(error));
}

static void visit_file(const struct file_visit *v, const struct file_ref *file)
{
    struct err e = {.text = ""};
    if (file->path == NULL)
        return;
    if (v->bundle != NULL && bundle_read(v->bundle, BUNDLE_FILE, file->path, &e) != 0)
        diag_add(v->diags, DIAG_ERROR, &file->at, err_cure_or(&e, cure_for(v, file->path, errno)),
                 "%s %s: %s", v->kind, v->name, e.text);
    else if (bundle_find(v->have, BUNDLE_FILE, file->path) == NULL)
        diag_add(v->diags, DIAG_ERROR, &file->at, NULL, "%s %s: \"%s\" is not in the bundle",
                 v->kind, v->name, file->path);
}

void config_check_private(const struct file_ref *file, const char *whose, const char *what,
                          struct diags *d)
{
    struct stat st;
    if (file->path == NULL || stat(file->path, &st) != 0 || (st.st_mode & S_IROTH) == 0)
        return;
    diag_add(d, DIAG_WARNING, &file->at, "take the others' right to read it: chmod o-r FILE",
             "%s: everyone on this machine can read %s in \"%s\"", whose, what, file->path);
}

/* What is to be private must be. */
static void check_modes(const struct certificate_config *c, struct diags *d)
{
    char whose[300];
    snprintf(whose, sizeof whose, "certificate %s", c->name);
    config_check_private(c->key.path != NULL ? &c->key : &c->chain, whose, "the private key", d);
    config_check_private(&c->passphrase, whose, "the passphrase", d);
}

/* Both files of one directory into the bundle; false: one is missing, or no longer there. */
static bool read_both(struct bundle *b, int directory, const struct certificate_config *c)
{
    struct file_bytes key, chain = {0};
    struct err ignored;
    int error;
    bool good =
        file_read_at(directory, CONFIG_MANAGED_KEY, BUNDLE_FILE_MAX, &key, &error, &ignored) == 0 &&
        file_read_at(directory, CONFIG_MANAGED_CHAIN, BUNDLE_FILE_MAX, &chain, &error, &ignored) ==
            0;
    if (good)
        good = bundle_add(b, BUNDLE_FILE, c->key.path, key.data, key.size, &ignored) == 0 &&
               bundle_add(b, BUNDLE_FILE, c->chain.path, chain.data, chain.size, &ignored) == 0;
    file_bytes_free(&key);
    file_bytes_free(&chain);
    return good;
}

/* STATE/NAME of the pair, as keystore_open() and what follows open it; -1 with errno. */
static int open_pair(const struct certificate_config *c)
{
    char path[BUNDLE_PATH_MAX + 1];
    snprintf(path, sizeof path, "%s", c->key.path);
    *strrchr(path, '/') = '\0';
    char *name = strrchr(path, '/');
    *name++ = '\0';
    int state = open(*path != '\0' ? path : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state < 0)
        return -1;
    int directory = file_open_directory(state, name);
    const int error = errno;
    close(state);
    errno = error;
    return directory;
}

/* The key manager replaces the directory as a whole: what is held open is one pair, if it is still
 * there. Whatever is wrong is told by visit_pair(). */
static void read_pair(struct bundle *b, const struct certificate_config *c)
{
    bool replaced = true;
    for (int i = 0; replaced && i < PAIR_TRIES; i++) {
        struct stat held, now;
        int directory = open_pair(c);
        if (directory < 0)
            return;
        replaced = !read_both(b, directory, c) && fstat(directory, &held) == 0;
        int again = replaced ? open_pair(c) : -1;
        replaced = replaced && (again < 0 || fstat(again, &now) != 0 || held.st_ino != now.st_ino);
        if (again >= 0)
            close(again);
        close(directory);
    }
}

static int read_of_pair(struct bundle *b, const struct certificate_config *c,
                        const struct file_ref *file, struct err *e)
{
    struct file_bytes bytes;
    int error;
    int directory = open_pair(c);
    if (directory < 0) {
        error = errno;
        err_set(e, "%s", strerror(error));
    } else if (file_read_at(directory, strrchr(file->path, '/') + 1, BUNDLE_FILE_MAX, &bytes,
                            &error, e) == 0) {
        error = bundle_add(b, BUNDLE_FILE, file->path, bytes.data, bytes.size, e) == 0 ? 0 : ENOMEM;
        file_bytes_free(&bytes);
        close(directory);
        errno = error;
        return error == 0 ? 0 : -1;
    }
    if (directory >= 0)
        close(directory);
    errno = error;
    return err_prefix(e, "cannot read \"%s\"", file->path);
}

static void visit_of_pair(const struct file_visit *v, const struct certificate_config *c,
                          const struct file_ref *file)
{
    struct err e = {.text = ""};
    if (bundle_find(v->have, BUNDLE_FILE, file->path) != NULL)
        return;
    if (v->bundle == NULL)
        visit_file(v, file);
    else if (read_of_pair(v->bundle, c, file, &e) != 0)
        diag_add(v->diags, DIAG_ERROR, &file->at, err_cure_or(&e, cure_for(v, file->path, errno)),
                 "%s %s: %s", v->kind, v->name, e.text);
}

/* The key manager's pair. What is missing is told once, with the command that makes it. */
static void visit_pair(struct file_visit *v, const struct certificate_config *c)
{
    char cure[512];
    snprintf(cure, sizeof cure,
             "make its key and a request: tlsfront key new %s; for a trial: tlsfront key "
             "self-signed %s",
             c->name, c->name);
    v->absent_cure = cure;
    visit_of_pair(v, c, &c->key);
    if (bundle_find(v->have, BUNDLE_FILE, c->key.path) != NULL) {
        snprintf(cure, sizeof cure,
                 "install the authority's answer to its request: tlsfront key install %s FILE",
                 c->name);
        visit_of_pair(v, c, &c->chain);
    }
    v->absent_cure = NULL;
}

static void visit_certificate(struct file_visit *v, const struct certificate_config *c)
{
    v->name = c->name;
    visit_file(v, &c->passphrase);
    if (c->managed) {
        if (v->bundle != NULL)
            read_pair(v->bundle, c);
        visit_pair(v, c);
        return;
    }
    visit_file(v, &c->chain);
    visit_file(v, &c->key);
}

/* Everybody can put another directory in the place of one in there. */
static bool open_to_all(const struct stat *st)
{
    return (st->st_mode & S_IWOTH) != 0 && (st->st_mode & S_ISVTX) == 0;
}

/* Who owns a directory above can put another in the place of the one that is named. False, and a
 * finding, if that is somebody else than its owner, root or whoever runs this. */
static bool check_above(const struct route_config *r, const char *above, uid_t owner,
                        struct diags *d)
{
    struct stat st;
    if (stat(above, &st) != 0)
        return true;
    if (open_to_all(&st))
        diag_add(d, DIAG_ERROR, &r->challenges.at,
                 "take the others' right to write there: chmod o-w DIRECTORY",
                 "route %s: everyone on this machine can put another directory in the place of "
                 "\"%s\": anybody may write to \"%s\"",
                 r->name, r->challenges.path, above);
    else if (st.st_uid != 0 && st.st_uid != owner && st.st_uid != geteuid())
        diag_add(
            d, DIAG_ERROR, &r->challenges.at,
            "choose a directory below directories of root's, or give both the same owner: chown",
            "route %s: user %u, whose \"%s\" is, can put another directory in the place of \"%s\"",
            r->name, (unsigned)st.st_uid, above, r->challenges.path);
    else
        return true;
    return false;
}

/* All directories above `path`; one finding is enough. */
static void check_all_above(const struct route_config *r, const char *path, uid_t owner,
                            struct diags *d)
{
    char above[PATH_MAX];
    if (snprintf(above, sizeof above, "%s", path) >= (int)sizeof above)
        return;
    for (char *slash; (slash = strrchr(above, '/')) != NULL;) {
        slash[slash == above] = '\0';
        if (!check_above(r, above, owner, d) || slash == above)
            return;
    }
}

/* By the name that is written there, and where links lead to. */
static void check_ways(const struct route_config *r, uid_t owner, struct diags *d)
{
    const size_t before = d->count;
    char *real = realpath(r->challenges.path, NULL);
    check_all_above(r, r->challenges.path, owner, d);
    if (real != NULL && d->count == before)
        check_all_above(r, real, owner, d);
    free(real);
}

/* The supervisor answers with what is in there, so who can write there can get certificates. */
static void check_challenges(const struct route_config *r, struct diags *d)
{
    const struct file_ref *directory = &r->challenges;
    struct stat st;
    if (directory->path == NULL)
        return;
    if (stat(directory->path, &st) != 0) {
        const char *cure = errno == ENOENT
                               ? "make it: mkdir -p DIRECTORY"
                               : "correct the path, or let the user who starts tlsfront see it";
        diag_add(d, DIAG_ERROR, &directory->at, confined_cure(errno, directory->path, cure),
                 "route %s: challenges \"%s\": %s", r->name, directory->path, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        diag_add(d, DIAG_ERROR, &directory->at, "name the directory that the ACME client writes to",
                 "route %s: challenges \"%s\" is not a directory", r->name, directory->path);
        return;
    }
    if ((st.st_mode & S_IWOTH) != 0)
        diag_add(d, DIAG_WARNING, &directory->at,
                 "take the others' right to write: chmod o-w DIRECTORY",
                 "route %s: everyone on this machine can write to \"%s\" and so get certificates "
                 "for your names",
                 r->name, directory->path);
    check_ways(r, st.st_uid, d);
}

/* ---- ticket keys ---- */

static void check_ticket_key(const struct file_ref *file, struct diags *d)
{
    struct stat st;
    config_check_private(file, "ticket-key", "the secret", d);
    if (stat(file->path, &st) == 0 && (st.st_mode & S_IWOTH) != 0)
        diag_add(d, DIAG_WARNING, &file->at, "take the others' right to write: chmod o-w FILE",
                 "ticket-key: everyone on this machine can put another secret into \"%s\"",
                 file->path);
}

static void read_ticket_key(struct bundle *into, const struct file_ref *file, struct diags *d)
{
    struct err e = {.text = ""};
    if (bundle_read(into, BUNDLE_SECRET, file->path, &e) == 0) {
        check_ticket_key(file, d);
        return;
    }
    const char *cure = errno == ENOENT ? "make one: tlsfront key ticket-new FILE; the same file "
                                         "goes to all machines of a group"
                                       : file_cure(errno);
    diag_add(d, DIAG_ERROR, &file->at, err_cure_or(&e, confined_cure(errno, file->path, cure)),
             "ticket-key: %s", e.text);
}

/* ---- the whole ---- */

/* The server may not have started yet. */
static void check_unix_upstream(const struct target_config *t, const struct endpoint *ep,
                                struct diags *d)
{
    struct stat st;
    if (stat(ep->path, &st) == 0 && !S_ISSOCK(st.st_mode))
        diag_add(d, DIAG_ERROR, &ep->at, "name the server's socket",
                 "%s: upstream \"%s\" is something else than a socket", t->label, ep->text);
}

static void check_unix_upstreams(const struct target_config *t, struct diags *d)
{
    for (size_t i = 0; i < t->upstream_count; i++)
        if (t->upstream[i].kind == ENDPOINT_UNIX)
            check_unix_upstream(t, &t->upstream[i], d);
}

/* Its label is kind and name at once. */
static void visit_target(struct file_visit *v, const struct target_config *t)
{
    const char *blank = strchr(t->label, ' ');
    v->name = blank != NULL ? blank + 1 : t->label;
    visit_file(v, &t->tls.ca);
}

void files_visit(const struct config *c, struct bundle *into, const struct bundle *have,
                 struct diags *d)
{
    struct file_visit v = {into, have, d, "certificate", NULL, NULL};
    if (into != NULL)
        loops_look(c, d);
    for (size_t i = 0; into != NULL && i < c->ticket_keys.count; i++)
        read_ticket_key(into, &c->ticket_keys.items[i], d);
    for (size_t i = 0; i < c->certificate_count; i++) {
        visit_certificate(&v, &c->certificates[i]);
        if (into != NULL)
            check_modes(&c->certificates[i], d);
    }
    v.kind = "route";
    for (size_t i = 0; i < c->route_count; i++) {
        v.name = c->routes[i].name;
        visit_file(&v, &c->routes[i].client_ca);
        visit_file(&v, &c->routes[i].client_crl);
        visit_file(&v, &c->routes[i].policy);
        if (into != NULL)
            check_challenges(&c->routes[i], d);
    }
    for (size_t i = 0; i < c->target_count; i++) {
        visit_target(&v, c->targets[i]);
        if (into != NULL)
            check_unix_upstreams(c->targets[i], d);
    }
    if (into != NULL)
        made_check(c, into, d);
}
