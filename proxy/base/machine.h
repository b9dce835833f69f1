/* machine.h - what a daemon needs of the machine, whatever its configuration says. */
#ifndef TLSFRONT_BASE_MACHINE_H
#define TLSFRONT_BASE_MACHINE_H

#include "config/err.h"

/* Raises the limit on open files as far as it goes, and tries what libuv takes for granted and
 * would abort without: before a loop is made. -1 with the reason and its cure. */
int machine_check(struct err *e);

#endif
