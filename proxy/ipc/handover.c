#include "proxy/ipc/handover.h"
#include "config/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAGIC_SIZE = 8, HEAD_SIZE = 16, RECORD_SIZE = 8, NO_FD = 0xffffffff };
static const char magic[MAGIC_SIZE] = {'t', 'l', 's', 'f', 'r', 'o', 'n', 't'};

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

/* ---- writing ---- */

static void put_u32(struct buf *out, uint32_t n)
{
    buf_put(out, &n, sizeof n);
}

static void put_u64(struct buf *out, uint64_t n)
{
    buf_put(out, &n, sizeof n);
}

static void put_bytes(struct buf *out, const void *data, size_t size)
{
    put_u32(out, (uint32_t)size);
    buf_put(out, data, size);
}

static void put_text(struct buf *out, const char *text)
{
    put_bytes(out, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

static size_t begin(struct buf *out, enum tag tag)
{
    put_u32(out, tag);
    put_u32(out, 0);
    return out->size;
}

static void end(struct buf *out, size_t begun)
{
    const uint32_t size = (uint32_t)(out->size - begun);
    if (!out->failed)
        memcpy(out->data + begun - sizeof size, &size, sizeof size);
}

static void put_file(struct buf *out, const struct socket_file *file)
{
    put_u64(out, file->device);
    put_u64(out, file->inode);
}

static void put_who(struct buf *out, const struct handover *h)
{
    const size_t begun = begin(out, TAG_WHO);
    put_text(out, h->version);
    put_text(out, h->program);
    put_text(out, h->configuration);
    put_u64(out, (uint64_t)h->started);
    put_u32(out, h->generations);
    put_bytes(out, h->seed, sizeof h->seed);
    put_u32(out, h->unwanted);
    end(out, begun);
}

static void put_ways(struct buf *out, const struct handover *h)
{
    size_t begun = begin(out, TAG_WAY_BACK);
    put_u32(out, (uint32_t)h->executable);
    put_u32(out, (uint32_t)h->reason);
    put_u32(out, (uint32_t)h->bundle);
    put_u32(out, h->patience_s);
    end(out, begun);
    begun = begin(out, TAG_NEXT);
    put_u32(out, (uint32_t)h->next);
    put_u32(out, (uint32_t)h->rehearsal);
    end(out, begun);
}

/* So many do binaries take that know a single secret; who knows more derives the other keys. */
enum { TICKET_KEYS_GIVEN = 4 };

static void put_tickets(struct buf *out, const struct handover *h)
{
    const uint32_t count =
        h->tickets.count < TICKET_KEYS_GIVEN ? h->tickets.count : TICKET_KEYS_GIVEN;
    const size_t begun = begin(out, TAG_TICKETS);
    put_u32(out, h->tickets_shared);
    put_bytes(out, h->ticket_secret, sizeof h->ticket_secret);
    put_u64(out, h->rotate_ms);
    put_u32(out, count);
    for (uint32_t i = 0; i < count; i++) {
        put_bytes(out, h->tickets.key[i].name, TLS_TICKET_NAME_SIZE);
        put_bytes(out, h->tickets.key[i].secret, TLS_TICKET_SECRET_SIZE);
    }
    end(out, begun);
}

/* Words, since the numbers are of one release. */
static const char *const targets[] = {
    [LOG_TARGET_STDERR] = "stderr", [LOG_TARGET_SYSLOG] = "syslog", [LOG_TARGET_FILE] = "file"};
static const char *const levels[] = {[LOG_LEVEL_ERROR] = "error",
                                     [LOG_LEVEL_WARN] = "warn",
                                     [LOG_LEVEL_INFO] = "info",
                                     [LOG_LEVEL_DEBUG] = "debug"};
static const char *const formats[] = {[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json"};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void put_log(struct buf *out, const struct handover *h)
{
    const size_t begun = begin(out, TAG_LOG);
    put_u32(out, (uint32_t)h->log);
    put_text(out, targets[h->log_target]);
    put_text(out, levels[h->log_level]);
    put_text(out, formats[h->log_format]);
    end(out, begun);
}

static void put_control(struct buf *out, const struct handover *h)
{
    size_t begun = begin(out, TAG_CONTROL);
    put_u32(out, (uint32_t)h->control);
    put_text(out, h->control_path);
    put_file(out, &h->control_file);
    end(out, begun);
    for (size_t i = 0; i < h->caller_count; i++) {
        begun = begin(out, TAG_CALLER);
        put_u32(out, (uint32_t)h->callers[i].fd);
        put_u32(out, h->callers[i].waits);
        end(out, begun);
    }
}

static void put_address(struct buf *out, const struct handover_address *a)
{
    const size_t begun = begin(out, TAG_ADDRESS);
    put_text(out, a->text);
    put_u32(out, a->given);
    put_u32(out, a->observed);
    put_file(out, &a->file);
    put_u32(out, (uint32_t)a->count);
    for (size_t i = 0; i < a->count; i++)
        put_u32(out, (uint32_t)a->sockets[i]);
    end(out, begun);
}

static void put_name(struct buf *out, const struct handover_name *n)
{
    const size_t begun = begin(out, TAG_NAME);
    put_text(out, n->host);
    put_u32(out, n->port);
    put_u32(out, n->count);
    for (uint32_t i = 0; i < n->count; i++) {
        put_u32(out, n->addresses[i].family);
        put_u32(out, n->addresses[i].scope);
        put_bytes(out, n->addresses[i].bytes, sizeof n->addresses[i].bytes);
    }
    end(out, begun);
}

static void put_counters(struct buf *out, const struct counter_fact *facts, unsigned count,
                         const uint64_t *base, const uint64_t *parts)
{
    put_u32(out, count);
    for (unsigned i = 0; i < count; i++) {
        put_text(out, facts[i].name);
        put_u64(out, base[i]);
        put_u64(out, parts[i]);
    }
}

static void put_route(struct buf *out, const struct handover_route *r)
{
    const size_t begun = begin(out, TAG_ROUTE);
    put_text(out, r->name);
    put_u32(out, r->slot);
    put_counters(out, counter_facts, ROUTE_COUNTERS, r->base, r->parts);
    end(out, begun);
}

static void put_server_name(struct buf *out, const struct handover_server_name *n)
{
    const size_t begun = begin(out, TAG_SERVER_NAME);
    put_text(out, n->key);
    put_u32(out, n->slot);
    put_counters(out, name_counter_facts, NAME_COUNTERS, n->base, n->parts);
    end(out, begun);
}

static void put_archive(struct buf *out, const struct handover *h)
{
    const size_t begun = begin(out, TAG_ARCHIVE);
    put_u32(out, (uint32_t)h->archive);
    put_u64(out, h->archive_layout);
    end(out, begun);
}

static void put_history(struct buf *out, const struct handover *h)
{
    const size_t begun = begin(out, TAG_HISTORY);
    put_u32(out, (uint32_t)h->history);
    end(out, begun);
}

static void put_sandbox(struct buf *out, const struct sandbox_state *s)
{
    put_u32(out, s->seccomp);
    put_u32(out, s->landlock);
    put_u32(out, (uint32_t)s->seccomp_error);
    put_u32(out, (uint32_t)s->landlock_error);
}

static void put_veteran(struct buf *out, const struct handover_veteran *v)
{
    const size_t begun = begin(out, TAG_VETERAN);
    put_text(out, v->version);
    put_u32(out, v->index);
    put_u32(out, v->generation);
    put_u32(out, v->restarts);
    put_u32(out, (uint32_t)v->pid);
    put_u32(out, (uint32_t)v->ipc);
    put_u32(out, (uint32_t)v->counters);
    put_u32(out, (uint32_t)v->reader);
    put_u64(out, v->layout);
    put_sandbox(out, &v->sandbox);
    put_u32(out, (uint32_t)v->signer);
    put_u32(out, v->signer != 0 ? (uint32_t)v->signer_ipc : NO_FD);
    put_sandbox(out, &v->signer_sandbox);
    put_u32(out, v->log_targets);
    end(out, begun);
}

static void put_leaver(struct buf *out, pid_t pid)
{
    const size_t begun = begin(out, TAG_LEAVER);
    put_u32(out, (uint32_t)pid);
    end(out, begun);
}

static void put_place(struct buf *out, const struct handover_place *p)
{
    const size_t begun = begin(out, TAG_PLACE);
    put_text(out, p->path);
    put_u32(out, p->logs);
    put_file(out, &p->is);
    end(out, begun);
}

static void put_given(struct buf *out, const struct handover_socket *s)
{
    const size_t begun = begin(out, TAG_GIVEN);
    put_u32(out, (uint32_t)s->fd);
    put_text(out, s->name);
    end(out, begun);
}

static void put_confinement(struct buf *out, const struct handover *h)
{
    const size_t begun = begin(out, TAG_CONFINEMENT);
    put_sandbox(out, &h->confinement);
    end(out, begun);
    for (size_t i = 0; i < h->place_count; i++)
        put_place(out, &h->places[i]);
    for (size_t i = 0; i < h->given_count; i++)
        put_given(out, &h->given[i]);
}

static void put_arrays(struct buf *out, const struct handover *h)
{
    for (size_t i = 0; i < h->address_count; i++)
        put_address(out, &h->addresses[i]);
    for (size_t i = 0; i < h->name_count; i++)
        put_name(out, &h->names[i]);
    for (size_t i = 0; i < h->route_count; i++)
        put_route(out, &h->routes[i]);
    for (size_t i = 0; i < h->server_name_count; i++)
        put_server_name(out, &h->server_names[i]);
    if (h->archive >= 0)
        put_archive(out, h);
    if (h->history >= 0)
        put_history(out, h);
    for (size_t i = 0; i < h->veteran_count; i++)
        put_veteran(out, &h->veterans[i]);
    for (size_t i = 0; i < h->leaver_count; i++)
        put_leaver(out, h->leavers[i]);
}

void handover_encode(const struct handover *h, struct buf *out)
{
    const size_t begun = out->size;
    buf_put(out, magic, sizeof magic);
    put_u32(out, HANDOVER_VERSION);
    put_u32(out, 0);
    put_who(out, h);
    put_ways(out, h);
    put_tickets(out, h);
    put_log(out, h);
    put_control(out, h);
    put_confinement(out, h);
    put_arrays(out, h);
    const uint32_t size = (uint32_t)(out->size - begun);
    if (!out->failed)
        memcpy(out->data + begun + HEAD_SIZE - sizeof size, &size, sizeof size);
}

/* ---- reading ---- */

/* What is left of a record, or of the whole. Once something is missing or wrong, all is. */
struct reader {
    const uint8_t *data;
    size_t size;
    bool wrong;
};

static const uint8_t *take(struct reader *r, size_t size)
{
    const uint8_t *at = r->data;
    if (r->wrong || size > r->size) {
        r->wrong = true;
        return NULL;
    }
    r->data += size;
    r->size -= size;
    return at;
}

static void get(struct reader *r, void *out, size_t size)
{
    const uint8_t *at = take(r, size);
    if (at != NULL)
        memcpy(out, at, size);
}

static uint32_t get_u32(struct reader *r)
{
    uint32_t n = 0;
    get(r, &n, sizeof n);
    return n;
}

static uint64_t get_u64(struct reader *r)
{
    uint64_t n = 0;
    get(r, &n, sizeof n);
    return n;
}

/* Bytes of which there must be so many. */
static void get_bytes(struct reader *r, void *out, size_t size)
{
    r->wrong |= get_u32(r) != size;
    get(r, out, size);
}

static uint32_t get_limited(struct reader *r, uint32_t most)
{
    const uint32_t n = get_u32(r);
    r->wrong |= n > most;
    return r->wrong ? 0 : n;
}

static bool get_bool(struct reader *r)
{
    return get_limited(r, 1) == 1;
}

static int get_fd(struct reader *r)
{
    return (int)get_limited(r, INT32_MAX);
}

/* -1: there is none. */
static int get_fd_or_none(struct reader *r)
{
    const uint32_t n = get_u32(r);
    r->wrong |= n > INT32_MAX && n != NO_FD;
    return r->wrong || n == NO_FD ? -1 : (int)n;
}

/* Nobody is process 1's parent, and 0 and below would be groups. */
static pid_t get_pid(struct reader *r)
{
    const uint32_t n = get_limited(r, INT32_MAX);
    r->wrong |= n <= 1;
    return (pid_t)n;
}

/* Into a text that there is room for. */
static void get_short(struct reader *r, char *out, size_t size)
{
    const uint32_t length = get_limited(r, (uint32_t)size - 1);
    const uint8_t *at = take(r, length);
    r->wrong |= at != NULL && memchr(at, '\0', length) != NULL;
    if (r->wrong)
        return;
    memcpy(out, at, length);
    out[length] = '\0';
}

/* NULL: wrong. */
static char *get_text(struct reader *r)
{
    const uint32_t length = get_u32(r);
    const uint8_t *at = take(r, length);
    char *text =
        at != NULL && memchr(at, '\0', length) == NULL ? strndup((const char *)at, length) : NULL;
    r->wrong |= text == NULL;
    return text;
}

/* One of some words. */
static unsigned get_word(struct reader *r, const char *const *words, unsigned count)
{
    char word[16] = "";
    unsigned i = 0;
    get_short(r, word, sizeof word);
    while (i < count && strcmp(words[i], word) != 0)
        i++;
    r->wrong |= i == count;
    return r->wrong ? 0 : i;
}

static void get_file(struct reader *r, struct socket_file *out)
{
    out->device = (dev_t)get_u64(r);
    out->inode = (ino_t)get_u64(r);
}

static void get_who(struct reader *r, struct handover *h)
{
    r->wrong |= h->program != NULL; /* twice */
    get_short(r, h->version, sizeof h->version);
    if (r->wrong)
        return;
    h->program = get_text(r);
    h->configuration = get_text(r);
    h->started = (int64_t)get_u64(r);
    h->generations = get_u32(r);
    get_bytes(r, h->seed, sizeof h->seed);
    h->unwanted = get_bool(r);
}

static void get_way_back(struct reader *r, struct handover *h)
{
    h->executable = get_fd(r);
    h->reason = get_fd(r);
    h->bundle = get_fd(r);
    h->patience_s = get_u32(r);
}

static void get_next(struct reader *r, struct handover *h)
{
    h->next = get_fd_or_none(r);
    h->rehearsal = get_fd_or_none(r);
}

static void get_tickets(struct reader *r, struct handover *h)
{
    h->tickets_shared = get_bool(r);
    get_bytes(r, h->ticket_secret, sizeof h->ticket_secret);
    h->rotate_ms = get_u64(r);
    h->tickets.count = get_limited(r, TLS_TICKET_KEYS);
    for (uint32_t i = 0; i < h->tickets.count; i++) {
        get_bytes(r, h->tickets.key[i].name, TLS_TICKET_NAME_SIZE);
        get_bytes(r, h->tickets.key[i].secret, TLS_TICKET_SECRET_SIZE);
    }
}

static void get_log(struct reader *r, struct handover *h)
{
    h->log = get_fd_or_none(r);
    h->log_target = (enum config_log_target)get_word(r, targets, COUNT(targets));
    h->log_level = (enum config_log_level)get_word(r, levels, COUNT(levels));
    h->log_format = (enum config_log_format)get_word(r, formats, COUNT(formats));
}

static void get_control(struct reader *r, struct handover *h)
{
    r->wrong |= h->control_path != NULL; /* twice */
    if (r->wrong)
        return;
    h->control = get_fd(r);
    h->control_path = get_text(r);
    get_file(r, &h->control_file);
}

static void get_caller(struct reader *r, struct handover *h)
{
    struct handover_caller *c = handover_add(&h->callers, &h->caller_count, sizeof *c);
    if (c == NULL) {
        r->wrong = true;
        return;
    }
    c->fd = get_fd(r);
    c->waits = get_bool(r);
}

static void get_sockets(struct reader *r, struct handover_address *a)
{
    const size_t count = get_limited(r, (uint32_t)(r->size / sizeof(uint32_t)));
    a->sockets = calloc(count + 1, sizeof *a->sockets);
    r->wrong |= a->sockets == NULL || count == 0;
    for (size_t i = 0; i < count && !r->wrong; i++)
        a->sockets[a->count++] = get_fd(r);
}

static void get_address(struct reader *r, struct handover *h)
{
    struct handover_address *a = handover_add(&h->addresses, &h->address_count, sizeof *a);
    if (a == NULL) {
        r->wrong = true;
        return;
    }
    a->text = get_text(r);
    a->given = get_bool(r);
    a->observed = get_bool(r);
    get_file(r, &a->file);
    get_sockets(r, a);
}

static void get_name(struct reader *r, struct handover *h)
{
    struct handover_name *n = handover_add(&h->names, &h->name_count, sizeof *n);
    if (n == NULL) {
        r->wrong = true;
        return;
    }
    n->host = get_text(r);
    n->port = (uint16_t)get_limited(r, UINT16_MAX);
    n->count = get_limited(r, RESOLVED_MAX);
    for (uint32_t i = 0; i < n->count; i++) {
        n->addresses[i].family = get_u32(r);
        n->addresses[i].scope = get_u32(r);
        get_bytes(r, n->addresses[i].bytes, sizeof n->addresses[i].bytes);
        r->wrong |= n->addresses[i].family != AF_INET && n->addresses[i].family != AF_INET6;
    }
}

/* One that we do not know counts nothing that we tell. */
static void get_counter(struct reader *r, const struct counter_fact *facts, unsigned count,
                        uint64_t *base, uint64_t *parts)
{
    char name[40] = "";
    get_short(r, name, sizeof name);
    const uint64_t n = get_u64(r), more = get_u64(r);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(facts[i].name, name) == 0) {
            base[i] = n;
            parts[i] = more;
        }
}

static void get_counters(struct reader *r, const struct counter_fact *facts, unsigned count,
                         uint64_t *base, uint64_t *parts)
{
    for (uint32_t n = get_u32(r); n > 0 && !r->wrong; n--)
        get_counter(r, facts, count, base, parts);
}

static void get_route(struct reader *r, struct handover *h)
{
    struct handover_route *route = handover_add(&h->routes, &h->route_count, sizeof *route);
    if (route == NULL) {
        r->wrong = true;
        return;
    }
    route->name = get_text(r);
    route->slot = get_limited(r, ROUTE_SLOTS - 1);
    get_counters(r, counter_facts, ROUTE_COUNTERS, route->base, route->parts);
}

static void get_server_name(struct reader *r, struct handover *h)
{
    struct handover_server_name *n =
        handover_add(&h->server_names, &h->server_name_count, sizeof *n);
    if (n == NULL) {
        r->wrong = true;
        return;
    }
    n->key = get_text(r);
    n->slot = get_limited(r, NAME_SLOTS - 1);
    get_counters(r, name_counter_facts, NAME_COUNTERS, n->base, n->parts);
}

static void get_archive(struct reader *r, struct handover *h)
{
    r->wrong |= h->archive >= 0; /* twice */
    if (r->wrong)
        return;
    h->archive = get_fd(r);
    h->archive_layout = get_u64(r);
}

static void get_history(struct reader *r, struct handover *h)
{
    r->wrong |= h->history >= 0; /* twice */
    if (!r->wrong)
        h->history = get_fd(r);
}

static void get_sandbox(struct reader *r, struct sandbox_state *out)
{
    out->seccomp = get_u32(r);
    out->landlock = get_u32(r);
    out->seccomp_error = (int32_t)get_u32(r);
    out->landlock_error = (int32_t)get_u32(r);
}

static void get_signer(struct reader *r, struct handover_veteran *v)
{
    v->signer = (pid_t)get_limited(r, INT32_MAX);
    v->signer_ipc = get_fd_or_none(r);
    get_sandbox(r, &v->signer_sandbox);
    r->wrong |= v->signer == 1 || (v->signer != 0) != (v->signer_ipc >= 0);
}

static void get_veteran(struct reader *r, struct handover *h)
{
    struct handover_veteran *v = handover_add(&h->veterans, &h->veteran_count, sizeof *v);
    if (v == NULL) {
        r->wrong = true;
        return;
    }
    get_short(r, v->version, sizeof v->version);
    v->index = get_limited(r, WORKERS_MAX - 1);
    v->generation = get_u32(r);
    v->restarts = get_u32(r);
    v->pid = get_pid(r);
    v->ipc = get_fd(r);
    v->counters = get_fd(r);
    v->reader = get_fd(r);
    v->layout = get_u64(r);
    get_sandbox(r, &v->sandbox);
    get_signer(r, v);
    v->log_targets = r->size > 0 ? get_u32(r) : LOG_TARGET_JOURNAL; /* which came then */
}

static void get_leaver(struct reader *r, struct handover *h)
{
    pid_t *pid = handover_add(&h->leavers, &h->leaver_count, sizeof *pid);
    if (pid == NULL)
        r->wrong = true;
    else
        *pid = get_pid(r);
}

static void get_confinement(struct reader *r, struct handover *h)
{
    get_sandbox(r, &h->confinement);
}

static void get_place(struct reader *r, struct handover *h)
{
    struct handover_place *p = handover_add(&h->places, &h->place_count, sizeof *p);
    if (p == NULL) {
        r->wrong = true;
        return;
    }
    p->path = get_text(r);
    p->logs = get_bool(r);
    get_file(r, &p->is);
}

static void get_given(struct reader *r, struct handover *h)
{
    struct handover_socket *s = handover_add(&h->given, &h->given_count, sizeof *s);
    if (s == NULL) {
        r->wrong = true;
        return;
    }
    s->fd = get_fd(r);
    s->name = get_text(r);
}

static void (*const readers[])(struct reader *r, struct handover *h) = {
    [TAG_WHO] = get_who,
    [TAG_WAY_BACK] = get_way_back,
    [TAG_NEXT] = get_next,
    [TAG_TICKETS] = get_tickets,
    [TAG_LOG] = get_log,
    [TAG_CONTROL] = get_control,
    [TAG_CALLER] = get_caller,
    [TAG_ADDRESS] = get_address,
    [TAG_NAME] = get_name,
    [TAG_ROUTE] = get_route,
    [TAG_VETERAN] = get_veteran,
    [TAG_LEAVER] = get_leaver,
    [TAG_CONFINEMENT] = get_confinement,
    [TAG_PLACE] = get_place,
    [TAG_GIVEN] = get_given,
    [TAG_SERVER_NAME & ~HANDOVER_OPTIONAL] = get_server_name,
    [TAG_ARCHIVE & ~HANDOVER_OPTIONAL] = get_archive,
    [TAG_HISTORY & ~HANDOVER_OPTIONAL] = get_history,
};

static void get_record(struct reader *all, struct handover *h)
{
    const uint32_t tag = get_u32(all), number = tag & ~(uint32_t)HANDOVER_OPTIONAL;
    struct reader record = {.size = get_u32(all)};
    record.data = take(all, record.size);
    if (all->wrong)
        return;
    if (number < COUNT(readers) && readers[number] != NULL)
        readers[number](&record, h);
    else
        record.wrong = (tag & HANDOVER_OPTIONAL) == 0;
    all->wrong = record.wrong;
}

/* A rehearsal needs no socket that callers come to, nor does it go back, but all that is there. */
static bool is_complete(const struct handover *h)
{
    return h->program != NULL && h->configuration != NULL && h->control_path != NULL &&
           h->executable >= 0 && h->bundle >= 0;
}

static int get_head(struct reader *all, struct err *e)
{
    const uint8_t *begun = take(all, MAGIC_SIZE);
    const uint32_t version = get_u32(all), size = get_u32(all);
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
    struct reader all = {.data = data, .size = size};
    handover_init(h);
    if (get_head(&all, e) != 0)
        return -1;
    while (all.size > 0 && !all.wrong)
        get_record(&all, h);
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
