/* tool.h - what openssl(1) does for us: formats that are seldom met and easy to get wrong. */
#ifndef TLSFRONT_KEY_TOOL_H
#define TLSFRONT_KEY_TOOL_H

#include "config/err.h"
#include "config/file.h"
#include "tls/keys/keys.h"

/* Run `openssl ARGUMENTS` (NULL-terminated) with `input` as its standard input; `passphrase` is
 * what it reads from "fd:3". Its output goes to `out`, for file_bytes_free(). -1 with what it said,
 * or that it is not installed. */
int key_tool_openssl(const char *const *arguments, const struct file_bytes *input,
                     const char *passphrase, struct file_bytes *out, struct err *e);

/* The first line of `file`; without a file, one that is asked for on the terminal, or "" where
 * there is none. The caller wipes it. -1: it cannot be read, or is none. */
int key_tool_passphrase(const char *file, const char *prompt, char out[KEYS_PASSPHRASE_SIZE],
                        struct err *e);

#endif
