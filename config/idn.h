/* idn.h - host names beyond ASCII, as DNS and TLS have them (RFC 5890). Pure. */
#ifndef TLSFRONT_IDN_H
#define TLSFRONT_IDN_H

#include <stdbool.h>

enum { IDN_NAME_MAX = 253, IDN_LABEL_MAX = 63 };

/* "bücher.example" -> "xn--bcher-kva.example". False: the name is not UTF-8, becomes too long, or
 * has letters that would have to be turned into others first, which takes tables that are not here
 * (RFC 5895): capitals beyond ASCII, accents by themselves, wide forms. */
bool idn_to_ascii(const char *name, char out[IDN_NAME_MAX + 1]);

#endif
