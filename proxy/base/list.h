/* list.h - a doubly linked ring. */
#ifndef TLSFRONT_BASE_LIST_H
#define TLSFRONT_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* The struct that holds `member`. */
#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A node, and the ring's head. A node that is in no list points to itself. */
struct link {
    struct link *next, *previous;
};

static inline void link_init(struct link *l)
{
    l->next = l->previous = l;
}

static inline bool link_empty(const struct link *l)
{
    return l->next == l;
}

/* At the end. */
static inline void link_add(struct link *list, struct link *l)
{
    l->previous = list->previous;
    l->next = list;
    list->previous->next = l;
    list->previous = l;
}

/* Nothing to do is fine. */
static inline void link_remove(struct link *l)
{
    l->previous->next = l->next;
    l->next->previous = l->previous;
    link_init(l);
}

#endif
