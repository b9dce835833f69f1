#include "proxy/base/cells.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { CELL_MAX = 1024, WHOLE_MAX = 99999 };

void cells_begin(struct buf *out, enum cells_line kind)
{
    const char mark = (char)kind;
    buf_put(out, &mark, 1);
}

void cells_add(struct buf *out, const char *format, ...)
{
    char text[CELL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    buf_puts(out, text);
    buf_put(out, "\t", 1);
}

void cells_end(struct buf *out)
{
    buf_put(out, "\n", 1);
}

/* Three digits and how many thousands they are. Cut, not rounded: nothing shows before it is. */
void cells_number(struct buf *out, uint64_t number)
{
    static const char units[] = "kMGTPE";
    size_t unit = 0;
    uint64_t thousandths = number; /* of the unit */
    if (number <= WHOLE_MAX) {
        cells_add(out, "%" PRIu64, number);
        return;
    }
    for (; thousandths >= 1000000; thousandths /= 1000)
        unit++;
    const unsigned n = (unsigned)thousandths;
    if (n >= 100000)
        cells_add(out, "%u%c", n / 1000, units[unit]);
    else if (n >= 10000)
        cells_add(out, "%u.%u%c", n / 1000, n % 1000 / 100, units[unit]);
    else
        cells_add(out, "%u.%02u%c", n / 1000, n % 1000 / 10, units[unit]);
}
