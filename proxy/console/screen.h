/* screen.h - the terminal on standard output: its size, and a screen that is given back. */
#ifndef TLSFRONT_CONSOLE_SCREEN_H
#define TLSFRONT_CONSOLE_SCREEN_H

#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct screen_size {
    size_t columns, rows; /* rows 0: unknown */
};

struct screen_size screen_size(void);

/* Can it be written over, or is it a pipe, a file, or a terminal that only goes on? */
bool screen_can_refresh(void);

/* Take the screen, and see to it that it is given back when a signal ends or stops the process.
 * When the size of the window changes, screen_wait() ends early. */
void screen_take(void);

/* Show `text` from the top, as much as there is room for. False: it cannot be written. */
bool screen_show(const struct buf *text);
void screen_give_back(void);

void screen_wait(unsigned seconds);

#endif
