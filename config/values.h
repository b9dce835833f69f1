/* values.h - single values: text to number, address, choice. Pure; nothing here knows keys or
 * files.
 *
 * Each parser returns 0, or -1 with a cause that continues `"TEXT" ...`, and with a cure. */
#ifndef TLSFRONT_VALUES_H
#define TLSFRONT_VALUES_H

#include "config/arena.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

struct flaw {
    char cause[160];
    const char *cure; /* static, or of the arena that the parser was given */
};

int flaw_set(struct flaw *f, const char *cure, const char *cause); /* returns -1 */

/* "500ms", "10s", "5m", "1h"; "0" and "off" are 0. Milliseconds. */
int value_duration(const char *text, unsigned *ms, struct flaw *f);
/* Is a duration off, or `least` milliseconds at least? */
int value_duration_least(unsigned ms, unsigned least, struct flaw *f);

/* "30/1m": a count of 1 to RATE_COUNT_MAX, and a period of a second or more; "off": no limit. */
enum { RATE_COUNT_MAX = 65535 };
int value_rate(const char *text, struct connection_rate *rate, struct flaw *f);

/* "4096", "16k", "1m", "1g", powers of 1024. */
int value_size(const char *text, size_t *bytes, struct flaw *f);

/* A whole number from 0 to max. */
int value_number(const char *text, unsigned max, unsigned *n, struct flaw *f);

/* on or off. */
int value_switch(const char *text, bool *on, struct flaw *f);

/* A certificate's or route's name: it appears in logs and on the command line. */
int value_name(const char *text, struct flaw *f);

/* A host name as it appears in DNS or in a greeting; underscores are let through. */
int value_hostname(const char *text, struct flaw *f);

/* A name that clients ask for: a DNS name, or "*.NAME" for exactly one label more. *name is in
 * lower case and without a dot at its end. */
int value_sni_name(struct arena *a, const char *text, const char **name, struct flaw *f);

/* Can only a directory be there? Its last part is empty, "." or "..". */
bool value_names_directory(const char *path);

/* The same without "//" and "/./", in place. Only the disk can tell what ".." is. */
char *value_plain_path(char *path);

/* The subject of a client's certificate as the log shows it: "C=DE, O=Example, CN=alice". */
int value_client_subject(const char *text, struct flaw *f);

/* An entry of its subjectAltName: a DNS name or "*.NAME", an e-mail address, a URI. With a colon it
 * is a URI, else with an @ an address. */
int value_client_name(const char *text, enum client_name_kind *kind, struct flaw *f);

/* What a server's certificate may call it: a host name, or an address without brackets. */
int value_server_name(const char *text, struct flaw *f);

/* The SHA-256 of a public key, of CONFIG_PIN_SIZE bytes: in hex, perhaps with colons, or in base64,
 * perhaps behind "sha256/" or "sha256//", as others write it (RFC 7469, curl). */
int value_pin(const char *text, uint8_t *pin, struct flaw *f);

/* "192.0.2.0/24", "2001:db8::/32", or one address. Bits behind the prefix must be 0. Does not fill
 * `text` and `at`. */
int value_cidr(const char *text, struct cidr *c, struct flaw *f);

/* Is every address of the second in the first, too? */
bool cidr_covers(const struct cidr *network, const struct cidr *part);

/* Endpoints; their strings come from the arena, `at` is left alone. Out of memory shows in the
 * arena. A listener's "*:995" and ":995" are for the caller to expand: value_all_addresses(). */
int value_listen(struct arena *a, const char *text, struct endpoint *out, struct flaw *f);
int value_upstream(struct arena *a, const char *text, struct endpoint *out, struct flaw *f);
int value_address(struct arena *a, const char *text, struct endpoint *out, struct flaw *f);

/* The port's text when `text` is ":PORT" or "*:PORT"; else NULL. */
const char *value_all_addresses(const char *text);

/* An address of ENDPOINT_INET that stands for all (0.0.0.0, [::]), or for this machine alone. */
bool endpoint_is_wildcard(const struct endpoint *ep);
/* Of an IPv4 or IPv6 address. */
bool sockaddr_is_loopback(const struct sockaddr_storage *at);

/* Of an IPv4 or IPv6 address, in the host's order. */
uint16_t sockaddr_port(const struct sockaddr_storage *at);
void sockaddr_set_port(struct sockaddr_storage *at, uint16_t port);
bool endpoint_is_loopback(const struct endpoint *ep);

/* "srv:..." */
bool endpoint_is_service(const struct endpoint *ep);

/* One place, in whatever way it was written. */
bool endpoint_same(const struct endpoint *x, const struct endpoint *y);

/* The length of the longest path that a Unix socket can have. */
size_t value_unix_path_max(void);

/* Edits (insert, drop, replace, swap neighbours) between two words; `limit` + 1 when over. */
unsigned value_distance(const char *x, const char *y, unsigned limit);

#endif
