/* build.c - a finding about the block in hand. */
#include "config/build.h"

#include <stdarg.h>
#include <stdio.h>

void build_complain(struct build *b, enum diag_severity severity, const struct origin *at,
                    const char *cure, const char *cause_format, ...)
{
    char cause[1024];
    va_list args;
    va_start(args, cause_format);
    vsnprintf(cause, sizeof cause, cause_format, args);
    va_end(args);
    diag_add(b->diags, severity, at, cure, "%s%s", b->label, cause);
}
