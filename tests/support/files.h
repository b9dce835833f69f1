/* files.h - a directory with what a daemon reads and writes: configuration, certificates, log. One
 * per test program. */
#ifndef TLSFRONT_TESTS_SUPPORT_FILES_H
#define TLSFRONT_TESTS_SUPPORT_FILES_H

#include "proxy/base/log.h"
#include "tests/support/pem.h"

#include <fcntl.h>
#include <sys/stat.h>

static char files_directory[32];

static inline void files_path(const char *name, char out[80])
{
    snprintf(out, 80, "%s/%s", files_directory, name);
}

/* Only for its owner: it may hold a key. */
static inline void files_save(const char *name, const char *text)
{
    char path[80];
    files_path(name, path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fchmod(fileno(f), 0600), 0);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

/* The text with each '@' standing for the directory. */
static inline void files_configure(const char *name, const char *text)
{
    char whole[4096];
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += (size_t)snprintf(whole + n, sizeof whole - n, *text == '@' ? "%s" : "%.1s",
                              *text == '@' ? files_directory : text);
    files_save(name, whole);
}

static inline void files_save_certificate(const char *name, unsigned serial, unsigned days)
{
    char *pem = pem_make("mail.example", serial, days);
    files_save(name, pem);
    free(pem);
}

/* Make the directory, and log into it as "t". */
static inline void files_begin(struct log *log)
{
    char path[80];
    make_directory(files_directory);
    files_path("log", path);
    log_init(log, "t");
    log_redirect(log, LOG_TARGET_FILE, open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
}

static inline void files_end(struct log *log)
{
    log_close(log);
    remove_directory(files_directory);
}

/* What the log has had since the last call. */
static inline const char *files_logged(void)
{
    static char text[8192];
    char path[80];
    files_path("log", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = read(fd, text, sizeof text - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    assert_int_equal(truncate(path, 0), 0);
    return text;
}

#endif
