#include "proxy/supervisor/usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A file of /proc as text; "" where there is none. */
static void read_text(pid_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd >= 0 ? read(fd, out, size - 1) : -1;
    out[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

/* proc(5): the name stands in parentheses and may have any of them; fields 14 and 15 are the
 * times, 24 the pages. */
static void read_stat(pid_t pid, struct usage *u)
{
    char text[1024];
    uint64_t user, system;
    int64_t pages;
    read_text(pid, "stat", text, sizeof text);
    const char *behind = strrchr(text, ')');
    if (behind == NULL || sscanf(behind + 1,
                                 " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
                                 " %*d %*d %*d %*d %*d %*d %*u %*u %" SCNd64,
                                 &user, &system, &pages) != 3)
        return;
    u->cpu_ms = (int64_t)((user + system) * 1000 / (uint64_t)sysconf(_SC_CLK_TCK));
    u->resident = pages * sysconf(_SC_PAGESIZE);
}

static void read_limit(pid_t pid, struct usage *u)
{
    static const char key[] = "Max open files";
    char text[4096];
    read_text(pid, "limits", text, sizeof text);
    const char *line = strstr(text, key);
    if (line == NULL || sscanf(line + strlen(key), " %" SCNd64, &u->files_max) != 1)
        u->files_max = -1;
}

static void count_files(pid_t pid, struct usage *u)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    if (d == NULL)
        return;
    int64_t n = 0;
    for (const struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    u->files = pid == getpid() ? n - 1 : n; /* less the one that looks */
}

struct usage usage_of(pid_t pid)
{
    struct usage u = {-1, -1, -1, -1};
    read_stat(pid, &u);
    read_limit(pid, &u);
    count_files(pid, &u);
    return u;
}
