#include "proxy/base/streams.h"
#include "proxy/base/exits.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Open takes the lowest number that is free, so descriptors are filled in order. Each is opened for
 * the wrong direction: what is written to it is lost, and shall be seen to be. */
static void fill(int fd)
{
    if (fcntl(fd, F_GETFD) >= 0 || errno != EBADF)
        return;
    if (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
        (void)open("/", O_RDONLY | O_DIRECTORY); /* without /dev it does the same */
}

void streams_begin_blocked(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        fill(fd);
    (void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC); /* Linux 5.11 */
    signal(SIGXFSZ, SIG_IGN);
}

void streams_begin(void)
{
    sigset_t none;
    streams_begin_blocked();
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

bool streams_in_journal(int fd)
{
    char ours[64];
    struct stat st;
    const char *journal = getenv("JOURNAL_STREAM");
    if (journal == NULL || fstat(fd, &st) != 0)
        return false;
    snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return strcmp(journal, ours) == 0;
}

void streams_say(int severity, const char *text)
{
    const bool journal = streams_in_journal(STDERR_FILENO);
    for (size_t size; *text != '\0'; text += size) {
        size = strcspn(text, "\n");
        size += text[size] == '\n';
        if (journal)
            fprintf(stderr, "<%d>", severity);
        fwrite(text, 1, size, stderr);
    }
}

void streams_close_others(int first)
{
    (void)close_range((unsigned)first, ~0U, 0);
}

/* Why standard output was not written; 0: it was, or nobody knows. */
static int lost_why;

void streams_flush(void)
{
    errno = 0;
    if (fflush(stdout) != 0 && lost_why == 0)
        lost_why = errno;
}

int streams_end(int status)
{
    streams_flush();
    const bool lost = ferror(stdout) != 0;
    if (fclose(stdout) != 0 || lost) {
        fprintf(stderr, "tlsfront: output could not be written%s%s\n", lost_why != 0 ? ": " : "",
                lost_why != 0 ? strerror(lost_why) : "");
        status = status == 0 ? EXIT_RUNTIME : status;
    }
    return status == 0 && ferror(stderr) != 0 ? EXIT_RUNTIME : status;
}
