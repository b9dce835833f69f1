#include "proxy/ipc/snapshot.h"
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A thousand routes with all they have stay far below. */
#define LIST_MAX  ((size_t)16 << 20)
#define TEXTS_MAX ((size_t)64 << 20)

static const size_t sizes[SNAPSHOT_LISTS] = {
    [SNAPSHOT_ROUTES] = sizeof(struct snapshot_route),
    [SNAPSHOT_UPSTREAMS] = sizeof(struct snapshot_upstream),
    [SNAPSHOT_CERTIFICATES] = sizeof(struct snapshot_certificate),
    [SNAPSHOT_CRLS] = sizeof(struct snapshot_crl),
    [SNAPSHOT_PROCESSES] = sizeof(struct snapshot_process),
    [SNAPSHOT_RELOADS] = sizeof(struct snapshot_reload),
    [SNAPSHOT_TICKET_KEYS] = sizeof(struct snapshot_ticket_key),
    [SNAPSHOT_NAMES] = sizeof(snapshot_text),
    [SNAPSHOT_SERVER_NAMES] = sizeof(struct snapshot_server_name),
    [SNAPSHOT_NAME_UPSTREAMS] = sizeof(struct snapshot_upstream),
};

/* The beginning; the lists follow, each at a multiple of eight, then the texts. */
struct head {
    uint64_t counts[SNAPSHOT_LISTS];
    uint64_t texts;
    struct snapshot_facts facts;
};

static size_t padded(size_t size)
{
    return (size + 7) / 8 * 8;
}

/* ---- writing ---- */

void snapshot_begin(struct snapshot_writer *w)
{
    *w = (struct snapshot_writer){0};
    for (unsigned i = 0; i < SNAPSHOT_LISTS; i++)
        buf_init(&w->lists[i], LIST_MAX);
    buf_init(&w->texts, TEXTS_MAX);
    buf_put(&w->texts, "", 1);
}

snapshot_text snapshot_put_text(struct snapshot_writer *w, const char *text)
{
    const size_t at = w->texts.size;
    if (text == NULL || *text == '\0')
        return 0;
    buf_put(&w->texts, text, strlen(text) + 1);
    return (snapshot_text)at;
}

void snapshot_put(struct snapshot_writer *w, enum snapshot_list list, const void *item, size_t size)
{
    buf_put(&w->lists[list], item, size);
}

static bool is_whole(const struct snapshot_writer *w)
{
    bool whole = !w->texts.failed;
    for (unsigned i = 0; i < SNAPSHOT_LISTS; i++)
        whole &= !w->lists[i].failed;
    return whole;
}

static int write_list(int fd, const struct buf *list)
{
    static const uint8_t gap[8];
    const size_t size = list->size;
    return file_write(fd, list->data, size) != 0 || file_write(fd, gap, padded(size) - size) != 0
               ? -1
               : 0;
}

static int write_all(int fd, const struct snapshot_writer *w)
{
    struct head head = {.texts = w->texts.size, .facts = w->facts};
    for (unsigned i = 0; i < SNAPSHOT_LISTS; i++)
        head.counts[i] = w->lists[i].size / sizes[i];
    if (file_write(fd, &head, sizeof head) != 0)
        return -1;
    for (unsigned i = 0; i < SNAPSHOT_LISTS; i++)
        if (write_list(fd, &w->lists[i]) != 0)
            return -1;
    return file_write(fd, w->texts.data, w->texts.size);
}

/* -1 with errno. */
static int pack(const struct snapshot_writer *w)
{
    errno = ENOMEM;
    const int fd =
        is_whole(w) ? memfd_create("tlsfront-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING) : -1;
    if (fd < 0)
        return -1;
    if (write_all(fd, w) == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int snapshot_finish(struct snapshot_writer *w, struct err *e)
{
    const int fd = pack(w);
    const int error = errno;
    for (unsigned i = 0; i < SNAPSHOT_LISTS; i++)
        buf_free(&w->lists[i]);
    buf_free(&w->texts);
    return fd >= 0 ? fd : err_set(e, "no memory for a snapshot: %s", strerror(error));
}

/* ---- reading ---- */

/* Set up `s` from what is mapped; false where it does not fit together. */
static bool lay_out(struct snapshot *s)
{
    const struct head *head = s->map;
    size_t at = sizeof *head;
    if (s->map_size < sizeof *head)
        return false;
    for (unsigned i = 0; i < SNAPSHOT_LISTS; i++) {
        if (head->counts[i] > LIST_MAX / sizes[i])
            return false;
        s->lists[i] = (const char *)s->map + at;
        s->counts[i] = head->counts[i];
        at += padded(s->counts[i] * sizes[i]);
    }
    s->facts = &head->facts;
    s->texts = (const char *)s->map + at;
    s->texts_size = head->texts;
    return at < s->map_size && s->map_size - at == s->texts_size &&
           s->texts[s->texts_size - 1] == '\0';
}

bool snapshot_open(struct snapshot *s, int fd)
{
    struct stat st;
    *s = (struct snapshot){0};
    if (fstat(fd, &st) != 0 || st.st_size <= 0)
        return false;
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return false;
    s->map = map;
    s->map_size = (size_t)st.st_size;
    if (lay_out(s))
        return true;
    snapshot_close(s);
    return false;
}

void snapshot_close(struct snapshot *s)
{
    if (s->map != NULL)
        munmap(s->map, s->map_size);
    *s = (struct snapshot){0};
}

const char *snapshot_text_of(const struct snapshot *s, snapshot_text text)
{
    return text < s->texts_size ? s->texts + text : "";
}
