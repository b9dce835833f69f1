#include "proxy/observer/library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

/* The interface that microhttpd.h describes, since 2013. */
#define SONAME "libmicrohttpd.so.12"

struct library mhd;

#define ROW(name)                                                                                  \
    {                                                                                              \
        "MHD_" #name, offsetof(struct library, name)                                               \
    }
static const struct {
    const char *name;
    size_t at;
} rows[] = {
    ROW(start_daemon),
    ROW(stop_daemon),
    ROW(get_daemon_info),
    ROW(run),
    ROW(get_timeout),
    ROW(add_connection),
    ROW(suspend_connection),
    ROW(resume_connection),
    ROW(get_connection_info),
    ROW(lookup_connection_value),
    ROW(create_response_from_buffer),
    ROW(add_response_header),
    ROW(queue_response),
    ROW(destroy_response),
};

int library_load(struct err *e)
{
    void *handle = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        err_set(e, "%s", dlerror());
        return err_cure(e, "install libmicrohttpd, or remove `observe`");
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        void *function = dlsym(handle, rows[i].name);
        if (function == NULL)
            return err_set(e, SONAME " has no %s", rows[i].name);
        memcpy((char *)&mhd + rows[i].at, &function, sizeof function);
    }
    return 0;
}
