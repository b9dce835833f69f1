/* fuzz_base_log.c - whatever a client puts into its names: a log line is one line of printable
 * ASCII, or one well-formed JSON object.
 *
 * Input: keys' values, separated by NUL bytes. */
#include "proxy/base/log.h"
#include "tests/support/json_check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t write_line(struct log *l, const char *text, size_t size, char *out, size_t room)
{
    struct log_line line;
    log_begin(&line, l, LOG_LEVEL_INFO, "fuzz");
    for (size_t at = 0; at < size; at += strlen(text + at) + 1)
        log_text(&line, "value", text + at);
    log_bool(&line, "end", true);
    log_end(&line);

    const off_t n = lseek(l->fd, 0, SEEK_CUR);
    if (n < 0 || (size_t)n > room || pread(l->fd, out, (size_t)n, 0) != n ||
        ftruncate(l->fd, 0) != 0)
        abort();
    lseek(l->fd, 0, SEEK_SET);
    return (size_t)n;
}

static void check_text(const char *out, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (i == size - 1 ? out[i] != '\n' : out[i] < ' ' || out[i] > '~')
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char out[65536];
    static int fd = -1;
    struct log l;
    if (fd < 0)
        fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    char *text = calloc(size + 1, 1);
    if (fd < 0 || text == NULL)
        abort();
    if (size > 0)
        memcpy(text, data, size);

    log_init(&l, "fuzz");
    log_redirect(&l, LOG_TARGET_FILE, fd);
    size_t n = write_line(&l, text, size, out, sizeof out);
    if (n > 0)
        check_text(out, n);
    else if (l.lost != 1) /* only too long a line is not written, and then it is counted */
        abort();

    l.lost = 0;
    l.format = LOG_FORMAT_JSON;
    n = write_line(&l, text, size, out, sizeof out);
    if (n > 0 ? out[n - 1] != '\n' || !json_well_formed(out, n - 1) : l.lost != 1)
        abort();
    free(text);
    return 0;
}
