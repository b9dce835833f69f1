#include "proxy/supervisor/confinement.h"
#include "proxy/supervisor/last_good.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A directory, or a log that is no plain file, without links in its path. Who takes its name later
 * is somebody else. */
struct confined_place {
    char *path;
    enum sandbox_use use;
    dev_t device;
    ino_t inode;
};

/* ---- what a configuration wants to write ---- */

struct wish {
    const char *file; /* the log or the socket itself */
    enum sandbox_use use;
    const struct origin *at;
    const char *what; /* in words */
};

typedef void wish_fn(void *arg, const struct wish *w);

/* Whose wishes, and who hears of them. */
struct wishes {
    const struct confinement *k;
    wish_fn *fn;
    void *arg;
};

static void each_socket(const struct wishes *all, const struct endpoint *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i].kind == ENDPOINT_UNIX && activation_find(all->k->given, list[i].text) < 0)
            all->fn(all->arg, &(struct wish){list[i].path, SANDBOX_SOCKETS, &list[i].at, "socket"});
}

/* The last accepted configuration: files, as a log is one. */
static void wish_to_keep(const struct wishes *all, const struct config *c)
{
    char path[PATH_MAX];
    if (c->start_with != START_WITH_LAST_GOOD || c->state == NULL)
        return;
    snprintf(path, sizeof path, "%s/" LAST_GOOD_FILE, c->state);
    all->fn(all->arg, &(struct wish){path, SANDBOX_LOGS, &c->start_with_at, "what is kept in"});
}

static void each_wish(const struct wishes *all, const struct config *c)
{
    if (c->log_target == LOG_TARGET_FILE)
        all->fn(all->arg,
                &(struct wish){c->log_file.path, SANDBOX_LOGS, &c->log_file.at, "log file"});
    wish_to_keep(all, c);
    for (size_t i = 0; i < c->route_count; i++)
        each_socket(all, c->routes[i].listen, c->routes[i].listen_count);
    each_socket(all, c->observe, c->observe_count);
    each_socket(all, c->observe_agent, c->observe_agent_count);
}

static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* The directory of `file`, without links; "" where there is none. */
static void directory_of(const char *file, char out[PATH_MAX])
{
    char copy[PATH_MAX];
    const int n = snprintf(copy, sizeof copy, "%s", file);
    char *slash = strrchr(copy, '/');
    *out = '\0';
    if (n >= (int)sizeof copy)
        return;
    if (slash != NULL)
        slash[slash == copy] = '\0';
    if (realpath(slash != NULL ? copy : ".", out) == NULL)
        *out = '\0';
}

/* A log is written where a link leads; of a socket the name itself is made. "" of what has no place
 * in a directory, as a pipe that is /dev/stderr, which is nothing that a sandbox forbids. */
static void place_of(const struct wish *w, char out[PATH_MAX])
{
    char real[PATH_MAX];
    const bool is_there = w->use == SANDBOX_LOGS && realpath(w->file, real) != NULL;
    if (w->use == SANDBOX_LOGS && is_special(w->file))
        snprintf(out, PATH_MAX, "%s", is_there ? real : "");
    else
        directory_of(is_there ? real : w->file, out);
}

/* ---- what there is ---- */

static bool is_at_or_below(const char *path, const char *directory)
{
    const size_t n = strlen(directory);
    return strcmp(directory, "/") == 0 ||
           (strncmp(path, directory, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

static bool is_the_same(const struct confined_place *p)
{
    struct stat st;
    return stat(p->path, &st) == 0 && st.st_dev == p->device && st.st_ino == p->inode;
}

static bool has_place(const struct confinement *k, const char *path, enum sandbox_use use)
{
    for (size_t i = 0; i < k->count; i++)
        if (k->places[i].use == use && is_at_or_below(path, k->places[i].path) &&
            is_the_same(&k->places[i]))
            return true;
    return false;
}

/* What does not fit into memory cannot be written later, and is told then. */
static void add_place(struct confinement *k, const char *path, enum sandbox_use use)
{
    struct stat st;
    if (has_place(k, path, use) || stat(path, &st) != 0)
        return;
    struct confined_place *grown = realloc(k->places, (k->count + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    k->places = grown;
    grown[k->count] = (struct confined_place){strdup(path), use, st.st_dev, st.st_ino};
    k->count += grown[k->count].path != NULL;
}

static void add_wish(void *arg, const struct wish *w)
{
    char path[PATH_MAX];
    place_of(w, path);
    add_place(arg, path, w->use);
}

/* Where a log may be wanted later without a surprise: our own directories. */
static void add_own(struct confinement *k, const struct config *c)
{
    char path[PATH_MAX];
    directory_of(c->control, path);
    add_place(k, path, SANDBOX_SOCKETS);
    add_place(k, path, SANDBOX_LOGS);
    add_place(k, "/var/log/tlsfront", SANDBOX_LOGS);
}

void confinement_enter(struct confinement *k, const struct config *c)
{
    each_wish(&(struct wishes){k, add_wish, k}, c);
    add_own(k, c);
    struct sandbox_place *list = calloc(k->count + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < k->count; i++)
        list[i] = (struct sandbox_place){k->places[i].path, k->places[i].use};
    sandbox_enter_supervisor(list, list != NULL ? k->count : 0, &k->state);
    free(list);
}

/* ---- a reload ---- */

struct judgement {
    const struct confinement *k;
    struct diags *findings;
    const struct origin *keeps_at; /* its directory is made at a start alone */
    bool good;
};

static void judge(void *arg, const struct wish *w)
{
    struct judgement *j = arg;
    char path[PATH_MAX];
    place_of(w, path);
    if ((*path == '\0' && w->at != j->keeps_at) || has_place(j->k, path, w->use))
        return; /* where there is no directory, whoever makes the file says so */
    j->good = false;
    diag_add(j->findings, DIAG_ERROR, w->at,
             "restart the daemon, or name a file beside the present one",
             "%s %s lies in a directory that the running daemon has given up (its sandbox)",
             w->what, w->file);
}

bool confinement_judge(const struct confinement *k, const struct config *c, struct diags *d)
{
    struct judgement j = {k, d, &c->start_with_at, true};
    if (k->state.landlock > 0)
        each_wish(&(struct wishes){k, judge, &j}, c);
    return j.good;
}

void confinement_tell(const struct confinement *k, struct log *log)
{
    char text[512];
    if (sandbox_lack(&k->state, "the supervisor runs", text, sizeof text))
        log_event(log, LOG_LEVEL_WARN, "sandbox", "%s; `sandbox = off` if it is to be so", text);
}

/* ---- over an upgrade ---- */

int confinement_give(const struct confinement *k, struct handover *h)
{
    h->confinement = k->state;
    for (size_t i = 0; i < k->count; i++) {
        struct handover_place *p = handover_add(&h->places, &h->place_count, sizeof *p);
        if (p == NULL || (p->path = strdup(k->places[i].path)) == NULL)
            return -1;
        p->logs = k->places[i].use == SANDBOX_LOGS;
        p->is = (struct socket_file){k->places[i].device, k->places[i].inode};
    }
    return 0;
}

int confinement_take(struct confinement *k, const struct handover *h)
{
    k->state = h->confinement;
    k->places = calloc(h->place_count + 1, sizeof *k->places);
    for (size_t i = 0; k->places != NULL && i < h->place_count; i++) {
        const struct handover_place *p = &h->places[i];
        const enum sandbox_use use = p->logs ? SANDBOX_LOGS : SANDBOX_SOCKETS;
        char *path = strdup(p->path);
        if (path == NULL)
            return -1;
        k->places[k->count++] = (struct confined_place){path, use, p->is.device, p->is.inode};
    }
    return k->places != NULL ? 0 : -1;
}

void confinement_free(struct confinement *k)
{
    for (size_t i = 0; i < k->count; i++)
        free(k->places[i].path);
    free(k->places);
    *k = (struct confinement){0};
}
