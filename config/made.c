#include "config/made.h"
#include "config/config.h"
#include "config/confined.h"
#include "config/file.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- paths ---- */

/* The directory that holds `path`; empty: the root's or the current one. */
static void parent_of(const char *path, char directory[PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    snprintf(directory, PATH_MAX, "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
}

/* Is it certain that nothing can be made at `path`, for want of a directory? */
static bool lacks_directory(const char *path)
{
    char directory[PATH_MAX];
    struct stat st;
    parent_of(path, directory);
    if (directory[0] == '\0')
        return false;
    return stat(directory, &st) == 0 ? !S_ISDIR(st.st_mode) : errno == ENOENT || errno == ENOTDIR;
}

static bool stat_parent(const char *path, struct stat *st)
{
    char directory[PATH_MAX];
    parent_of(path, directory);
    if (directory[0] == '\0')
        snprintf(directory, sizeof directory, "%s", path[0] == '/' ? "/" : ".");
    return stat(directory, st) == 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* One file, in whatever way its directory is written. */
static bool same_place(const char *x, const char *y)
{
    struct stat of_x, of_y;
    return strcmp(x, y) == 0 || (strcmp(last_part(x), last_part(y)) == 0 && stat_parent(x, &of_x) &&
                                 stat_parent(y, &of_y) && file_is_same(&of_x, &of_y));
}

/* ---- the log ---- */

/* Which of the files that were read is this? NULL: none. */
static const char *find_file(const struct bundle *have, const struct stat *wanted)
{
    struct stat st;
    for (size_t i = 0; i < bundle_count(have); i++)
        if (stat(bundle_at(have, i)->path, &st) == 0 && file_is_same(&st, wanted))
            return bundle_at(have, i)->path;
    return NULL;
}

/* What is logged goes to the end of a file that is there. */
static void check_log_file(const struct file_ref *log, const struct stat *st,
                           const struct bundle *have, struct diags *d)
{
    const char *file = find_file(have, st);
    if (file != NULL)
        diag_add(d, DIAG_ERROR, &log->at, "name a file that is the log's alone",
                 "log \"%s\" is a file that the configuration is made of, \"%s\": the log would be "
                 "written into it",
                 log->path, file);
}

static void check_log(const struct config *c, const struct bundle *have, struct diags *d)
{
    const struct file_ref *log = &c->log_file;
    struct stat st;
    if (c->log_target != LOG_TARGET_FILE)
        return;
    const bool there = stat(log->path, &st) == 0;
    if (there && S_ISDIR(st.st_mode))
        diag_add(d, DIAG_ERROR, &log->at, "name a file in it", "log \"%s\" is a directory",
                 log->path);
    else if (there && S_ISSOCK(st.st_mode))
        diag_add(d, DIAG_ERROR, &log->at, "name a file; to send it to syslog, write log = syslog",
                 "log \"%s\" is a socket", log->path);
    else if (there && S_ISREG(st.st_mode))
        check_log_file(log, &st, have, d);
    else if (there && S_ISFIFO(st.st_mode))
        diag_add(d, DIAG_WARNING, &log->at,
                 "see that its reader is there first and stays, or name a file",
                 "log \"%s\" is a pipe: without a reader the daemon does not start", log->path);
    else if (!there && errno == ELOOP)
        diag_add(d, DIAG_ERROR, &log->at, "name the file itself",
                 "log \"%s\" is a link that leads nowhere", log->path);
    else if (lacks_directory(log->path))
        diag_add(
            d, DIAG_ERROR, &log->at,
            confined_cure(ENOENT, log->path, "make it, or name a file in a directory that exists"),
            "log \"%s\": there is no such directory", log->path);
}

/* ---- one socket ---- */

/* Binding follows no link. */
struct socket_flaw {
    const char *cause, *cure; /* `cause` NULL: nothing that can be seen from here */
};

static struct socket_flaw flaw_of_socket(const char *path)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return (struct socket_flaw){NULL, NULL};
    if (S_ISDIR(st.st_mode))
        return (struct socket_flaw){"is a directory", "name a socket in it"};
    if (!S_ISSOCK(st.st_mode))
        return (struct socket_flaw){"is something else than a socket",
                                    "name another path, or remove what is there"};
    return (struct socket_flaw){NULL, NULL};
}

/* Its directory is made too, when only that one is missing. */
static bool control_lacks_directory(const char *path)
{
    char directory[PATH_MAX];
    struct stat st;
    parent_of(path, directory);
    return lacks_directory(path) && (lstat(directory, &st) == 0 || lacks_directory(directory));
}

/* ---- what is kept ---- */

/* Whoever can change what is kept can change the configuration. */
static void check_kept_hands(const struct config *c, const struct stat *st, struct diags *d)
{
    if (c->start_with != START_WITH_LAST_GOOD)
        return;
    if (st->st_uid != 0 && st->st_uid != geteuid())
        diag_add(
            d, DIAG_ERROR, &c->start_with_at, "chown root DIRECTORY, or start-with = configuration",
            "start-with = last-good keeps the configuration in \"%s\", which belongs to user %u",
            c->state, (unsigned)st->st_uid);
    else if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
        diag_add(d, DIAG_ERROR, &c->start_with_at,
                 "take the others' right to write: chmod go-w DIRECTORY",
                 "start-with = last-good keeps the configuration in \"%s\", where others can write",
                 c->state);
}

static void check_state(const struct config *c, struct diags *d)
{
    struct stat st;
    if (c->state == NULL)
        return;
    if (stat(c->state, &st) == 0 && S_ISDIR(st.st_mode))
        check_kept_hands(c, &st, d);
    if (stat(c->state, &st) == 0 ? S_ISDIR(st.st_mode)
                                 : errno != ENOTDIR && errno != ELOOP && lstat(c->state, &st) != 0)
        return;
    diag_add(d, DIAG_ERROR, &c->state_at, "name the directory for keys and certificates",
             "state \"%s\" is not a directory", c->state);
}

/* ---- sockets ---- */

struct made_socket {
    char key[96]; /* "control", "observe", "observe-agent" or "route NAME: listen" */
    const char *path;
    const char *text; /* as its key has it */
    const struct origin *at;
    const struct route_config *route; /* whose it is; NULL: the daemon's own */
};

struct made_sockets {
    struct made_socket *items;
    size_t count;
};

static size_t count_unix(const struct endpoint *list, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += list[i].kind == ENDPOINT_UNIX;
    return found;
}

static size_t count_sockets(const struct config *c)
{
    size_t count = c->control != NULL;
    count += count_unix(c->observe, c->observe_count);
    count += count_unix(c->observe_agent, c->observe_agent_count);
    for (size_t i = 0; i < c->route_count; i++)
        count += count_unix(c->routes[i].listen, c->routes[i].listen_count);
    return count;
}

static void add_unix(struct made_sockets *all, const char *key, const struct endpoint *list,
                     size_t count, const struct route_config *route)
{
    for (size_t i = 0; i < count; i++) {
        struct made_socket *s = &all->items[all->count];
        if (list[i].kind != ENDPOINT_UNIX)
            continue;
        *s = (struct made_socket){
            .path = list[i].path, .text = list[i].text, .at = &list[i].at, .route = route};
        snprintf(s->key, sizeof s->key, "%s", key);
        all->count++;
    }
}

/* The control socket comes first. */
static void add_sockets(struct made_sockets *all, const struct config *c)
{
    if (c->control != NULL)
        all->items[all->count++] = (struct made_socket){
            .key = "control", .path = c->control, .text = c->control, .at = &c->control_at};
    add_unix(all, "observe", c->observe, c->observe_count, NULL);
    add_unix(all, "observe-agent", c->observe_agent, c->observe_agent_count, NULL);
    for (size_t i = 0; i < c->route_count; i++) {
        const struct route_config *r = &c->routes[i];
        char key[sizeof all->items->key];
        snprintf(key, sizeof key, "route %.64s: listen", r->name);
        add_unix(all, key, r->listen, r->listen_count, r);
    }
}

/* The control socket's directory is made before routes' sockets are bound. */
static bool is_made_for_control(const struct config *c, const char *path)
{
    char directory[PATH_MAX], control[PATH_MAX];
    if (c->control == NULL)
        return false;
    parent_of(path, directory);
    parent_of(c->control, control);
    return strcmp(directory, control) == 0 && !control_lacks_directory(c->control);
}

static bool lacks_its_directory(const struct config *c, const struct made_socket *s)
{
    return s->path == c->control ? control_lacks_directory(s->path)
                                 : lacks_directory(s->path) && !is_made_for_control(c, s->path);
}

static void check_socket(const struct config *c, const struct made_socket *s, struct diags *d)
{
    const struct socket_flaw flaw = flaw_of_socket(s->path);
    if (flaw.cause != NULL)
        diag_add(d, DIAG_ERROR, s->at, flaw.cure, "%s \"%s\" %s", s->key, s->text, flaw.cause);
    else if (lacks_its_directory(c, s))
        diag_add(
            d, DIAG_ERROR, s->at,
            confined_cure(ENOENT, s->path, "make it, or name a path in a directory that exists"),
            "%s \"%s\": there is no such directory", s->key, s->text);
}

/* Two keys with one text are told by check.c. */
static void check_apart(const struct made_socket *s, const struct made_socket *other,
                        struct diags *d)
{
    if (strcmp(s->text, other->text) != 0 && same_place(s->path, other->path))
        diag_add(d, DIAG_ERROR, s->at, "give one of them another path",
                 "%s \"%s\" is the same socket as %s \"%s\"", s->key, s->text, other->key,
                 other->text);
}

static void check_log_apart(const struct config *c, const struct made_socket *s, struct diags *d)
{
    if (c->log_target == LOG_TARGET_FILE && same_place(c->log_file.path, s->path))
        diag_add(d, DIAG_ERROR, &c->log_file.at, "give one of them another path",
                 "log \"%s\" is the socket of %s as well", c->log_file.path, s->key);
}

/* By the control socket strangers would command the daemon. Those of routes with one text are told
 * by loops.c. */
static void check_upstream(const struct config *c, const struct made_sockets *all,
                           const struct target_config *t, const struct endpoint *up,
                           struct diags *d)
{
    static const char cure[] = "name the server's own socket";
    for (size_t i = 0; i < all->count; i++) {
        const struct made_socket *s = &all->items[i];
        if (!same_place(up->path, s->path))
            continue;
        if (s->path == c->control)
            diag_add(d, DIAG_ERROR, &up->at, cure, "%s: upstream \"%s\" is the control socket",
                     t->label, up->text);
        else if (s->route != NULL && strcmp(up->path, s->path) != 0)
            diag_add(d, DIAG_ERROR, &up->at, cure, "%s: upstream \"%s\" is where route %s listens",
                     t->label, up->text, s->route->name);
    }
}

static void check_upstreams(const struct made_sockets *all, const struct config *c, struct diags *d)
{
    for (size_t i = 0; i < c->target_count; i++)
        for (size_t k = 0; k < c->targets[i]->upstream_count; k++)
            if (c->targets[i]->upstream[k].kind == ENDPOINT_UNIX)
                check_upstream(c, all, c->targets[i], &c->targets[i]->upstream[k], d);
}

static void check_sockets(const struct config *c, struct diags *d)
{
    struct made_sockets all = {calloc(count_sockets(c) + 1, sizeof *all.items), 0};
    if (all.items == NULL) {
        d->out_of_memory = true;
        return;
    }
    add_sockets(&all, c);
    for (size_t i = 0; i < all.count; i++) {
        check_socket(c, &all.items[i], d);
        check_log_apart(c, &all.items[i], d);
        for (size_t j = 0; j < i; j++)
            check_apart(&all.items[i], &all.items[j], d);
    }
    check_upstreams(&all, c, d);
    free(all.items);
}

/* ---- the whole ---- */

void made_check(const struct config *c, const struct bundle *have, struct diags *d)
{
    check_log(c, have, d);
    check_sockets(c, d);
    check_state(c, d);
}
