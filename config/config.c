/* config.c - from a file, or from a bundle, to struct config. */
#include "config/config.h"
#include "config/build.h"
#include "config/check.h"
#include "config/file.h"
#include "config/include.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAIR_TRIES = 10 };

/* One reading, from disk when `include` is set. */
struct load {
    struct arena *arena; /* becomes the configuration's storage */
    struct arena work;
    const struct bundle *bundle;
    struct include *include;
    struct diags *diags;
    size_t findings; /* that were there before */
    struct tree tree;
};

static void free_arena(struct arena *a)
{
    if (a != NULL)
        arena_free(a);
    free(a);
}

static bool out_of_memory(const struct load *l)
{
    return l->arena->failed || l->work.failed;
}

/* ---- text ---- */

static void read_entry(struct load *l, const struct bundle_entry *entry, size_t index)
{
    /* Origins of the finished configuration point to this copy. */
    const char *file = arena_copy(l->arena, entry->path);
    if (file == NULL)
        return;
    tree_read(&l->tree, &l->work, l->diags, file, entry);
    if (l->include != NULL)
        include_expand(l->include, index, l->tree.includes);
}

/* Reading a text may append others to the bundle. A bundle that has them already gives the same
 * order. */
static void read_texts(struct load *l)
{
    size_t index = 0;
    for (size_t i = 0; i < bundle_count(l->bundle) && !out_of_memory(l); i++)
        if (bundle_at(l->bundle, i)->kind == BUNDLE_TEXT)
            read_entry(l, bundle_at(l->bundle, i), index++);
}

static struct config *build(struct load *l)
{
    struct config *c = arena_alloc(l->arena, sizeof *c);
    if (c == NULL)
        return NULL;
    c->storage = l->arena;
    struct build b = {.arena = l->arena,
                      .work = &l->work,
                      .diags = l->diags,
                      .config = c,
                      .tree = &l->tree,
                      .label = ""};
    build_config(&b);
    if (out_of_memory(l))
        return NULL;
    check_config(c, l->tree.incomplete, l->diags);
    return out_of_memory(l) ? NULL : c;
}

/* NULL: out of memory. */
static struct config *read_and_build(struct load *l)
{
    read_texts(l);
    return out_of_memory(l) ? NULL : build(l);
}

/* A text that was cut short may have lost what makes sense of the rest. */
static struct config *finish(struct load *l, struct config *c)
{
    arena_free(&l->work);
    diag_sort(l->diags, l->findings);
    if (c != NULL && !l->tree.incomplete)
        return c;
    free_arena(l->arena);
    return NULL;
}

/* ---- files ---- */

struct file_visit {
    struct bundle *bundle; /* to read into; NULL: only look whether it is there */
    const struct bundle *have;
    struct diags *diags;
    const char *kind, *name;
    const char *absent_cure; /* NULL: the usual */
};

static const char *cure_for(const struct file_visit *v, int error)
{
    if (error == ENOENT && v->absent_cure != NULL)
        return v->absent_cure;
    if (error == EACCES || error == EPERM)
        return "let the user who starts tlsfront read it";
    return "correct the path, or put the file there";
}

static void visit_file(const struct file_visit *v, const struct file_ref *file)
{
    struct err e = {.text = ""};
    if (file->path == NULL)
        return;
    if (v->bundle != NULL && bundle_read(v->bundle, BUNDLE_FILE, file->path, &e) != 0)
        diag_add(v->diags, DIAG_ERROR, &file->at, cure_for(v, errno), "%s %s: %s", v->kind, v->name,
                 e.text);
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

/* The key manager's pair. What is missing is told once, with the command that makes it. */
static void visit_pair(struct file_visit *v, const struct certificate_config *c)
{
    char cure[512];
    snprintf(cure, sizeof cure,
             "make its key and a request: tlsfront key new %s; for a trial: tlsfront key "
             "self-signed %s",
             c->name, c->name);
    v->absent_cure = cure;
    visit_file(v, &c->key);
    if (bundle_find(v->have, BUNDLE_FILE, c->key.path) != NULL) {
        snprintf(cure, sizeof cure,
                 "install the authority's answer to its request: tlsfront key install %s FILE",
                 c->name);
        visit_file(v, &c->chain);
    }
    v->absent_cure = NULL;
}

/* Both files of one folder into the bundle; false: one is missing, or no longer there. */
static bool read_both(struct bundle *b, int folder, const struct certificate_config *c)
{
    struct file_bytes key, chain = {0};
    struct err ignored;
    int error;
    bool good =
        file_read_at(folder, CONFIG_MANAGED_KEY, BUNDLE_FILE_MAX, &key, &error, &ignored) == 0 &&
        file_read_at(folder, CONFIG_MANAGED_CHAIN, BUNDLE_FILE_MAX, &chain, &error, &ignored) == 0;
    if (good)
        good = bundle_add(b, BUNDLE_FILE, c->key.path, key.data, key.size, &ignored) == 0 &&
               bundle_add(b, BUNDLE_FILE, c->chain.path, chain.data, chain.size, &ignored) == 0;
    file_bytes_free(&key);
    file_bytes_free(&chain);
    return good;
}

/* The key manager replaces the folder as a whole: what is held open is one pair, if it is still
 * there. Whatever is wrong is told by visit_pair(). */
static void read_pair(struct bundle *b, const struct certificate_config *c)
{
    char path[BUNDLE_PATH_MAX + 1];
    snprintf(path, sizeof path, "%.*s", (int)(strrchr(c->key.path, '/') - c->key.path),
             c->key.path);
    bool replaced = true;
    for (int i = 0; replaced && i < PAIR_TRIES; i++) {
        struct stat held, now;
        int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0)
            return;
        replaced = !read_both(b, folder, c) && fstat(folder, &held) == 0 &&
                   (stat(path, &now) != 0 || held.st_ino != now.st_ino);
        close(folder);
    }
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

/* Everybody can put another folder in the place of one in there. */
static bool open_to_all(const struct stat *st)
{
    return (st->st_mode & S_IWOTH) != 0 && (st->st_mode & S_ISVTX) == 0;
}

/* Who owns a folder above can put another in the place of the one that is named. False, and a
 * finding, if that is somebody else than its owner, root or whoever runs this. */
static bool check_above(const struct route_config *r, const char *above, uid_t owner,
                        struct diags *d)
{
    struct stat st;
    if (stat(above, &st) != 0)
        return true;
    if (open_to_all(&st))
        diag_add(d, DIAG_ERROR, &r->challenges.at,
                 "take the others' right to write there: chmod o-w FOLDER",
                 "route %s: everyone on this machine can put another folder in the place of "
                 "\"%s\": anybody may write to \"%s\"",
                 r->name, r->challenges.path, above);
    else if (st.st_uid != 0 && st.st_uid != owner && st.st_uid != geteuid())
        diag_add(
            d, DIAG_ERROR, &r->challenges.at,
            "choose a folder below folders of root's, or give both the same owner: chown",
            "route %s: user %u, whose \"%s\" is, can put another folder in the place of \"%s\"",
            r->name, (unsigned)st.st_uid, above, r->challenges.path);
    else
        return true;
    return false;
}

/* All folders above `path`; one finding is enough. */
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
    const struct file_ref *folder = &r->challenges;
    struct stat st;
    if (folder->path == NULL)
        return;
    if (stat(folder->path, &st) != 0) {
        diag_add(d, DIAG_ERROR, &folder->at,
                 errno == ENOENT ? "make it: mkdir -p FOLDER"
                                 : "correct the path, or let the user who starts tlsfront see it",
                 "route %s: challenges \"%s\": %s", r->name, folder->path, strerror(errno));
        return;
    }
    if (!S_ISDIR(st.st_mode)) {
        diag_add(d, DIAG_ERROR, &folder->at, "name the folder that the ACME client writes to",
                 "route %s: challenges \"%s\" is not a folder", r->name, folder->path);
        return;
    }
    if ((st.st_mode & S_IWOTH) != 0)
        diag_add(d, DIAG_WARNING, &folder->at, "take the others' right to write: chmod o-w FOLDER",
                 "route %s: everyone on this machine can write to \"%s\" and so get certificates "
                 "for your names",
                 r->name, folder->path);
    check_ways(r, st.st_uid, d);
}

static void visit_files(const struct config *c, struct bundle *into, const struct bundle *have,
                        struct diags *d)
{
    struct file_visit v = {into, have, d, "certificate", NULL, NULL};
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
        if (into != NULL)
            check_challenges(&c->routes[i], d);
    }
}

/* ---- from outside ---- */

static int begin(struct load *l, const struct bundle *b, struct diags *d)
{
    *l = (struct load){.arena = calloc(1, sizeof(struct arena)), .bundle = b, .diags = d};
    l->findings = d->count;
    if (l->arena != NULL)
        return 0;
    d->out_of_memory = true;
    return -1;
}

struct config *config_load(const struct bundle *b, struct diags *d)
{
    struct load l;
    if (begin(&l, b, d) != 0)
        return NULL;
    struct config *c = read_and_build(&l);
    d->out_of_memory |= out_of_memory(&l);
    if (c != NULL)
        visit_files(c, NULL, b, d);
    return finish(&l, c);
}

/* Read the texts, without the files that they name. */
static struct config *read_texts_from_disk(struct load *l, struct bundle *b, const char *path)
{
    struct include include = include_begin(b, &l->work, l->diags);
    l->include = &include;
    struct config *c = include_main(&include, path) == 0 ? read_and_build(l) : NULL;
    l->include = NULL;
    l->diags->out_of_memory |= out_of_memory(l);
    return c;
}

/* `path` NULL: the texts are in the bundle already. */
static struct config *read_into(struct bundle *b, const char *path, struct diags *d)
{
    struct load l;
    if (begin(&l, b, d) != 0)
        return NULL;
    struct config *c = path != NULL ? read_texts_from_disk(&l, b, path) : read_and_build(&l);
    d->out_of_memory |= out_of_memory(&l);
    if (c != NULL)
        visit_files(c, b, b, d);
    return finish(&l, c);
}

/* `b` may be NULL: out of memory. */
static struct config *read_bundle(struct bundle *b, const char *path, struct bundle **bundle_r,
                                  struct diags *d)
{
    struct config *c = b != NULL ? read_into(b, path, d) : NULL;
    d->out_of_memory |= b == NULL;
    if (c == NULL)
        bundle_free(b);
    *bundle_r = c != NULL ? b : NULL;
    return c;
}

struct config *config_read(const char *path, struct bundle **bundle_r, struct diags *d)
{
    return read_bundle(bundle_new(), path, bundle_r, d);
}

struct config *config_reread(const struct bundle *texts, struct bundle **bundle_r, struct diags *d)
{
    return read_bundle(bundle_texts(texts), NULL, bundle_r, d);
}

char *config_control_path(const char *path)
{
    struct diags ignored = {0};
    struct load l;
    struct bundle *b = bundle_new();
    char *control = NULL;

    if (b != NULL && begin(&l, b, &ignored) == 0) {
        struct config *c = read_texts_from_disk(&l, b, path);
        bool told = c != NULL && c->control != NULL;
        if (!ignored.out_of_memory)
            control = strdup(told ? c->control : CONFIG_DEFAULT_CONTROL);
        arena_free(&l.work);
        free_arena(l.arena);
    }
    bundle_free(b);
    diags_free(&ignored);
    return control;
}

bool config_must_upgrade(const struct route_config *r)
{
    return r->tls == TLS_MODE_REQUIRED ||
           (r->tls == TLS_MODE_OPTIONAL && !r->plaintext_login_allowed &&
            protocol_facts(r->protocol)->login_first);
}

bool config_route_uses(const struct route_config *r, size_t certificate)
{
    for (size_t i = 0; i < r->certificate_count; i++)
        if (r->certificates[i] == certificate)
            return true;
    return false;
}

void config_free(struct config *c)
{
    if (c != NULL)
        free_arena(c->storage);
}
