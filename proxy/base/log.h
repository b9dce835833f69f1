/* log.h - one line per event, as key=value text or as a JSON object.
 *
 * A line is built field by field and written with one write(2). Writing never waits: when the
 * reader of a pipe or socket is slow, or the disk is full, the line is lost and counted, and the
 * loss is reported, with its reason, by a later line. */
#ifndef TLSFRONT_BASE_LOG_H
#define TLSFRONT_BASE_LOG_H

#include "config/config.h"
#include "proxy/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct log {
    int fd; /* owned unless it is standard error */
    enum config_log_target target;
    enum config_log_level level;
    enum config_log_format format;
    char who[24]; /* "supervisor", "worker-0" */
    bool regular; /* a file on disk: a write never has to wait for a reader */
    bool stream;  /* standard error is read by the journal, line by line */
    uint64_t lost_ever;
    uint64_t lost; /* lines, since the last one that got through */
    int lost_why;  /* errno of the last one; 0: the reader did not keep up */
    bool torn;     /* only the beginning of the last line was taken */
};

struct log_line {
    struct log *log; /* NULL: the level is not wanted, everything is a no-op */
    enum config_log_level level;
    struct buf text, entry; /* the second for the journal */
    size_t begin;           /* of the first key in `text` */
};

/* To standard error, text, info. */
void log_init(struct log *l, const char *who);
void log_close(struct log *l); /* the descriptor, if it is ours */

/* Take over `fd` for `target`; the old one is closed. Another descriptor for standard error is the
 * journal's. */
void log_redirect(struct log *l, enum config_log_target target, int fd);

/* From standard error to the journal, where that reads it and can be reached. */
void log_join_journal(struct log *l);

/* Open what a configuration asks for, for log_redirect: a file is created with mode 0640, the
 * syslog socket is connected. For standard error STDERR_FILENO, or a socket to the journal. -1 with
 * the reason. */
int log_open_target(const struct config *c, struct err *e);

/* Give back what log_open_target() opened, when it is not wanted after all; -1 is fine. */
void log_close_target(int fd);

/* Would a line of that level be written? For what is costly to find out. */
bool log_wants(const struct log *l, enum config_log_level level);

/* One line: begin, any number of fields, end, which writes it. `l` has to live until then. */
void log_begin(struct log_line *line, struct log *l, enum config_log_level level,
               const char *event);
void log_text(struct log_line *line, const char *key, const char *value); /* NULL, "": left out */
void log_number(struct log_line *line, const char *key, uint64_t value);
/* With three digits behind the point. */
void log_seconds(struct log_line *line, const char *key, uint64_t milliseconds);
void log_bool(struct log_line *line, const char *key, bool value);
void log_end(struct log_line *line);

/* An event with one sentence, key `msg`. */
void log_event(struct log *l, enum config_log_level level, const char *event, const char *format,
               ...) __attribute__((format(printf, 4, 5)));

#endif
