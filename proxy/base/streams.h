/* streams.h - what every command does about the descriptors that it is started with. */
#ifndef TLSFRONT_BASE_STREAMS_H
#define TLSFRONT_BASE_STREAMS_H

#include <stdbool.h>

/* The first thing in main(): standard input, output and error are there, so that no file or socket
 * of ours takes one of their numbers; one that was closed refuses to be read or written. Others
 * that came along are not handed on to processes that we start, a limit on the size of files makes
 * a write fail instead of ending the process, and no signal stays blocked. */
void streams_begin(void);

/* Does what is written to `fd` end up in systemd's journal (systemd.exec(5), JOURNAL_STREAM)? */
bool streams_in_journal(int fd);

/* To standard error, line by line; in the journal with that severity (syslog(3), sd-daemon(3)). */
void streams_say(int severity, const char *text);

/* For a process that stays: what else came along is closed, from descriptor `first` on. */
void streams_close_others(int first);

/* Signals that whoever executed us has blocked stay so. */
void streams_begin_blocked(void);

/* What was printed goes out before what standard error is told next. */
void streams_flush(void);

/* The last thing: the exit status, which is EXIT_RUNTIME when `status` is 0 but output was lost;
 * then standard error says so. */
int streams_end(int status);

#endif
