/* challenge_directory.h - the directory of an acme route, where an ACME client puts what proves its
 * names (see proxy/wire/challenge.h).
 *
 * Who can write there need not be root, and who asks may be anybody, so links are not followed, and
 * nothing but a small regular file is read, with the rights of the directory's owner. What is told
 * to everybody must be readable for everybody; a certificate and its key must be the directory's
 * owner's. */
#ifndef TLSFRONT_SUPERVISOR_CHALLENGE_DIRECTORY_H
#define TLSFRONT_SUPERVISOR_CHALLENGE_DIRECTORY_H

#include "proxy/wire/challenge.h"

/* The directory, to be kept: whoever may later put another in its place puts it where nobody looks.
 * -1 with errno. */
int challenge_open(const char *path);

/* From that directory; -1 is one that is not there. The caller wipes. */
enum challenge_outcome challenge_read(int directory, enum challenge_kind kind, const char *name,
                                      struct challenge *out);

/* The names that there seems to be a challenge for, as the directory's owner sees them; no more
 * than `most` files are looked at. */
void challenge_list(int directory, enum challenge_kind kind, unsigned most,
                    void (*each)(void *arg, const char *name), void *arg);

#endif
