/* own_address.h - is an address one of this machine's? */
#ifndef TLSFRONT_OWN_ADDRESS_H
#define TLSFRONT_OWN_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* IPv4 or IPv6, whatever the port. Asks the kernel by binding, as a process may that has no netlink
 * socket: the supervisor in its sandbox, and whoever runs under RestrictAddressFamilies=. False,
 * too, where it cannot be told: with net.ipv4.ip_nonlocal_bind every address can be bound to. */
bool own_address(const struct sockaddr_storage *address);

/* So that nothing can come from there? False, too, where it cannot be told. */
bool foreign_address(const struct sockaddr_storage *address);

/* Are all ports taken that the kernel chooses from (net.ipv4.ip_local_port_range)? That takes it a
 * search through all of them. False, too, where it cannot be told. */
bool own_ports_are_taken(sa_family_t family);

#endif
