#include "proxy/starttls/asked.h"

#include <string.h>

bool asked_add(struct asked *a, unsigned kind)
{
    if (a->count == ASKED_MAX)
        return false;
    a->kinds[a->count++] = (uint8_t)kind;
    return true;
}

void asked_drop(struct asked *a)
{
    a->count--;
    memmove(a->kinds, a->kinds + 1, a->count);
}
