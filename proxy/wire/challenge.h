/* challenge.h - the folder of an acme route, where an ACME client puts what proves its names:
 *
 *   TOKEN          http-01 (RFC 8555 8.3): the text to answer with
 *   NAME.crt.pem   tls-alpn-01 (RFC 8737): the certificate to show, and
 *   NAME.key.pem   its key
 *
 * Who can write there need not be root, and who asks may be anybody, so names are judged first,
 * links are not followed, and nothing but a small regular file is read, with the rights of the
 * folder's owner. What is told to everybody must be readable for everybody; a certificate and its
 * key must be the folder's owner's. A token has no dot: a key cannot be asked for by HTTP. The
 * supervisor reads; the words are for both. */
#ifndef TLSFRONT_WIRE_CHALLENGE_H
#define TLSFRONT_WIRE_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum challenge_kind { CHALLENGE_HTTP, CHALLENGE_TLS };

enum challenge_outcome {
    CHALLENGE_FOUND,
    CHALLENGE_NONE,      /* no such file */
    CHALLENGE_BAD_NAME,  /* not even looked for */
    CHALLENGE_UNFIT,     /* a link, a folder, a device */
    CHALLENGE_TOO_LARGE, /* or empty */
    CHALLENGE_UNREADABLE,
    CHALLENGE_PRIVATE,   /* a token that not everybody may read */
    CHALLENGE_FOREIGN,   /* a certificate or key that is not the folder's owner's */
    CHALLENGE_NO_FOLDER, /* gone since the configuration was read, or the route is */
    CHALLENGE_OUTCOMES
};

enum { CHALLENGE_NAME_MAX = 253, CHALLENGE_FILE_MAX = 8192, CHALLENGE_PARTS = 2 };

struct challenge {
    size_t size[CHALLENGE_PARTS]; /* of the text; or of the certificate and the key */
    uint8_t bytes[CHALLENGE_PARTS * CHALLENGE_FILE_MAX]; /* one part behind the other */
};

/* Fit to be part of a file's name? `out` gets it as the file has it: host names in lower case. */
bool challenge_name(enum challenge_kind kind, const char *name, char out[CHALLENGE_NAME_MAX + 1]);

/* The folder, to be kept: whoever may later put another in its place puts it where nobody looks. -1
 * with errno. */
int challenge_open(const char *path);

/* From that folder; -1 is one that is not there. The caller wipes. */
enum challenge_outcome challenge_read(int folder, enum challenge_kind kind, const char *name,
                                      struct challenge *out);

/* For the log. */
const char *challenge_words(enum challenge_outcome outcome);

#endif
