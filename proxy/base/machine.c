#include "proxy/base/machine.h"
#include "config/plural.h"
#include "proxy/base/privileges.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

/* FILES_MIN: what the supervisor has open before it serves anybody. THREADS: libuv starts so many
 * for its first name to resolve, all or none. */
enum { FILES_MIN = 32, THREADS = 4 };

static int check_files(struct err *e)
{
    const unsigned limit = privileges_raise_files();
    if (limit == 0 || limit >= FILES_MIN)
        return 0;
    err_set(e, "no more than %u file%s can be open, which does not do for anything", limit,
            plural(limit));
    return err_cure(e, ERR_CURE_FILES);
}

static int check_proc(struct err *e)
{
    if (access("/proc/self/exe", X_OK) == 0)
        return 0;
    err_set(e, "/proc is not there, and without it workers cannot be started");
    return err_cure(e, "mount -t proc proc /proc");
}

static void *wait_at(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

static int check_threads(struct err *e)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[THREADS];
    int count = 0, error = 0;
    pthread_mutex_lock(&gate);
    while (count < THREADS && error == 0) {
        error = pthread_create(&threads[count], NULL, wait_at, &gate);
        count += error == 0;
    }
    pthread_mutex_unlock(&gate);
    while (count > 0)
        pthread_join(threads[--count], NULL);
    if (error == 0)
        return 0;
    err_set(e, "threads, which resolve names, cannot be started: %s", strerror(error));
    return err_cure(e, "raise the limits on processes and memory (LimitNPROC= and LimitAS= in the "
                       "unit, or ulimit -u and -v)");
}

int machine_check(struct err *e)
{
    return check_proc(e) != 0 || check_files(e) != 0 ? -1 : check_threads(e);
}
