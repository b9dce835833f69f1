#include "proxy/watch/watch_path.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINKS_MAX = 40 }; /* as the kernel has it */

struct walk {
    char directory[PATH_MAX]; /* "" is the root */
    char rest[PATH_MAX];      /* still to go from there */
    int links;
};

/* Take the next name from `rest`. False: there is none. */
static bool next_name(struct walk *w, char name[NAME_MAX + 1])
{
    const char *start = w->rest + strspn(w->rest, "/");
    const size_t size = strcspn(start, "/");
    if (size == 0 || size > NAME_MAX)
        return false;
    memcpy(name, start, size);
    name[size] = '\0';
    memmove(w->rest, start + size, strlen(start + size) + 1);
    return true;
}

static void go_up(struct walk *w)
{
    char *slash = strrchr(w->directory, '/');
    if (slash != NULL)
        *slash = '\0';
}

/* Put the target before the rest of the way. */
static bool follow(struct walk *w, const char *link)
{
    char target[PATH_MAX], rest[PATH_MAX];
    const ssize_t size = readlink(link, target, sizeof target - 1);
    if (size <= 0 || ++w->links > LINKS_MAX)
        return false;
    target[size] = '\0';
    const int n = snprintf(rest, sizeof rest, "%s/%s", target, w->rest);
    if (n < 0 || (size_t)n >= sizeof rest)
        return false;
    if (target[0] == '/')
        w->directory[0] = '\0';
    memcpy(w->rest, rest, (size_t)n + 1);
    return true;
}

/* False: it goes no further. */
static bool step(struct walk *w, const char *name, watch_path_fn *visit, void *arg)
{
    char whole[PATH_MAX];
    struct stat st;
    if (strcmp(name, ".") == 0)
        return true;
    if (strcmp(name, "..") == 0) {
        go_up(w);
        return true;
    }
    visit(arg, w->directory[0] == '\0' ? "/" : w->directory, name);
    const int n = snprintf(whole, sizeof whole, "%s/%s", w->directory, name);
    if (n < 0 || (size_t)n >= sizeof whole || lstat(whole, &st) != 0)
        return false;
    if (S_ISLNK(st.st_mode))
        return follow(w, whole);
    memcpy(w->directory, whole, (size_t)n + 1);
    return true;
}

void watch_path(const char *path, watch_path_fn *visit, void *arg)
{
    struct walk w = {.directory = ""};
    char name[NAME_MAX + 1], here[PATH_MAX] = "";
    if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
        return;
    const int n = snprintf(w.rest, sizeof w.rest, "%s/%s", here, path);
    if (n < 0 || (size_t)n >= sizeof w.rest)
        return;
    while (next_name(&w, name) && step(&w, name, visit, arg))
        continue;
}
