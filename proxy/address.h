/* address.h - socket addresses as text. */
#ifndef TLSFRONT_ADDRESS_H
#define TLSFRONT_ADDRESS_H

#include <sys/socket.h>
#include <uv.h>

/* "[ffff:...]:65535" and unix paths of everyday length. */
enum { ADDRESS_TEXT_MAX = 64 };

/* "192.0.2.1:110", "[2001:db8::1]:995"; "unix" for a unix socket's nameless end. IPv4-mapped
 * addresses read as IPv4. */
void address_text(const struct sockaddr *sa, char out[ADDRESS_TEXT_MAX]);

/* The local address of a connected handle; AF_UNSPEC when there is none. */
void address_local(const uv_handle_t *handle, struct sockaddr_storage *out);

#endif
