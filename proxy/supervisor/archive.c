#include "proxy/supervisor/archive.h"
#include "proxy/base/socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void archive_init(struct archive *a, struct all_counters *counters)
{
    *a = (struct archive){.counters = counters, .reader = -1, .given = -1};
}

void archive_free(struct archive *a)
{
    descriptor_close(&a->reader);
    descriptor_close(&a->given);
}

/* ---- taking ---- */

bool archive_knows(const struct handover *h)
{
    for (size_t i = 0; i < h->veteran_count; i++)
        if (h->veterans[i].layout != counters_layout())
            return false;
    return h->archive >= 0 && h->archive_layout == counters_layout();
}

/* What another release has counted, as it said; what it counts from now on nobody knows. */
static void take_sums(struct worker_counters *archive, const struct handover *h)
{
    for (size_t r = 0; r < h->route_count; r++)
        for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
            if (counter_facts[i].total)
                counter_grow(&archive->route[h->routes[r].slot], i,
                             h->routes[r].base[i] + h->routes[r].parts[i]);
    for (size_t n = 0; n < h->server_name_count; n++)
        for (unsigned i = 0; i < NAME_COUNTERS; i++)
            if (name_counter_facts[i].total)
                name_counter_grow(&archive->name[h->server_names[n].slot], i,
                                  h->server_names[n].base[i] + h->server_names[n].parts[i]);
}

/* Closes `fd`. */
static int adopt(struct archive *a, int fd, struct err *e)
{
    a->reader = counters_reader(fd);
    a->counters->parts[ARCHIVE] = a->reader >= 0 ? counters_map_own(fd) : NULL;
    const int error = errno;
    close(fd);
    if (counters_of(a->counters, ARCHIVE) != NULL)
        return 0;
    return err_set(e, "the counters cannot be read: %s", strerror(error));
}

int archive_take(struct archive *a, const struct handover *h, struct err *e)
{
    if (archive_knows(h))
        return adopt(a, h->archive, e);
    if (h->archive >= 0)
        close(h->archive);
    const int fresh = counters_create(e);
    if (fresh < 0 || adopt(a, fresh, e) != 0)
        return -1;
    take_sums(a->counters->parts[ARCHIVE], h);
    return 0;
}

/* ---- giving ---- */

/* Does somebody go on counting in that part? */
static bool goes_on(const struct workers *ws, unsigned part)
{
    if (part == ARCHIVE)
        return false;
    const struct child *c = part < WORKERS_MAX ? &ws->items[part]->child
                                               : &ws->veterans->items[part - WORKERS_MAX]->child;
    return c->life != CHILD_NONE;
}

static void keep_part(struct worker_counters *next, const struct worker_counters *part,
                      const struct handover *h)
{
    for (size_t i = 0; i < h->route_count; i++)
        counters_keep(next, part, h->routes[i].slot);
    for (size_t i = 0; i < h->server_name_count; i++)
        counters_keep_name(next, part, h->server_names[i].slot);
    counter_add(&next->accept_pauses, counter_get(&part->accept_pauses));
    counter_add(&next->log_lost, counter_get(&part->log_lost));
    counter_add(&next->restarts, counter_get(&part->restarts));
}

/* What is not in the workers' parts, but begins anew with an image. */
static void keep_own(struct worker_counters *next, const struct workers *ws)
{
    counter_add(&next->log_lost, ws->log->lost_ever);
    for (unsigned i = 0; i < ws->count; i++)
        counter_add(&next->restarts, ws->items[i]->child.restarts);
}

/* For who cannot read the parts. */
static void tell_base(const struct worker_counters *next, struct handover *h)
{
    for (size_t r = 0; r < h->route_count; r++)
        for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
            h->routes[r].base[i] = counter_read(&next->route[h->routes[r].slot], i);
    for (size_t n = 0; n < h->server_name_count; n++)
        for (unsigned i = 0; i < NAME_COUNTERS; i++)
            h->server_names[n].base[i] = name_counter_read(&next->name[h->server_names[n].slot], i);
}

static void tell_part(const struct worker_counters *part, struct handover *h)
{
    for (size_t r = 0; r < h->route_count; r++)
        for (unsigned i = 0; i < ROUTE_COUNTERS; i++)
            h->routes[r].parts[i] += counter_read(&part->route[h->routes[r].slot], i);
    for (size_t n = 0; n < h->server_name_count; n++)
        for (unsigned i = 0; i < NAME_COUNTERS; i++)
            h->server_names[n].parts[i] +=
                name_counter_read(&part->name[h->server_names[n].slot], i);
}

static void fill(struct worker_counters *next, const struct workers *ws, struct handover *h)
{
    for (unsigned i = 0; i < PARTS_MAX; i++) {
        const struct worker_counters *part = counters_of(&ws->all, i);
        if (part != NULL && goes_on(ws, i))
            tell_part(part, h);
        else if (part != NULL)
            keep_part(next, part, h);
    }
    keep_own(next, ws);
    tell_base(next, h);
}

int archive_give(struct archive *a, const struct workers *ws, struct handover *h)
{
    struct err e;
    descriptor_close(&a->given); /* of an upgrade that was refused, or of the rehearsal */
    a->given = counters_create(&e);
    struct worker_counters *next = a->given >= 0 ? counters_map_own(a->given) : NULL;
    if (next == NULL)
        return -1;
    fill(next, ws, h);
    counters_unmap(next);
    h->archive = a->given;
    h->archive_layout = counters_layout();
    return 0;
}
