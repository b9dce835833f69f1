/* suites.h - the cipher suites and groups that we serve, by name and by number. */
#ifndef TLSFRONT_TLS_SUITES_H
#define TLSFRONT_TLS_SUITES_H

#include "config/config.h"
#include "config/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { SUITES_CIPHERS = 9, SUITES_GROUPS = 5 };

struct suites {
    int ciphers[SUITES_CIPHERS + 1];    /* ends with 0 */
    uint16_t groups[SUITES_GROUPS + 1]; /* likewise */
};

/* Fill from the configured names; an empty list means the defaults. A TLS version for which
 * `ciphers` names none keeps its defaults: min-version is what switches versions off. */
int suites_select(struct suites *s, const struct string_list *ciphers,
                  const struct string_list *groups, struct err *e);

/* As tls.h counts them; 0: not ours. */
unsigned suites_cipher_number(int id);
unsigned suites_group_number(uint16_t id);

/* Are they among those that are served? */
bool suites_have_cipher(const struct suites *s, int id);
bool suites_have_group(const struct suites *s, uint16_t id);

/* Is one of them for TLS 1.2 too? */
bool suites_have_tls12_group(const struct suites *s);

#endif
