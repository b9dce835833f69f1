#include "proxy/ipc/counters.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Parts are mapped one by one, so each begins on a page; pages are 64 KiB at most. */
#define PAGE_MAX  ((size_t)65536)
#define PART_SIZE ((sizeof(struct worker_shared) + PAGE_MAX - 1) / PAGE_MAX * PAGE_MAX)

int shared_create(struct err *e)
{
    int fd = memfd_create("tlsfront-counters", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)(PART_SIZE * SHARED_WORKERS)) != 0) {
        err_set(e, "no memory for the counters: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return -1;
    }
    return fd;
}

struct worker_shared *shared_map_own(int fd, unsigned index)
{
    void *p =
        mmap(NULL, PART_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)(PART_SIZE * index));
    return p == MAP_FAILED ? NULL : p;
}

bool shared_map_all(struct shared_all *all, int fd, bool writable)
{
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p = mmap(NULL, PART_SIZE * SHARED_WORKERS, protection, MAP_SHARED, fd, 0);
    all->memory = p == MAP_FAILED ? NULL : p;
    return all->memory != NULL;
}

struct worker_shared *shared_part(const struct shared_all *all, unsigned index)
{
    return (struct worker_shared *)(void *)(all->memory + PART_SIZE * index);
}

void shared_unmap_own(struct worker_shared *own)
{
    if (own != NULL)
        munmap(own, PART_SIZE);
}

void shared_unmap_all(struct shared_all *all)
{
    if (all->memory != NULL)
        munmap(all->memory, PART_SIZE * SHARED_WORKERS);
    all->memory = NULL;
}

void shared_clear_presence(struct worker_shared *part)
{
    for (unsigned i = 0; i < SHARED_ROUTES; i++) {
        atomic_store_explicit(&part->route[i].active, 0, memory_order_relaxed);
        atomic_store_explicit(&part->route[i].handshaking, 0, memory_order_relaxed);
    }
    for (unsigned row = 0; row < SHARED_IP_ROWS; row++)
        for (unsigned i = 0; i < SHARED_IP_SLOTS; i++)
            atomic_store_explicit(&part->clients[row][i], 0, memory_order_relaxed);
}

static bool is_ipv4(const struct sockaddr *client)
{
    const struct sockaddr_in6 *in6 = (const void *)client;
    return client->sa_family == AF_INET ||
           (client->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr));
}

/* An IPv6 client owns at least a /64, so that is what counts as one. A mapped IPv4 client is the
 * IPv4 client. */
static uint64_t client_bits(const struct sockaddr *client)
{
    const struct sockaddr_in *in = (const void *)client;
    const struct sockaddr_in6 *in6 = (const void *)client;
    uint64_t bits = 0;
    if (client->sa_family == AF_INET)
        memcpy(&bits, &in->sin_addr, sizeof in->sin_addr);
    else if (is_ipv4(client))
        memcpy(&bits, &in6->sin6_addr.s6_addr[12], 4);
    else if (client->sa_family == AF_INET6)
        memcpy(&bits, &in6->sin6_addr, sizeof bits);
    return bits;
}

/* A multiply-fold with secret operands: clients must not be able to choose whom they collide
 * with. */
static uint64_t mix(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

struct client_slot client_slot_of(const struct sockaddr *client, unsigned route_slot,
                                  const uint8_t seed[16])
{
    uint64_t key[2];
    memcpy(key, seed, sizeof key);
    uint64_t h = mix(client_bits(client) ^ key[0], key[1] | 1);
    h = mix(h ^ route_slot ^ ((uint64_t)is_ipv4(client) << 32), key[0] | 1);
    h = mix(h ^ key[1], 0x9e3779b97f4a7c15U);
    return (struct client_slot){
        .at = {(uint16_t)(h % SHARED_IP_SLOTS), (uint16_t)((h >> 32) % SHARED_IP_SLOTS)}};
}

static void client_change(struct worker_shared *own, struct client_slot slot, int by)
{
    for (unsigned row = 0; row < SHARED_IP_ROWS; row++) {
        _Atomic uint16_t *n = &own->clients[row][slot.at[row]];
        uint16_t now = atomic_load_explicit(n, memory_order_relaxed);
        atomic_store_explicit(n, (uint16_t)(now + by), memory_order_relaxed);
    }
}

void client_enter(struct worker_shared *own, struct client_slot slot)
{
    client_change(own, slot, 1);
}

void client_leave(struct worker_shared *own, struct client_slot slot)
{
    client_change(own, slot, -1);
}

unsigned client_count(const struct shared_all *all, unsigned workers, struct client_slot slot)
{
    unsigned smallest = ~0U;
    for (unsigned row = 0; row < SHARED_IP_ROWS; row++) {
        unsigned sum = 0;
        for (unsigned w = 0; w < workers; w++)
            sum += atomic_load_explicit(&shared_part(all, w)->clients[row][slot.at[row]],
                                        memory_order_relaxed);
        if (sum < smallest)
            smallest = sum;
    }
    return smallest;
}

uint64_t route_active(const struct shared_all *all, unsigned workers, unsigned route_slot)
{
    uint64_t sum = 0;
    for (unsigned w = 0; w < workers; w++)
        sum += counter_get(&shared_part(all, w)->route[route_slot].active);
    return sum;
}
