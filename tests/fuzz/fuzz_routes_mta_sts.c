/* fuzz_routes_mta_sts.c - policies of MTA-STS: never read outside, every finding has words and a
 * line that there is, and a policy that passes still passes with CRLF for LF. */
#undef NDEBUG /* the assertions are the test */
#include "proxy/routes/mta_sts.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct found {
    size_t lines, errors;
};

static void note(void *arg, enum diag_severity severity, unsigned line, const char *cause,
                 const char *cure)
{
    struct found *f = arg;
    assert(line <= f->lines && cause[0] != '\0' && cure[0] != '\0');
    f->errors += severity == DIAG_ERROR;
}

static size_t errors_in(const uint8_t *data, size_t size)
{
    struct found f = {.lines = 1};
    for (size_t i = 0; i < size; i++)
        f.lines += data[i] == '\n';
    mta_sts_judge((struct slice){data, size}, note, &f);
    return f.errors;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const size_t errors = errors_in(data, size);
    if (errors > 0 || 2 * size > MTA_STS_SIZE_MAX)
        return 0;
    uint8_t *copy = malloc(2 * size + 1);
    size_t n = 0;
    if (copy == NULL)
        return 0;
    for (size_t i = 0; i < size; i++) {
        if (data[i] == '\n' && (i == 0 || data[i - 1] != '\r'))
            copy[n++] = '\r';
        copy[n++] = data[i];
    }
    assert(errors_in(copy, n) == 0);
    free(copy);
    return 0;
}
