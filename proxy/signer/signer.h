/* signer.h - the process that has the private keys.
 *
 * It knows one worker and the supervisor, and no network, no file and no stranger. The worker asks
 * for signatures (ipc.h); it gets those that a TLS server makes in a handshake, with keys that are
 * in service, and never a key. The keys of the last generation stay until the next is in service:
 * sessions that began with them may still have their handshake before them. */
#ifndef TLSFRONT_SIGNER_SIGNER_H
#define TLSFRONT_SIGNER_SIGNER_H

/* The exit status. The supervisor starts it with a socket as descriptor 3. */
int signer_run(unsigned index);

#endif
