#include "proxy/ipc/counters.h"
#include "proxy/base/address.h"
#include "proxy/base/fnv.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define FACT(field, is_total)                                                                      \
    {                                                                                              \
        .name = #field, .offset = offsetof(struct route_counters, field), .total = (is_total)      \
    }

const struct counter_fact counter_facts[ROUTE_COUNTERS] = {
    FACT(active, false),
    FACT(handshaking, false),
    FACT(accepted, true),
    FACT(refused, true),
    FACT(handshakes, true),
    FACT(resumed, true),
    FACT(tls12, true),
    FACT(tls13, true),
    FACT(handshake_failures, true),
    FACT(logins_refused, true),
    FACT(upstream_failures, true),
    FACT(bytes_in, true),
    FACT(bytes_out, true),
    FACT(checks, true),
};

#define NAME_FACT(field, is_total)                                                                 \
    {                                                                                              \
        .name = #field, .offset = offsetof(struct name_counters, field), .total = (is_total)       \
    }

const struct counter_fact name_counter_facts[NAME_COUNTERS] = {
    NAME_FACT(active, false),           NAME_FACT(accepted, true), NAME_FACT(refused, true),
    NAME_FACT(upstream_failures, true), NAME_FACT(bytes_in, true), NAME_FACT(bytes_out, true),
};

static uint64_t hash_name(uint64_t h, const char *name)
{
    return name != NULL ? fnv1a(h, name, strlen(name) + 1) : fnv1a(h, "", 1);
}

static uint64_t hash_facts(uint64_t h, const struct counter_fact *facts, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        h = hash_name(h, facts[i].name);
        h = fnv1a(h, &facts[i].offset, sizeof facts[i].offset);
    }
    return h;
}

static uint64_t hash_names(uint64_t h, const char *const *names, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        h = hash_name(h, names[i]);
    return h;
}

/* What the places of the arrays are for. */
static uint64_t hash_kinds(uint64_t h)
{
    h = hash_names(h, stage_names, STAGES);
    h = hash_names(h, fault_names, FAULTS);
    h = hash_names(h, refusal_names, REFUSALS);
    h = hash_names(h, handshake_fault_names, HANDSHAKE_FAULTS);
    h = hash_names(h, starttls_outcome_names, STARTTLS_OUTCOMES);
    h = hash_names(h, upstream_fault_names, UPSTREAM_FAULTS);
    for (unsigned i = 0; i < TLS_CIPHER_NUMBERS; i++)
        h = hash_name(h, tls_cipher_name(i));
    for (unsigned i = 0; i < TLS_GROUP_NUMBERS; i++)
        h = hash_name(h, tls_group_name(i));
    return h;
}

uint64_t counters_layout(void)
{
    static const uint32_t sizes[] = {sizeof(struct worker_counters),
                                     sizeof(struct route_details),
                                     sizeof(struct route_counters),
                                     offsetof(struct worker_counters, clients),
                                     offsetof(struct worker_counters, restarts),
                                     offsetof(struct worker_counters, rates),
                                     offsetof(struct worker_counters, name),
                                     offsetof(struct route_details, tls),
                                     offsetof(struct route_details, ends),
                                     offsetof(struct route_details, refused),
                                     offsetof(struct route_details, handshake_faults),
                                     offsetof(struct route_details, starttls),
                                     offsetof(struct route_details, plaintext),
                                     offsetof(struct route_details, handshake_ms),
                                     offsetof(struct route_details, turns),
                                     offsetof(struct route_details, upstreams),
                                     offsetof(struct route_details, places),
                                     offsetof(struct route_details, health),
                                     DETAILS,
                                     CLIENT_SETS,
                                     CLIENT_WAYS};
    uint64_t h = hash_kinds(fnv1a(FNV_BASIS, sizes, sizeof sizes));
    h = hash_facts(h, counter_facts, ROUTE_COUNTERS);
    return hash_facts(h, name_counter_facts, NAME_COUNTERS);
}

/* The kernel takes them for a file, whose size is that of all that could ever be counted. It has a
 * place for everything from the start: a part that grew with the configuration would have readers
 * that look behind its end, and those get SIGBUS. */
static int too_large(struct err *e)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_FSIZE, &limit);
    err_set(e,
            "the counters of a worker are a file of %zu MB in memory, and the limit on the size of "
            "files (RLIMIT_FSIZE) is %llu bytes: %s",
            (sizeof(struct worker_counters) >> 20) + 1, (unsigned long long)limit.rlim_cur,
            strerror(EFBIG));
    return err_cure(e,
                    "raise it: LimitFSIZE=infinity in the service's unit, or ulimit -f unlimited "
                    "in what starts the daemon; what is never written to takes no memory");
}

int counters_fail(struct err *e, int error)
{
    if (error == EFBIG)
        return too_large(e);
    err_set(e, "no memory for the counters: %s", strerror(error));
    return error == EMFILE || error == ENFILE ? err_cure(e, ERR_CURE_FILES) : -1;
}

int counters_create(struct err *e)
{
    int fd = memfd_create("tlsfront-counters", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, sizeof(struct worker_counters)) != 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        counters_fail(e, errno);
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

int counters_possible(struct err *e)
{
    const int fd = counters_create(e);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

/* What a descriptor allows is fixed when it is opened, so this one is opened anew. */
int counters_reader(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static struct worker_counters *map(int fd, int protection)
{
    void *p = mmap(NULL, sizeof(struct worker_counters), protection, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

struct worker_counters *counters_map_own(int fd)
{
    return map(fd, PROT_READ | PROT_WRITE);
}

struct worker_counters *counters_map_other(int fd)
{
    return map(fd, PROT_READ);
}

void counters_unmap(struct worker_counters *part)
{
    if (part != NULL)
        munmap(part, sizeof *part);
}

void counters_unmap_all(struct all_counters *all)
{
    for (unsigned i = 0; i < PARTS_MAX; i++)
        counters_unmap(all->parts[i]);
    *all = (struct all_counters){0};
}

static void clear_places(struct route_details *d)
{
    for (unsigned i = 0; i < ADDRESS_PLACES; i++)
        counter_set(&d->places[i].sessions, 0);
}

/* The others have no memory yet. What was accepted is forgotten when a slot changes hands. */
static bool was_visited(const counter *accepted, const counter *active)
{
    return counter_get(accepted) > 0 || counter_get(active) > 0;
}

void counters_clear_presence(struct worker_counters *part)
{
    for (unsigned i = 0; i < ROUTE_SLOTS; i++) {
        const bool visited = was_visited(&part->route[i].accepted, &part->route[i].active);
        counter_set(&part->route[i].active, 0);
        counter_set(&part->route[i].handshaking, 0);
        for (unsigned stage = 0; stage < STAGES; stage++)
            counter_set(&part->route[i].stage[stage], 0);
        if (visited)
            clear_places(&part->details[i]);
    }
    for (unsigned i = 0; i < NAME_SLOTS; i++)
        if (was_visited(&part->name[i].accepted, &part->name[i].active)) {
            counter_set(&part->name[i].active, 0);
            clear_places(&part->details[DETAILS_OF_NAME(i)]);
        }
    for (unsigned set = 0; set < CLIENT_SETS; set++)
        for (unsigned way = 0; way < CLIENT_WAYS; way++)
            atomic_store_explicit(&part->clients.sets[set][way], 0, memory_order_relaxed);
}

static void forget_details(struct route_details *d)
{
    memset(d, 0, offsetof(struct route_details, places));
    memset(d->health, 0, sizeof d->health);
}

void counters_forget(struct worker_counters *part, unsigned slot)
{
    for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
        if (counter_facts[i].total)
            counter_grow(&part->route[slot], i, 0 - counter_read(&part->route[slot], i));
    forget_details(&part->details[slot]);
}

void counters_forget_name(struct worker_counters *part, unsigned slot)
{
    for (unsigned i = 0; i < NAME_COUNTERS; i++)
        if (name_counter_facts[i].total)
            name_counter_grow(&part->name[slot], i, 0 - name_counter_read(&part->name[slot], i));
    forget_details(&part->details[DETAILS_OF_NAME(slot)]);
}

/* These texts are the operator's. */
uint64_t upstream_key(const char *text)
{
    return fnv1a(FNV_BASIS, text, strlen(text)) | 1; /* 0 is nobody's */
}

/* Those in use are the first ones; looking further would cost memory that nobody has written to. */
static unsigned upstreams_counted(const struct route_details *d)
{
    unsigned n = 0;
    while (n < ADDRESS_PLACES && counter_get(&d->upstreams[n].key) != 0)
        n++;
    return n;
}

const struct upstream_counters *upstream_counters_find(const struct route_details *d, uint64_t key)
{
    const unsigned count = upstreams_counted(d);
    for (unsigned i = 0; i < count; i++)
        if (counter_get(&d->upstreams[i].key) == key)
            return &d->upstreams[i];
    return NULL;
}

static struct upstream_counters *least_recent(struct route_details *d)
{
    struct upstream_counters *found = &d->upstreams[0];
    for (unsigned i = 1; i < ADDRESS_PLACES; i++)
        if (counter_get(&d->upstreams[i].when) < counter_get(&found->when))
            found = &d->upstreams[i];
    return found;
}

struct upstream_counters *upstream_counters_of(struct route_details *d, uint64_t key)
{
    struct upstream_counters *u = (void *)(uintptr_t)upstream_counters_find(d, key);
    if (u != NULL)
        return u;
    const unsigned count = upstreams_counted(d);
    u = count < ADDRESS_PLACES ? &d->upstreams[count] : least_recent(d);
    /* A place without a key would end the list for those who read meanwhile. */
    memset((char *)u + sizeof u->key, 0, sizeof *u - sizeof u->key);
    counter_set(&u->key, key);
    return u;
}

/* Both structs are nothing but counters. */
static void add_counters(void *sum, const void *part, size_t size)
{
    counter *to = sum;
    const counter *from = part;
    for (size_t i = 0; i < size / sizeof *to; i++)
        counter_add(&to[i], counter_get(&from[i]));
}

void counters_add_up(const struct all_counters *all, unsigned slot, struct route_counters *sum,
                     struct route_details *more)
{
    *sum = (struct route_counters){0};
    if (more != NULL)
        *more = (struct route_details){0};
    for (unsigned w = 0; w < PARTS_MAX; w++) {
        const struct worker_counters *part = counters_of(all, w);
        if (part == NULL)
            continue;
        add_counters(sum, &part->route[slot], sizeof *sum);
        if (more != NULL)
            add_counters(more, &part->details[slot], offsetof(struct route_details, upstreams));
    }
}

void counters_add_up_name(const struct all_counters *all, unsigned slot, struct name_counters *sum)
{
    *sum = (struct name_counters){0};
    for (unsigned w = 0; w < PARTS_MAX; w++)
        if (counters_of(all, w) != NULL)
            add_counters(sum, &counters_of(all, w)->name[slot], sizeof *sum);
}

/* ---- the archive ---- */

static void keep_upstream(struct route_details *archive, const struct upstream_counters *u)
{
    struct upstream_counters *kept = upstream_counters_of(archive, counter_get(&u->key));
    for (unsigned i = 0; i < UPSTREAM_FAULTS; i++)
        counter_add(&kept->failures[i], counter_get(&u->failures[i]));
    if (counter_get(&u->when) <= counter_get(&kept->when))
        return;
    counter_set(&kept->when, counter_get(&u->when));
    counter_set(&kept->up, counter_get(&u->up));
    counter_set(&kept->why, counter_get(&u->why));
}

static void keep_upstreams(struct route_details *archive, const struct route_details *d)
{
    const unsigned count = upstreams_counted(d);
    for (unsigned i = 0; i < count; i++)
        keep_upstream(archive, &d->upstreams[i]);
}

/* What nobody has come to has no memory yet, and is not to get any. */
void counters_keep(struct worker_counters *archive, const struct worker_counters *part,
                   unsigned slot)
{
    if (counter_get(&part->route[slot].accepted) == 0)
        return;
    for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
        if (counter_facts[i].total)
            counter_grow(&archive->route[slot], i, counter_read(&part->route[slot], i));
    add_counters(&archive->details[slot], &part->details[slot],
                 offsetof(struct route_details, upstreams));
    keep_upstreams(&archive->details[slot], &part->details[slot]);
}

void counters_keep_name(struct worker_counters *archive, const struct worker_counters *part,
                        unsigned slot)
{
    if (counter_get(&part->name[slot].accepted) == 0)
        return;
    for (unsigned i = 0; i < NAME_COUNTERS; i++)
        if (name_counter_facts[i].total)
            name_counter_grow(&archive->name[slot], i, name_counter_read(&part->name[slot], i));
    keep_upstreams(&archive->details[DETAILS_OF_NAME(slot)], &part->details[DETAILS_OF_NAME(slot)]);
}

unsigned handshake_bucket(uint64_t milliseconds)
{
    unsigned i = 0;
    while (i < HANDSHAKE_BOUNDS && milliseconds > handshake_bounds_ms[i])
        i++;
    return i;
}

/* A multiply-fold with secret operands: clients must not be able to choose whom they collide
 * with. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t client_hash(const struct sockaddr *client, uint64_t salt, const uint8_t seed[16])
{
    uint8_t bytes[ADDRESS_CLIENT_MAX] = {0};
    const size_t size = address_client(client, bytes);
    uint64_t key[2], bits;
    memcpy(key, seed, sizeof key);
    memcpy(&bits, bytes, sizeof bits);
    uint64_t h = mix(bits ^ key[0], key[1] | 1);
    h = mix(h ^ salt ^ ((uint64_t)(size == ADDRESS_CLIENT_V4) << 32), key[0] | 1);
    return mix(h ^ key[1], 0x9e3779b97f4a7c15U);
}

struct client_key client_key_of(const struct sockaddr *client, unsigned route_slot,
                                const uint8_t seed[16])
{
    return client_key(client_hash(client, route_slot, seed));
}

unsigned client_count(const struct all_counters *all, unsigned workers, struct client_key key)
{
    unsigned sum = 0;
    for (unsigned w = 0; w < workers && w < PARTS_MAX; w++)
        if (counters_of(all, w) != NULL)
            sum += client_present(&counters_of(all, w)->clients, key);
    return sum;
}

unsigned client_rate(const struct all_counters *all, unsigned workers, uint64_t key,
                     unsigned period, uint64_t now)
{
    unsigned sum = 0;
    for (unsigned w = 0; w < workers && w < PARTS_MAX; w++)
        if (counters_of(all, w) != NULL)
            sum += rate_sum(&counters_of(all, w)->rates, key, period, now);
    return sum;
}

uint64_t counters_sum(const struct all_counters *all, unsigned workers, size_t offset)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < workers && w < PARTS_MAX; w++) {
        const uint8_t *part = (const uint8_t *)counters_of(all, w);
        if (part != NULL)
            sum = counter_plus(sum, counter_get((const counter *)(const void *)(part + offset)));
    }
    return sum;
}

uint64_t route_active(const struct all_counters *all, unsigned workers, unsigned route_slot)
{
    return counters_sum(all, workers, offsetof(struct worker_counters, route[route_slot].active));
}

uint64_t name_active(const struct all_counters *all, unsigned workers, unsigned name_slot)
{
    return counters_sum(all, workers, offsetof(struct worker_counters, name[name_slot].active));
}
