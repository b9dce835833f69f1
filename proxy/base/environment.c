#include "proxy/base/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Copies; the originals are wiped. What is too long is not from a service manager. */
struct kept {
    const char *name;
    char value[512];
};

static void keep(struct kept *k)
{
    const char *value = getenv(k->name);
    snprintf(k->value, sizeof k->value, "%s", value != NULL ? value : "");
    if (value != NULL && strlen(value) >= sizeof k->value)
        *k->value = '\0';
}

static void wipe(void)
{
    for (char **line = environ; line != NULL && *line != NULL; line++)
        explicit_bzero(*line, strlen(*line));
    clearenv();
}

void environment_clear(void)
{
    struct kept kept[] = {{.name = "NOTIFY_SOCKET"}, {.name = "WATCHDOG_PID"},
                          {.name = "WATCHDOG_USEC"}, {.name = "JOURNAL_STREAM"},
                          {.name = "INVOCATION_ID"}, {.name = "ASAN_OPTIONS"}};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        keep(&kept[i]);
    wipe();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (*kept[i].value != '\0')
            setenv(kept[i].name, kept[i].value, 1);
    setenv("UV_USE_IO_URING", "0", 1);
}
