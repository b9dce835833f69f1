/* name_table.h - which of a server's names a client asks for. Pure; the search takes a few
 * comparisons, however many names there are. */
#ifndef TLSFRONT_TLS_NAME_TABLE_H
#define TLSFRONT_TLS_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

#define NAME_TABLE_NONE SIZE_MAX

struct name_table_entry {
    char *name;
    size_t index; /* among the names as they were put in */
};

/* All zero: there are no names. */
struct name_table {
    struct name_table_entry *items; /* in order */
    size_t count;
    size_t room;
};

/* Room for so many. -1: out of memory. */
int name_table_init(struct name_table *t, size_t count);
void name_table_free(struct name_table *t); /* all zero again */

/* Put in the next one, which is copied: in lower case, without a dot at its end; it may begin with
 * "*." for exactly one label. -1: out of memory. */
int name_table_add(struct name_table *t, const char *name);

/* After the last one. */
void name_table_sort(struct name_table *t);

/* The index of the one that is exactly `name`, else of the wildcard that covers it;
 * NAME_TABLE_NONE: there is neither. Letter case does not count, nor does one dot at the end. */
size_t name_table_find(const struct name_table *t, const char *name);

#endif
