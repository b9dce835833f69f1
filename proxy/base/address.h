/* address.h - socket addresses as text. */
#ifndef TLSFRONT_BASE_ADDRESS_H
#define TLSFRONT_BASE_ADDRESS_H

#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <uv.h>

/* "[ffff:...]:65535" */
enum { ADDRESS_TEXT_MAX = 64 };

/* "192.0.2.1:110", "[2001:db8::1]:995"; "unix" for a unix socket's nameless end. IPv4-mapped
 * addresses read as IPv4. */
void address_text(const struct sockaddr *sa, char out[ADDRESS_TEXT_MAX]);

/* The address alone, without brackets and port. */
void address_host(const struct sockaddr *sa, char out[ADDRESS_TEXT_MAX], uint16_t *port_r);

/* Does the address lie in one of the networks? IPv4-mapped addresses are IPv4. */
bool address_in(const struct sockaddr *sa, const struct cidr *networks, size_t count);

/* What of an address stands for a client, into `bytes`: an IPv4 address, mapped or not, and of an
 * IPv6 address its /64, which is the least that one client owns. How many bytes those are; 0: there
 * is none, of a unix socket. */
enum { ADDRESS_CLIENT_V4 = 4, ADDRESS_CLIENT_MAX = 8 };
size_t address_client(const struct sockaddr *sa, uint8_t bytes[ADDRESS_CLIENT_MAX]);

/* The local address of a connected handle; AF_UNSPEC when there is none. */
void address_local(const uv_handle_t *handle, struct sockaddr_storage *out);

#endif
