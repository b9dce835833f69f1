/* text.h - texts that come out of mbedTLS, and those that it wants to have. */
#ifndef TLSFRONT_TLS_TEXT_H
#define TLSFRONT_TLS_TEXT_H

#include "tls/mbed.h"
#include "tls/tls.h"

/* A copy with a NUL behind it, which mbedTLS's readers of PEM want; *size counts it. NULL: out of
 * memory. The caller wipes what may be a key. */
uint8_t *text_copy(struct tls_slice file, size_t *size);

/* mbedTLS's words for one of its errors. */
const char *text_error(int error);

/* The RFC 4514-like text of a name: "" of an empty one, "(a name too long to show)" where it does
 * not fit, and then false. The one way to have it, so that nothing else is ever compared or
 * shown. */
bool text_name(const mbedtls_x509_name *name, char *text, size_t size);

/* The same for a person: an empty one is "(no name)". */
void text_name_shown(const mbedtls_x509_name *name, char *text, size_t size);

/* The same as text_name(), allocated; NULL: out of memory. */
char *text_name_copy(const mbedtls_x509_name *name);

/* A serial number in hex, upper case, without leading zeros; one that does not fit is cut. */
void text_serial(const mbedtls_x509_buf *serial, char *text, size_t size);

/* The letter case of ASCII does not count; a NUL is a byte like others. */
bool text_same_letters(struct tls_slice a, struct tls_slice b);

/* UTF-8 without control characters, in a string of a kind that holds UTF-8 or ASCII. The bytes of
 * another, such as a BMPString, may read as somebody else's name. */
bool text_is_utf8(const mbedtls_x509_buf *b);

/* The last common name in it, allocated; NULL: none that is plain text in UTF-8 and of a usual
 * length, or out of memory. */
char *text_common_name(const mbedtls_x509_name *name);

#endif
