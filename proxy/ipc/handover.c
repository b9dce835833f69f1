#include "proxy/ipc/handover.h"
#include "config/file.h"
#include "proxy/ipc/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { HEAD_SIZE = 16 };
static const char magic[8] = {'t', 'l', 's', 'f', 'r', 'o', 'n', 't'};

/* Never another meaning for a number. */
enum tag {
    TAG_WHO = 1,
    TAG_WAY_BACK = 2,
    TAG_NEXT = 3,
    TAG_TICKETS = 4,
    TAG_LOG = 5,
    TAG_CONTROL = 6,
    TAG_CALLER = 7,
    TAG_ADDRESS = 8,
    TAG_NAME = 9,
    TAG_ROUTE = 10,
    TAG_VETERAN = 11,
    TAG_LEAVER = 12,
    TAG_CONFINEMENT = 13,
    TAG_PLACE = 14,
    TAG_GIVEN = 15,
    TAG_SERVER_NAME = 20 | HANDOVER_OPTIONAL,
    TAG_ARCHIVE = 21 | HANDOVER_OPTIONAL,
    TAG_HISTORY = 22 | HANDOVER_OPTIONAL,
};

/* ---- the struct ---- */

void handover_init(struct handover *h)
{
    *h = (struct handover){.executable = -1,
                           .reason = -1,
                           .bundle = -1,
                           .next = -1,
                           .rehearsal = -1,
                           .log = -1,
                           .control = -1,
                           .archive = -1,
                           .history = -1};
}

void *handover_add(void *array, size_t *count, size_t size)
{
    uint8_t *grown = NULL;
    memcpy(&grown, array, sizeof grown);
    grown = realloc(grown, (*count + 1) * size);
    if (grown == NULL)
        return NULL;
    memcpy(array, &grown, sizeof grown);
    return memset(grown + size * (*count)++, 0, size);
}

int handover_add_leaver(struct handover *h, pid_t pid)
{
    pid_t *leaver = handover_add(&h->leavers, &h->leaver_count, sizeof *leaver);
    if (leaver == NULL)
        return -1;
    *leaver = pid;
    return 0;
}

void handover_free(struct handover *h)
{
    for (size_t i = 0; i < h->address_count; i++) {
        free(h->addresses[i].text);
        free(h->addresses[i].sockets);
    }
    for (size_t i = 0; i < h->name_count; i++)
        free(h->names[i].host);
    for (size_t i = 0; i < h->route_count; i++)
        free(h->routes[i].name);
    for (size_t i = 0; i < h->server_name_count; i++)
        free(h->server_names[i].key);
    free(h->server_names);
    free(h->program);
    free(h->configuration);
    free(h->control_path);
    free(h->callers);
    free(h->addresses);
    free(h->names);
    free(h->routes);
    free(h->veterans);
    for (size_t i = 0; i < h->place_count; i++)
        free(h->places[i].path);
    for (size_t i = 0; i < h->given_count; i++)
        free(h->given[i].name);
    free(h->places);
    free(h->given);
    free(h->leavers);
    explicit_bzero(h, sizeof *h);
    handover_init(h);
}

static void of_veteran(struct handover_veteran *v, void (*each)(void *arg, int *fd), void *arg)
{
    each(arg, &v->ipc);
    each(arg, &v->counters);
    each(arg, &v->reader);
    if (v->signer != 0)
        each(arg, &v->signer_ipc);
}

void handover_descriptors(struct handover *h, void (*each)(void *arg, int *fd), void *arg)
{
    int *const single[] = {&h->executable, &h->reason,  &h->bundle,  &h->next,   &h->rehearsal,
                           &h->log,        &h->control, &h->archive, &h->history};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (*single[i] >= 0)
            each(arg, single[i]);
    for (size_t i = 0; i < h->caller_count; i++)
        each(arg, &h->callers[i].fd);
    for (size_t i = 0; i < h->address_count; i++)
        for (size_t k = 0; k < h->addresses[i].count; k++)
            each(arg, &h->addresses[i].sockets[k]);
    for (size_t i = 0; i < h->given_count; i++)
        each(arg, &h->given[i].fd);
    for (size_t i = 0; i < h->veteran_count; i++)
        of_veteran(&h->veterans[i], each, arg);
}

/* ---- records: of the whole, or of one element of an array ---- */

static void walk_file(struct codec *c, struct socket_file *file)
{
    uint64_t device = file->device, inode = file->inode;
    codec_u64(c, &device);
    codec_u64(c, &inode);
    if (codec_reads(c))
        *file = (struct socket_file){(dev_t)device, (ino_t)inode};
}

static void walk_who(struct codec *c, void *item)
{
    struct handover *h = item;
    uint64_t started = (uint64_t)h->started;
    codec_short(c, h->version, sizeof h->version);
    codec_text(c, &h->program);
    codec_text(c, &h->configuration);
    codec_u64(c, &started);
    codec_u32(c, &h->generations);
    codec_bytes(c, h->seed, sizeof h->seed);
    codec_bool(c, &h->unwanted);
    h->started = (int64_t)started;
}

static void walk_way_back(struct codec *c, void *item)
{
    struct handover *h = item;
    codec_fd(c, &h->executable);
    codec_fd(c, &h->reason);
    codec_fd(c, &h->bundle);
    codec_u32(c, &h->patience_s);
}

static void walk_next(struct codec *c, void *item)
{
    struct handover *h = item;
    codec_fd_or_none(c, &h->next);
    codec_fd_or_none(c, &h->rehearsal);
}

/* So many do binaries take that know a single secret; who knows more derives the other keys. */
enum { TICKET_KEYS_GIVEN = 4 };

static void walk_tickets(struct codec *c, void *item)
{
    struct handover *h = item;
    uint32_t count = h->tickets.count < TICKET_KEYS_GIVEN ? h->tickets.count : TICKET_KEYS_GIVEN;
    codec_bool(c, &h->tickets_shared);
    codec_bytes(c, h->ticket_secret, sizeof h->ticket_secret);
    codec_u64(c, &h->rotate_ms);
    codec_limited(c, &count, TLS_TICKET_KEYS);
    h->tickets.count = count;
    for (uint32_t i = 0; i < count; i++) {
        codec_bytes(c, h->tickets.key[i].name, TLS_TICKET_NAME_SIZE);
        codec_bytes(c, h->tickets.key[i].secret, TLS_TICKET_SECRET_SIZE);
    }
}

/* Words, since the numbers are of one release. */
static const char *const targets[] = {
    [LOG_TARGET_STDERR] = "stderr", [LOG_TARGET_SYSLOG] = "syslog", [LOG_TARGET_FILE] = "file"};
static const char *const levels[] = {[LOG_LEVEL_ERROR] = "error",
                                     [LOG_LEVEL_WARN] = "warn",
                                     [LOG_LEVEL_INFO] = "info",
                                     [LOG_LEVEL_DEBUG] = "debug"};
static const char *const formats[] = {[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};

static void walk_log(struct codec *c, void *item)
{
    struct handover *h = item;
    unsigned target = h->log_target, level = h->log_level, format = h->log_format;
    codec_fd_or_none(c, &h->log);
    codec_word(c, &target, targets, COUNT(targets));
    codec_word(c, &level, levels, COUNT(levels));
    codec_word(c, &format, formats, COUNT(formats));
    h->log_target = (enum config_log_target)target;
    h->log_level = (enum config_log_level)level;
    h->log_format = (enum config_log_format)format;
}

static void walk_control(struct codec *c, void *item)
{
    struct handover *h = item;
    codec_fd(c, &h->control);
    codec_text(c, &h->control_path);
    walk_file(c, &h->control_file);
}

static void walk_caller(struct codec *c, void *item)
{
    struct handover_caller *caller = item;
    codec_fd(c, &caller->fd);
    codec_bool(c, &caller->waits);
}

static void make_sockets(struct codec *c, struct handover_address *a, uint32_t count)
{
    codec_expect(c, count > 0 && count <= c->size / sizeof(uint32_t));
    a->sockets = c->wrong ? NULL : calloc(count, sizeof *a->sockets);
    codec_expect(c, a->sockets != NULL);
    a->count = c->wrong ? 0 : count;
}

static void walk_address(struct codec *c, void *item)
{
    struct handover_address *a = item;
    uint32_t count = (uint32_t)a->count;
    codec_text(c, &a->text);
    codec_bool(c, &a->given);
    codec_bool(c, &a->observed);
    walk_file(c, &a->file);
    codec_u32(c, &count);
    if (codec_reads(c))
        make_sockets(c, a, count);
    for (size_t i = 0; i < a->count; i++)
        codec_fd(c, &a->sockets[i]);
}

static void walk_name(struct codec *c, void *item)
{
    struct handover_name *n = item;
    uint32_t port = n->port;
    codec_text(c, &n->host);
    codec_limited(c, &port, UINT16_MAX);
    codec_limited(c, &n->count, RESOLVED_MAX);
    if (codec_reads(c))
        n->port = (uint16_t)port;
    for (uint32_t i = 0; i < n->count; i++) {
        struct ipc_resolved_address *a = &n->addresses[i];
        codec_u32(c, &a->family);
        codec_u32(c, &a->scope);
        codec_bytes(c, a->bytes, sizeof a->bytes);
        codec_expect(c, a->family == AF_INET || a->family == AF_INET6);
    }
}

/* One that the reader does not know counts nothing that it tells. */
static void read_counter(struct codec *c, const struct counter_fact *facts, unsigned count,
                         uint64_t *base, uint64_t *parts)
{
    char name[40] = "";
    uint64_t in_base = 0, in_parts = 0;
    codec_short(c, name, sizeof name);
    codec_u64(c, &in_base);
    codec_u64(c, &in_parts);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(facts[i].name, name) == 0) {
            base[i] = in_base;
            parts[i] = in_parts;
        }
}

static void write_counter(struct codec *c, const struct counter_fact *fact, uint64_t *base,
                          uint64_t *parts)
{
    char name[40];
    snprintf(name, sizeof name, "%s", fact->name);
    codec_short(c, name, sizeof name);
    codec_u64(c, base);
    codec_u64(c, parts);
}

static void walk_counters(struct codec *c, const struct counter_fact *facts, unsigned count,
                          uint64_t *base, uint64_t *parts)
{
    uint32_t there = count;
    codec_u32(c, &there);
    for (uint32_t i = 0; i < there && !c->wrong; i++)
        if (codec_reads(c))
            read_counter(c, facts, count, base, parts);
        else
            write_counter(c, &facts[i], &base[i], &parts[i]);
}

static void walk_route(struct codec *c, void *item)
{
    struct handover_route *r = item;
    codec_text(c, &r->name);
    codec_limited(c, &r->slot, ROUTE_SLOTS - 1);
    walk_counters(c, counter_facts, ROUTE_COUNTERS, r->base, r->parts);
}

static void walk_server_name(struct codec *c, void *item)
{
    struct handover_server_name *n = item;
    codec_text(c, &n->key);
    codec_limited(c, &n->slot, NAME_SLOTS - 1);
    walk_counters(c, name_counter_facts, NAME_COUNTERS, n->base, n->parts);
}

static void walk_archive(struct codec *c, void *item)
{
    struct handover *h = item;
    codec_fd(c, &h->archive);
    codec_u64(c, &h->archive_layout);
}

static void walk_history(struct codec *c, void *item)
{
    struct handover *h = item;
    codec_fd(c, &h->history);
}

static void walk_sandbox(struct codec *c, struct sandbox_state *s)
{
    codec_u32(c, &s->seccomp);
    codec_u32(c, &s->landlock);
    codec_i32(c, &s->seccomp_error);
    codec_i32(c, &s->landlock_error);
}

static void walk_signer(struct codec *c, struct handover_veteran *v)
{
    uint32_t pid = (uint32_t)v->signer;
    int ipc = v->signer != 0 ? v->signer_ipc : -1;
    codec_limited(c, &pid, INT32_MAX);
    codec_fd_or_none(c, &ipc);
    walk_sandbox(c, &v->signer_sandbox);
    codec_expect(c, pid != 1 && (pid != 0) == (ipc >= 0));
    if (!codec_reads(c))
        return;
    v->signer = (pid_t)pid;
    v->signer_ipc = ipc;
}

static void walk_veteran(struct codec *c, void *item)
{
    struct handover_veteran *v = item;
    codec_short(c, v->version, sizeof v->version);
    codec_limited(c, &v->index, WORKERS_MAX - 1);
    codec_u32(c, &v->generation);
    codec_u32(c, &v->restarts);
    codec_pid(c, &v->pid);
    codec_fd(c, &v->ipc);
    codec_fd(c, &v->counters);
    codec_fd(c, &v->reader);
    codec_u64(c, &v->layout);
    walk_sandbox(c, &v->sandbox);
    walk_signer(c, v);
    if (codec_more(c))
        codec_u32(c, &v->log_targets);
    else
        v->log_targets = LOG_TARGET_JOURNAL; /* which came then */
}

static void walk_leaver(struct codec *c, void *item)
{
    codec_pid(c, item);
}

static void walk_confinement(struct codec *c, void *item)
{
    struct handover *h = item;
    walk_sandbox(c, &h->confinement);
}

static void walk_place(struct codec *c, void *item)
{
    struct handover_place *p = item;
    codec_text(c, &p->path);
    codec_bool(c, &p->logs);
    walk_file(c, &p->is);
}

static void walk_given(struct codec *c, void *item)
{
    struct handover_socket *s = item;
    codec_fd(c, &s->fd);
    codec_text(c, &s->name);
}

/* ---- all of them ---- */

/* Of an array, or, `size` 0, of the whole: such a one is there once, and where it is about a
 * descriptor it is only written if that is there. */
static const struct record {
    enum tag tag;
    void (*walk)(struct codec *c, void *item);
    size_t array, count, size;
    size_t descriptor; /* 0: it is always written */
} records[] = {
#define OF_ALL(tag, walk)                                                                          \
    {                                                                                              \
        tag, walk, 0, 0, 0, 0                                                                      \
    }
#define OF_DESCRIPTOR(tag, walk, fd)                                                               \
    {                                                                                              \
        tag, walk, 0, 0, 0, offsetof(struct handover, fd)                                          \
    }
#define OF_EACH(tag, walk, array, count)                                                           \
    {                                                                                              \
        tag, walk, offsetof(struct handover, array), offsetof(struct handover, count),             \
            sizeof *((struct handover *)0)->array, 0                                               \
    }
    OF_ALL(TAG_WHO, walk_who),
    OF_ALL(TAG_WAY_BACK, walk_way_back),
    OF_ALL(TAG_NEXT, walk_next),
    OF_ALL(TAG_TICKETS, walk_tickets),
    OF_ALL(TAG_LOG, walk_log),
    OF_ALL(TAG_CONTROL, walk_control),
    OF_EACH(TAG_CALLER, walk_caller, callers, caller_count),
    OF_ALL(TAG_CONFINEMENT, walk_confinement),
    OF_EACH(TAG_PLACE, walk_place, places, place_count),
    OF_EACH(TAG_GIVEN, walk_given, given, given_count),
    OF_EACH(TAG_ADDRESS, walk_address, addresses, address_count),
    OF_EACH(TAG_NAME, walk_name, names, name_count),
    OF_EACH(TAG_ROUTE, walk_route, routes, route_count),
    OF_EACH(TAG_SERVER_NAME, walk_server_name, server_names, server_name_count),
    OF_DESCRIPTOR(TAG_ARCHIVE, walk_archive, archive),
    OF_DESCRIPTOR(TAG_HISTORY, walk_history, history),
    OF_EACH(TAG_VETERAN, walk_veteran, veterans, veteran_count),
    OF_EACH(TAG_LEAVER, walk_leaver, leavers, leaver_count),
};

static void *field(struct handover *h, size_t offset)
{
    return (uint8_t *)h + offset;
}

/* ---- writing ---- */

static void write_record(struct codec *c, const struct record *r, void *item)
{
    uint32_t tag = r->tag, size = 0;
    codec_u32(c, &tag);
    codec_u32(c, &size);
    const size_t begun = c->out->size;
    r->walk(c, item);
    size = (uint32_t)(c->out->size - begun);
    if (!c->out->failed)
        memcpy(c->out->data + begun - sizeof size, &size, sizeof size);
}

static void write_all(struct codec *c, const struct record *r, struct handover *h)
{
    const bool there = r->descriptor == 0 || *(int *)field(h, r->descriptor) >= 0;
    if (r->size == 0 && there)
        write_record(c, r, h);
    if (r->size == 0)
        return;
    uint8_t *items = *(uint8_t **)field(h, r->array);
    for (size_t i = 0; i < *(size_t *)field(h, r->count); i++)
        write_record(c, r, items + i * r->size);
}

void handover_encode(const struct handover *h, struct buf *out)
{
    struct codec c = {.out = out};
    struct handover copy = *h; /* a walk may change what it walks through */
    uint32_t version = HANDOVER_VERSION, size = 0;
    const size_t begun = out->size;
    buf_put(out, magic, sizeof magic);
    codec_u32(&c, &version);
    codec_u32(&c, &size);
    for (size_t i = 0; i < COUNT(records); i++)
        write_all(&c, &records[i], &copy);
    size = (uint32_t)(out->size - begun);
    if (!out->failed)
        memcpy(out->data + begun + HEAD_SIZE - sizeof size, &size, sizeof size);
    explicit_bzero(&copy, sizeof copy);
}

/* ---- reading ---- */

static const struct record *find_record(uint32_t tag)
{
    for (size_t i = 0; i < COUNT(records); i++)
        if (((uint32_t)records[i].tag | HANDOVER_OPTIONAL) == (tag | HANDOVER_OPTIONAL))
            return &records[i];
    return NULL;
}

/* What the record is about. NULL: out of memory, or it was there before. */
static void *item_of(const struct record *r, struct handover *h, uint64_t *seen)
{
    const uint64_t bit = (uint64_t)1 << (r - records);
    if (r->size > 0)
        return handover_add(field(h, r->array), field(h, r->count), r->size);
    if ((*seen & bit) != 0)
        return NULL;
    *seen |= bit;
    return h;
}

static void read_record(struct codec *all, struct handover *h, uint64_t *seen)
{
    uint32_t tag = 0, size = 0;
    codec_u32(all, &tag);
    codec_u32(all, &size);
    struct codec record = {.data = codec_take(all, size), .size = size};
    if (all->wrong)
        return;
    const struct record *r = find_record(tag);
    void *item = r != NULL ? item_of(r, h, seen) : NULL;
    if (item != NULL)
        r->walk(&record, item);
    else
        record.wrong = r != NULL || (tag & HANDOVER_OPTIONAL) == 0;
    all->wrong = record.wrong;
}

/* A rehearsal needs no socket that callers come to, nor does it go back, but all that is there. */
static bool is_complete(const struct handover *h)
{
    return h->program != NULL && h->configuration != NULL && h->control_path != NULL &&
           h->executable >= 0 && h->bundle >= 0;
}

static int read_head(struct codec *all, struct err *e)
{
    const uint8_t *begun = codec_take(all, sizeof magic);
    uint32_t version = 0, size = 0;
    codec_u32(all, &version);
    codec_u32(all, &size);
    if (begun == NULL || memcmp(begun, magic, sizeof magic) != 0)
        return err_set(e, "that is no state of a daemon");
    if (version != HANDOVER_VERSION)
        return err_set(
            e, "the running daemon hands over its state in version %u, this binary knows %d",
            version, HANDOVER_VERSION);
    return !all->wrong && size == all->size + HEAD_SIZE ? 0 : err_set(e, "the state is cut short");
}

int handover_decode(const uint8_t *data, size_t size, struct handover *h, struct err *e)
{
    struct codec all = {.data = data, .size = size};
    uint64_t seen = 0;
    handover_init(h);
    if (read_head(&all, e) != 0)
        return -1;
    while (all.size > 0 && !all.wrong)
        read_record(&all, h, &seen);
    if (!all.wrong && is_complete(h))
        return 0;
    handover_free(h);
    return err_set(e, "the state of the running daemon is not understood");
}

/* ---- by way of a file ---- */

int handover_to_fd(const struct handover *h, struct err *e)
{
    struct buf b;
    buf_init(&b, HANDOVER_MAX);
    handover_encode(h, &b);
    int fd = b.failed ? -1 : memfd_create("tlsfront-state", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || file_write(fd, b.data, b.size) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        err_set(e, "no memory for the state: %s", b.failed ? "it needs too much" : strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    if (b.data != NULL)
        explicit_bzero(b.data, b.size);
    buf_free(&b);
    return fd;
}

int handover_from_fd(int fd, struct handover *h, struct err *e)
{
    struct stat st;
    handover_init(h);
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > HANDOVER_MAX)
        return err_set(e, "descriptor %d is no state of a daemon", fd);
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return err_set(e, "the state cannot be read: %s", strerror(errno));
    const int result = handover_decode(data, (size_t)st.st_size, h, e);
    munmap(data, (size_t)st.st_size);
    return result;
}
