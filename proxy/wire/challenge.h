/* challenge.h - what an authority may ask an acme route for, and what there may be to answer:
 *
 *   TOKEN          http-01 (RFC 8555 8.3): the text to answer with
 *   NAME.crt.pem   tls-alpn-01 (RFC 8737): the certificate to show, and
 *   NAME.key.pem   its key
 *
 * Who asks may be anybody, so names are judged first. A token has no dot: a key cannot be asked for
 * by HTTP. */
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
    CHALLENGE_UNFIT,     /* a link, a directory, a device */
    CHALLENGE_TOO_LARGE, /* or empty */
    CHALLENGE_UNREADABLE,
    CHALLENGE_PRIVATE,      /* a token that not everybody may read */
    CHALLENGE_FOREIGN,      /* a certificate or key that is not the directory's owner's */
    CHALLENGE_NO_DIRECTORY, /* gone since the configuration was read, or the route is */
    CHALLENGE_CROWDED,      /* nobody looked: too many ask for what nobody knows of */
    CHALLENGE_OUTCOMES
};

enum {
    CHALLENGE_TOKEN_MAX = 128, /* base64url; RFC 8555 8.3 wants 22 at least, authorities give 43 */
    CHALLENGE_NAME_MAX = 253,
    CHALLENGE_FILE_MAX = 8192,
    CHALLENGE_PARTS = 2
};

struct challenge {
    size_t size[CHALLENGE_PARTS]; /* of the text; or of the certificate and the key */
    uint8_t bytes[CHALLENGE_PARTS * CHALLENGE_FILE_MAX]; /* one part behind the other */
};

/* Is that a token (RFC 8555 8.1), and so a name that may be looked for in a directory? */
bool challenge_token_valid(const char *token, size_t size);

/* Fit to be part of a file's name? `out` gets it as the file has it: host names in lower case. */
bool challenge_name(enum challenge_kind kind, const char *name, char out[CHALLENGE_NAME_MAX + 1]);

/* A short word for that name on the route with that slot; different ones may have the same. */
uint64_t challenge_hash(unsigned slot, const char *name);

/* Is it by no fault of who asks that there is no answer? */
bool challenge_is_ours(enum challenge_outcome outcome);

/* For the log. */
const char *challenge_words(enum challenge_outcome outcome);

#endif
