/* err.c - one sentence about what went wrong. */
#include "config/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *e, const char *format, ...)
{
    if (e == NULL)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    e->cure[0] = '\0';
    return -1;
}

int err_cure(struct err *e, const char *format, ...)
{
    if (e == NULL)
        return -1;
    va_list args;
    va_start(args, format);
    vsnprintf(e->cure, sizeof e->cure, format, args);
    va_end(args);
    return -1;
}

const char *err_cure_or(const struct err *e, const char *otherwise)
{
    return e->cure[0] != '\0' ? e->cure : otherwise;
}

int err_prefix(struct err *e, const char *format, ...)
{
    if (e == NULL)
        return -1;
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    old[sizeof old - 1] = '\0';

    va_list args;
    va_start(args, format);
    vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    size_t used = strlen(e->text);
    snprintf(e->text + used, sizeof e->text - used, ": %s", old);
    return -1;
}

int err_blame(struct err *e, int input)
{
    if (e != NULL)
        e->blamed = input;
    return -1;
}
