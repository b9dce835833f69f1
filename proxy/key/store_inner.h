/* store_inner.h - what store.c and store_write.c share. */
#ifndef TLSFRONT_KEY_STORE_INNER_H
#define TLSFRONT_KEY_STORE_INNER_H

#include "proxy/key/store.h"

/* "key.pem" */
const char *keystore_file_name(enum keystore_file file);

/* ".NAME.what" */
void keystore_sibling(const char *name, const char *what, char directory[KEYSTORE_DIRECTORY_SIZE]);

/* What lies in STATE/DIRECTORY, as keystore_read(). */
int keystore_read_directory(const struct keystore *s, const char *directory,
                            struct keystore_entry *out, struct err *e);

/* Root writes on behalf of whoever owns STATE. */
int keystore_give_away(const struct keystore *s, int fd);

/* "WHAT STATE/NAME: " and the words for errno, which stays. Returns -1. */
int keystore_fail(const struct keystore *s, struct err *e, const char *what, const char *name);

#endif
