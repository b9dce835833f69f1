#include "proxy/starttls/expected.h"

#include <string.h>

bool expected_add(struct expected *e, unsigned kind)
{
    const unsigned last = e->count - 1;
    if (e->count > 0 && e->runs[last].kind == kind && e->runs[last].times < UINT16_MAX) {
        e->runs[last].times++;
        return true;
    }
    if (e->count == EXPECTED_MAX)
        return false;
    e->runs[e->count].kind = (uint8_t)kind;
    e->runs[e->count++].times = 1;
    return true;
}

bool expected_any(const struct expected *e)
{
    return e->count > 0;
}

bool expected_is(const struct expected *e, unsigned kind)
{
    return e->count > 0 && e->runs[0].kind == kind;
}

bool expected_has(const struct expected *e, unsigned kind)
{
    for (unsigned i = 0; i < e->count; i++)
        if (e->runs[i].kind == kind)
            return true;
    return false;
}

void expected_drop(struct expected *e)
{
    if (e->count == 0 || --e->runs[0].times > 0)
        return;
    e->count--;
    memmove(&e->runs[0], &e->runs[1], e->count * sizeof e->runs[0]);
}

void expected_turn(struct expected *e, unsigned kind)
{
    if (e->count == 0)
        return;
    if (e->runs[0].times > 1) {
        if (e->count == EXPECTED_MAX) /* whoever asks so much again and again is not understood */
            return;
        memmove(&e->runs[1], &e->runs[0], e->count * sizeof e->runs[0]);
        e->count++;
        e->runs[1].times--;
        e->runs[0].times = 1;
    }
    e->runs[0].kind = (uint8_t)kind;
}
