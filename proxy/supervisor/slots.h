/* slots.h - which name counts in which slot of the counters. A slot stays with its name as long as
 * it can, so that counters go on over reloads. */
#ifndef TLSFRONT_SUPERVISOR_SLOTS_H
#define TLSFRONT_SUPERVISOR_SLOTS_H

#include <stddef.h>

/* Find a slot for each of `count` names, at most `size`, into `found`. names[slot] is whose a slot
 * is, NULL: nobody's; what is put there is the caller's to free. A name that is gone gives its slot
 * up when a new one finds none free; its counters are cleared by `forget`. -1: out of memory. */
int slots_assign(char **names, unsigned size, const char *const *wanted, size_t count,
                 unsigned *found, void (*forget)(void *arg, unsigned slot), void *arg);

#endif
